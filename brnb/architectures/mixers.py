"""What mixes tokens in a layer: heads of attention, a latent vector, a recurrent state.

Each kind says how many parameters it has by component, how many of its weights multiply a token,
how many numbers it remembers of a context, and what reading that memory costs.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

Components = dict[str, int]  # parameters by component, see `brnb.architectures.architecture`


class Mixer(Protocol):
    """What an architecture asks of the part of a layer that mixes tokens."""

    @property
    def kind(self) -> str:
        """MHA, GQA, MQA, MLA or delta."""

    def maps(self, width: int) -> int:
        """Weights of the linear maps of a layer, which every token is multiplied with."""

    def parameters(self, width: int) -> Components:
        """All stored numbers, by component."""

    def cached(self, context: int) -> int:
        """Numbers that a layer remembers of `context` tokens."""

    def reading_flops(self, context: int) -> int:
        """Operations of one token on what is remembered of `context` tokens, itself included."""


@dataclass(frozen=True, kw_only=True)
class AttentionHeads:
    """Attention with query heads that may share keys and values (MHA, GQA, MQA).

    Attributes
    ----------
    heads, kv_heads
        Query heads, and the key-value heads that they share.
    head_dim, value_dim
        Width of a key and of a value.
    window
        Tokens that the layer sees, the current one included; None sees all.
    rope
        Whether positions rotate queries and keys.
    qk_norm
        Gains of the norm over queries and keys: one set for every head ("head"), one as wide as
        all of them ("width"), or no norm.
    bias, out_bias
        Of the query, key and value maps; of the output map.
    sinks
        A learned logit for each head, which takes attention and gives nothing.
    gated
        The query map also gives a gate for the heads' output.
    one_map
        Values come from the map of the keys (Gemma 4); they are kept apart, as only keys rotate.
    """

    heads: int
    kv_heads: int
    head_dim: int
    value_dim: int
    window: int | None = None
    rope: bool = True
    qk_norm: Literal["head", "width"] | None = None
    bias: bool = False
    out_bias: bool = False
    sinks: bool = False
    gated: bool = False
    one_map: bool = False

    @property
    def kind(self) -> str:
        """See `Mixer`."""
        return {self.heads: "MHA", 1: "MQA"}.get(self.kv_heads, "GQA")

    def seen(self, context: int) -> int:
        """Tokens of a context that the layer still sees."""
        return context if self.window is None else min(self.window, context)

    def maps(self, width: int) -> int:
        """See `Mixer`."""
        return width * (self._outputs() + self.heads * self.value_dim)

    def parameters(self, width: int) -> Components:
        """See `Mixer`."""
        biases = self._outputs() * self.bias + width * self.out_bias
        gains = {"head": 2, "width": self.heads + self.kv_heads, None: 0}[self.qk_norm]
        return {
            "attention": self.maps(width) + biases,
            "attention_norms": gains * self.head_dim,
            "sinks": self.heads * self.sinks,
        }

    def cached(self, context: int) -> int:
        """See `Mixer`: a key and a value of each key-value head for every token in sight."""
        return self.kv_heads * (self.head_dim + self.value_dim) * self.seen(context)

    def reading_flops(self, context: int) -> int:
        """See `Mixer`: scores and mixing (Eqs. C.27 and C.28 for one token)."""
        return 2 * self.heads * (self.head_dim + self.value_dim) * self.seen(context)

    def _outputs(self) -> int:
        queries = self.heads * self.head_dim * (2 if self.gated else 1)
        values = 0 if self.one_map else self.value_dim
        return queries + self.kv_heads * (self.head_dim + values)


@dataclass(frozen=True, kw_only=True)
class Indexer:
    """DeepSeek's sparse attention: small heads choose which tokens the large ones read.

    Source: DeepSeek-AI (2025), DeepSeek-V3.2-Exp, section 2.
    """

    heads: int
    head_dim: int
    chosen: int

    def maps(self, width: int, query_rank: int) -> int:
        """Weights of its three maps: queries, one key, and a weight for each head."""
        return query_rank * self.heads * self.head_dim + width * (self.head_dim + self.heads)


@dataclass(frozen=True, kw_only=True)
class Latent:
    """Multi-head latent attention: keys and values of all heads come from one short vector.

    The memory is that vector and one rotated key (Eqs. 9-19 of DeepSeek-V2, arXiv:2405.04434);
    `absorbed_flops` counts the form that reads it as it is, `reading_flops` the heads' own keys.

    Attributes
    ----------
    heads
        Query heads; each has keys and values of its own.
    query_rank
        Width of the queries' latent vector; None maps queries from the residual stream.
    rank
        Width of the latent vector of keys and values.
    nope_dim, rope_dim, value_dim
        Of a head: key without position, rotated key (shared by all heads), value.
    indexer
        What chooses the tokens that are read, if anything does.
    """

    heads: int
    query_rank: int | None
    rank: int
    nope_dim: int
    rope_dim: int
    value_dim: int
    indexer: Indexer | None = None

    kind = "MLA"
    window = None

    def maps(self, width: int) -> int:
        """See `Mixer`."""
        queries = self.heads * (self.nope_dim + self.rope_dim)
        asked = (width + queries) * self.query_rank if self.query_rank else width * queries
        down = width * (self.rank + self.rope_dim)
        up = self.rank * self.heads * (self.nope_dim + self.value_dim)
        chosen = self.indexer.maps(width, self.query_rank or width) if self.indexer else 0
        return asked + down + up + self.heads * self.value_dim * width + chosen

    def parameters(self, width: int) -> Components:
        """See `Mixer`; the norms are those of the latent vectors and of the indexer's key."""
        norms = (self.query_rank or 0) + self.rank
        norms += 2 * self.indexer.head_dim if self.indexer else 0  # a LayerNorm, with bias
        return {"attention": self.maps(width), "attention_norms": norms}

    def cached(self, context: int) -> int:
        """See `Mixer`."""
        return (self.rank + self.rope_dim + self._index_dim()) * context

    def reading_flops(self, context: int) -> int:
        """See `Mixer`, with the heads' own keys and values, as in training and in reading."""
        head = self.nope_dim + self.rope_dim + self.value_dim
        return 2 * self.heads * head * self._read(context) + self._choosing(context)

    def absorbed_flops(self, context: int) -> int:
        """Operations on the latent vectors themselves, the key map absorbed into the queries.

        That map and the value map multiply as many weights as before, so `maps` does not change.
        """
        head = 2 * self.rank + self.rope_dim
        return 2 * self.heads * head * self._read(context) + self._choosing(context)

    def _read(self, context: int) -> int:
        return min(context, self.indexer.chosen) if self.indexer else context

    def _choosing(self, context: int) -> int:
        return 2 * self.indexer.heads * self.indexer.head_dim * context if self.indexer else 0

    def _index_dim(self) -> int:
        return self.indexer.head_dim if self.indexer else 0


