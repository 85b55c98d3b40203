"""Algorithm 20: PagedAttention, a cache of keys and values in pages (Kwon et al., 2023)."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from brnb.algorithms.online_softmax import merge_partial, nothing, partial_attention


class PagedCache:
    """Keys and values of many sequences, in pages that they take when they need one.

    Parameters
    ----------
    model
        A plain `brnb.models.transformer.TransformerLM`, for its sizes.
    pages, page_size
        Number of pages of the pool, and P, tokens of a page.

    Attributes
    ----------
    tables
        The pages of each sequence, in the order of its tokens.
    lengths
        Tokens of each sequence.
    """

    def __init__(self, model: Any, pages: int, page_size: int = 16) -> None:
        c, weight = model.choices, model.head_weight
        shape = (c.layers, pages, c.kv_heads, page_size, c.head_dim)
        self.keys, self.values = weight.new_zeros(shape), weight.new_zeros(shape)
        self.page_size, self.heads = page_size, c.heads
        self.free, self.readers = list(range(pages))[::-1], [0] * pages
        self.tables: dict[int, list[int]] = {}
        self.lengths: dict[int, int] = {}

    def extend(self, sequence: int) -> None:
        """Make room for one more token of a sequence, which may be new.

        Raises
        ------
        MemoryError
            If a page is needed and none is free.
        """
        table, length = self.tables.setdefault(sequence, []), self.lengths.get(sequence, 0)
        if length % self.page_size == 0:
            table.append(self._take())
        elif self.readers[table[-1]] > 1:  # shared: it writes into a copy of its own
            self._copy_last(table)
        self.lengths[sequence] = length + 1

    def fork(self, sequence: int, copy: int) -> None:
        """Let a new sequence continue this one; they share the pages that both have."""
        self.tables[copy], self.lengths[copy] = list(self.tables[sequence]), self.lengths[sequence]
        for page in self.tables[copy]:
            self.readers[page] += 1

    def release(self, sequence: int) -> None:
        """Give back the pages of a sequence that nobody else reads."""
        del self.lengths[sequence]
        for page in self.tables.pop(sequence):
            self.readers[page] -= 1
            if not self.readers[page]:
                self.free.append(page)

    def write(self, layer: int, sequences: Sequence[int], k: Tensor, v: Tensor) -> None:
        """Store the last token of each sequence, (B, kv_heads, head_dim)."""
        at = [self.lengths[sequence] - 1 for sequence in sequences]
        pages = [self.tables[s][i // self.page_size] for s, i in zip(sequences, at, strict=True)]
        slots = [i % self.page_size for i in at]
        self.keys[layer, pages, :, slots] = k
        self.values[layer, pages, :, slots] = v

    def attend(self, layer: int, sequences: Sequence[int], q: Tensor) -> Tensor:
        """Attention of each sequence's query to its own pages, one after the other.

        Parameters
        ----------
        q
            Shape (B, heads, head_dim).

        Returns
        -------
        Tensor
            The same shape.
        """
        lengths = torch.tensor([self.lengths[sequence] for sequence in sequences])
        count = -(-int(lengths.max()) // self.page_size)
        tables = [self.tables[s] + [0] * (count - len(self.tables[s])) for s in sequences]
        q, groups = q.unsqueeze(2) / q.shape[-1] ** 0.5, self.heads // self.keys.shape[2]
        part = nothing(q, q)
        for number, pages in enumerate(zip(*tables, strict=True)):
            k, v = (
                pool[layer, list(pages)].repeat_interleave(groups, dim=1)
                for pool in (self.keys, self.values)
            )
            token = number * self.page_size + torch.arange(self.page_size)
            unseen = (token >= lengths[:, None]).to(q.device)[:, None, None]
            part = merge_partial(
                part, partial_attention((q @ k.mT).masked_fill(unseen, -torch.inf), v)
            )
        return part.output.squeeze(2)

    def slots(self) -> tuple[int, int]:
        """Slots for a token in the pages in use, and how many of them hold one."""
        filled: dict[int, int] = {}
        for sequence, table in self.tables.items():
            for number, page in enumerate(table):
                here = min(self.lengths[sequence] - number * self.page_size, self.page_size)
                filled[page] = max(filled.get(page, 0), here)
        return len(filled) * self.page_size, sum(filled.values())

    def _take(self) -> int:
        if not self.free:
            raise MemoryError("no page of the cache is free: give it more pages, or fewer requests")
        page = self.free.pop()
        self.readers[page] = 1
        return page

    def _copy_last(self, table: list[int]) -> None:
        shared = table[-1]
        self.readers[shared] -= 1
        table[-1] = self._take()
        for pool in (self.keys, self.values):
            pool[:, table[-1]] = pool[:, shared]


@torch.no_grad()
def decode_step(
    model: Any, ids: Sequence[int], sequences: Sequence[int], cache: PagedCache
) -> Tensor:
    """Read one more token of each sequence, of whatever lengths; logits of the next, (B, V).

    Parameters
    ----------
    model
        A Transformer without what only v7 has: norms of queries and keys, gates, mixes, a softcap.
    ids
        The token of each sequence.
    """
    for sequence in sequences:
        cache.extend(sequence)
    at = torch.tensor([cache.lengths[sequence] - 1 for sequence in sequences])
    head_dim = model.choices.head_dim
    x = model.embedding(torch.tensor(ids, device=cache.keys.device))
    rope = model.choices.position == "rope"
    if not rope:
        x = x + model.position_embedding.weight[at]
    for layer, block in enumerate(model.blocks):
        mine, normed = block.attention, block.attention_norm(x)
        q, k, v = (
            part(normed).unflatten(-1, (-1, head_dim))
            for part in (mine.query, mine.key, mine.value)
        )
        if rope:
            q, k = (_turn(part, model.cos[at], model.sin[at]) for part in (q, k))
        cache.write(layer, sequences, k, v)
        x = x + mine.out(cache.attend(layer, sequences, q).flatten(1))
        x = x + block.mlp(block.mlp_norm(x))
    return F.linear(model.norm(x), model.head_weight)


def _turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Pairs (i, i + d/2) of heads (B, n, d), by the angles of a position each, (B, d/2)."""
    (first, second), cos, sin = x.chunk(2, dim=-1), cos[:, None], sin[:, None]
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
