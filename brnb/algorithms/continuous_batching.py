"""Algorithm 21: continuous batching, where a request that is done makes room for the next."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from brnb.algorithms.paged import PagedCache, decode_step


@dataclass
class Request:
    """A prompt of some token ids, to be continued greedily by `tokens` tokens."""

    prompt: list[int]
    tokens: int
    made: list[int] = field(default_factory=list)
    read: int = 0

    @property
    def length(self) -> int:
        """Steps of the model that it takes: the last token is not read again."""
        return len(self.prompt) + self.tokens - 1

    @property
    def finished(self) -> bool:
        """Whether it has all of its tokens."""
        return len(self.made) == self.tokens

    @property
    def next(self) -> int:
        """The token that the model reads next."""
        return (self.prompt + self.made)[self.read]


@dataclass
class Served:
    """What a run of requests took.

    Attributes
    ----------
    steps, rows
        Times that the model ran, and sequences that it read a token of, all together.
    slots, filled
        Slots of the cache's pages in use, and those that held a token, added up over the steps.
    """

    steps: int = 0
    rows: int = 0
    slots: int = 0
    filled: int = 0

    @property
    def wasted(self) -> float:
        """Share of the slots of pages in use that were empty."""
        return 1 - self.filled / self.slots

    def utilisation(self, batch: int) -> float:
        """Share of a batch's rows that worked for a request (B.133, B.136)."""
        return self.rows / (self.steps * batch)


def serve(
    model: Any, requests: Sequence[Request], batch: int, cache: PagedCache, continuous: bool = True
) -> Served:
    """Answer all requests; their `made` holds the tokens (Algorithm 21).

    Parameters
    ----------
    model
        As `brnb.algorithms.paged.decode_step` takes it.
    batch
        Most requests at a time.
    continuous
        Whether a request enters as soon as another has finished. Otherwise a whole batch enters
        when the last of the one before has finished, as in padded batching.
    """
    waiting, active = deque(enumerate(requests)), dict[int, Request]()
    served = Served()
    while waiting or active:
        if continuous or not active:
            while waiting and len(active) < batch:
                number, request = waiting.popleft()
                active[number] = request
        logits = decode_step(model, [request.next for request in active.values()], [*active], cache)
        served.steps, served.rows = served.steps + 1, served.rows + len(active)
        slots, filled = cache.slots()
        served.slots, served.filled = served.slots + slots, served.filled + filled
        for request, token in zip(active.values(), logits.argmax(-1).tolist(), strict=True):
            request.read += 1
            if request.read >= len(request.prompt):
                request.made.append(token)
        for number in [number for number, request in active.items() if request.finished]:
            del active[number]
            cache.release(number)
    return served


def padded_utilisation(requests: Sequence[Request], batch: int) -> float:
    """What B.133 predicts of padded batches, taken in this order: lengths over the longest's."""
    groups = [requests[i : i + batch] for i in range(0, len(requests), batch)]
    longest = sum(max(request.length for request in group) for group in groups)
    return sum(request.length for request in requests) / (batch * longest)