@dataclass(frozen=True, kw_only=True)
class Delta:
    """Gated delta rule: a matrix for each head instead of a cache (Yang et al., arXiv:2412.06464).

    Attributes
    ----------
    key_heads, value_heads
        Heads of queries and keys; of values, each with a state.
    key_dim, value_dim
        Rows and columns of a state.
    kernel
        Tokens that a short convolution sees before the rule.
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    kernel: int

    kind = "delta"
    window = None

    def maps(self, width: int) -> int:
        """See `Mixer`: queries, keys, values, gate, decay, step and output."""
        values = self.value_heads * self.value_dim
        return width * (self._channels() + 2 * values + 2 * self.value_heads)

    def parameters(self, width: int) -> Components:
        """See `Mixer`; a head also has a decay and a step bias."""
        own = self.kernel * self._channels() + 2 * self.value_heads
        return {"attention": self.maps(width) + own, "attention_norms": self.value_dim}

    def cached(self, context: int) -> int:
        """See `Mixer`: the states and the convolution's tokens, whatever the context."""
        state = self.value_heads * self.key_dim * self.value_dim
        return (state + self.kernel * self._channels()) * (context > 0)

    def reading_flops(self, context: int) -> int:
        """See `Mixer`: three products with the state, and the convolution."""
        state = self.value_heads * self.key_dim * self.value_dim
        return (6 * state + 2 * self.kernel * self._channels()) * (context > 0)

    def _channels(self) -> int:
        return 2 * self.key_heads * self.key_dim + self.value_heads * self.value_dim
