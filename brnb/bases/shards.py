"""A frozen base that no GPU holds: its layers spread over the processes, gathered for their turn.

Each process keeps an equal part of every layer's bytes, NF4 with its scales or 16 bits as they are.
Whole layers exist in two buffers only, one at work and the next on its way: what a layer's maps
point at never moves, its content comes and goes. Embedding, norms and head stay whole everywhere,
and so do the adapters: a step is added up as with whole copies.

FSDP2 does not carry such a base: bitsandbytes' state is lost in its DTensors (as bytes it refuses
the weights, as bf16 it changes those that look like NaN: bitsandbytes issue 1945), the scales stay
whole, and it gathers around a module's own forward pass, which `brnb.finetune.layers` replaces.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Function

from brnb.train.parallel import World

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ALIGNED = 16  # bytes: every tensor of a layer begins at a multiple
# PyTorch 2.13 warns of the old name.
all_gather = getattr(dist, "all_gather_single", dist.all_gather_into_tensor)
SHARED_BUFFER = "shared_buffer"  # attribute of a weight whose content comes and goes


class Shards:
    """The layers of a base, of which this process keeps its part.

    All processes have to compute the same layers in the same order: each gathering is a meeting.
    What they compute, and whether they do at all, is up to each inside `together`.

    Parameters
    ----------
    world
        The processes.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.parts: list[Tensor] = []
        self.weights: list[list[Tensor]] = []
        self.buffers: list[Tensor] = []
        self.inside: list[int | None] = [None, None]
        self.coming: list[dist.Work | None] = [None, None]
        self.current: int | None = None
        self.returning = False

    def add(self, layer: nn.Module) -> None:
        """Keep this process's part of the next layer; its maps are empty until `attach`."""
        tensors = list(_large(layer))
        part = -(-sum(_room(t) for t in tensors) // (self.world.size * ALIGNED)) * ALIGNED
        whole = torch.zeros(self.world.size * part, dtype=torch.uint8, device=tensors[0].device)
        for tensor, view in zip(tensors, _views(whole, tensors), strict=True):
            view.copy_(tensor)
            nothing = torch.empty((), dtype=tensor.dtype, device=tensor.device)
            tensor.data = nothing.expand(tensor.shape)
        self.parts.append(whole[self.world.rank * part :][:part].clone())
        self.weights.append(tensors)

    def attach(self, model: "PreTrainedModel") -> None:
        """Lend the two buffers to the layers, and let them call for their turn."""
        size = self.world.size * max(len(part) for part in self.parts)
        self.buffers = [
            torch.empty(size, dtype=torch.uint8, device=self.parts[0].device) for _ in range(2)
        ]
        for i, tensors in enumerate(self.weights):
            for tensor, view in zip(tensors, _views(self.buffers[i % 2], tensors), strict=True):
                tensor.data = view
        layers: Any = model.base_model.layers
        for i, layer in enumerate(layers):
            layer.register_forward_pre_hook(lambda *_, i=i: self._turn(i, i + 1))
            layer.register_forward_hook(lambda _, __, output, i=i: self._on_return(i, output))
        model.shards = self  # type: ignore[assignment]

    def around(self, index: int, layer: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """A layer computed by other code than the module's, whose maps are there when it runs."""

        def run(*arguments: Any) -> Tensor:
            self._turn(index, index + 1)
            return self._on_return(index, layer(*arguments))

        return run

    @contextmanager
    def together(self, backward: bool) -> Iterator[None]:
        """Make the processes' passes of a step meet, though sizes differ or one has nothing.

        Raises
        ------
        torch.OutOfMemoryError
            In all processes, if memory ran out in one.
        """
        self.current, self.returning = None, False
        failed = None
        try:
            yield
        except torch.OutOfMemoryError as error:
            failed = str(error)
        self._finish(backward)
        if reasons := [reason for reason in self.world.gather(failed) if reason is not None]:
            raise torch.OutOfMemoryError(reasons[0])

    def _finish(self, backward: bool) -> None:
        """Meet the others in the layers of a pass that this process has not computed."""
        count = len(self.parts)
        if not self.returning:
            for i in range(0 if self.current is None else self.current + 1, count):
                self._turn(i, i + 1)
        if backward:
            for i in reversed(range(self.current or 0)):
                self._turn(i, i - 1)

    def _turn(self, index: int, ahead: int) -> None:
        """Have a layer whole, and the next one on its way."""
        if index == self.current:
            return
        self.current, self.returning = index, ahead < index
        self._fetch(index)
        if work := self.coming[index % 2]:
            work.wait()
            self.coming[index % 2] = None
        if 0 <= ahead < len(self.parts):
            self._fetch(ahead)

    def _fetch(self, index: int) -> None:
        """Begin to gather a layer into its buffer, unless it is there.

        A GPU's gathering begins after all that was launched before, so after the last use of the
        layer that is overwritten, and runs beside what is launched after.
        """
        slot, part = index % 2, self.parts[index]
        if self.inside[slot] != index:
            whole = self.buffers[slot][: self.world.size * len(part)]
            if pending := self.coming[slot]:
                pending.wait()
            self.coming[slot] = all_gather(whole, part, async_op=True)
            self.inside[slot] = index

    def _on_return(self, index: int, output: Tensor) -> Tensor:
        returned: Tensor = _Return.apply(output, self, index)
        return returned


class _Return(Function):
    """Nothing, but the backward pass of a layer begins with it."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, shards: Shards, index: int) -> Tensor:
        ctx.shards, ctx.index = shards, index
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        ctx.shards._turn(ctx.index, ctx.index - 1)
        return grad, None, None


def shards_of(model: Any) -> Shards | None:
    """The shards of a base; None where every process has all of it."""
    return getattr(model, "shards", None)


def is_lent(module: Any) -> bool:
    """Whether the content of a map comes and goes."""
    return getattr(module.weight, SHARED_BUFFER, False)


def _large(layer: nn.Module) -> Iterator[Tensor]:
    """The matrices of a layer, NF4 with their scales; the rest is not worth gathering."""
    for module in layer.modules():
        if isinstance(module, nn.Linear):
            setattr(module.weight, SHARED_BUFFER, True)
            yield module.weight
            if state := getattr(module.weight, "quant_state", None):
                yield state.absmax
                if state.nested:
                    yield state.state2.absmax


def _room(tensor: Tensor) -> int:
    return -(-tensor.nbytes // ALIGNED) * ALIGNED


def _views(whole: Tensor, tensors: list[Tensor]) -> Iterator[Tensor]:
    """The place of each tensor in the bytes of its layer."""
    start = 0
    for tensor in tensors:
        yield whole[start : start + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
        start += _room(tensor)
