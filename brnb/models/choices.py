"""What a Transformer is made of, by name."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, get_args, get_origin

Rule = tuple[str, bool, str]  # a field, whether it is as it must be, and how that is
INITIAL_STD = 0.02  # of weights, unless a choice says otherwise


@dataclass(frozen=True, kw_only=True)
class Experts:
    """What a mixture of experts is made of (`brnb.models.moe`).

    Attributes
    ----------
    count, top_k
        Experts, E, and how many a token goes to.
    router
        Weights are a softmax over all experts (Mixtral), or sigmoids (DeepSeek V3); in both the
        weights of those chosen then add up to `scale`.
    shared_hidden
        Width inside an expert that all tokens go through; 0 for none.
    groups, top_groups
        Experts stand in so many groups, and are chosen from so many of them: 1 and 1 for no groups.
    scale
        Sum of a token's weights.
    balance_loss
        Coefficient of the loss that keeps experts evenly busy (Fedus et al., 2022); 0 for none.
    bias_rate
        Step of the bias that does the same without a loss (Wang et al., 2024); with sigmoids.
    """

    count: int
    top_k: int
    router: Literal["softmax", "sigmoid"] = "softmax"
    shared_hidden: int = 0
    groups: int = 1
    top_groups: int = 1
    scale: float = 1.0
    balance_loss: float = 0.0
    bias_rate: float = 0.0

    def __post_init__(self) -> None:
        in_group = self.count // max(1, self.groups)
        for name, holds, rule in (
            ("top_k", 1 <= self.top_k <= self.count, f"from 1 to count = {self.count}"),
            ("router", self.router in ("softmax", "sigmoid"), "softmax or sigmoid"),
            ("shared_hidden", self.shared_hidden >= 0, "a width, or 0 for none"),
            ("groups", self.groups >= 1 and self.count % self.groups == 0, "a divisor of count"),
            ("groups", self.groups == 1 or in_group > 1, "few enough that each has two experts"),
            ("top_groups", 1 <= self.top_groups <= self.groups, f"from 1 to {self.groups}"),
            ("top_k", self.top_k <= self.top_groups * in_group, "what the chosen groups hold"),
            ("bias_rate", not self.bias_rate or self.router == "sigmoid", "0 with a softmax"),
        ):
            if not holds:
                raise ValueError(f"experts.{name} = {getattr(self, name)!r}: it must be {rule}")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a `TransformerLM` is made of; the defaults are GPT-2's.

    Attributes
    ----------
    vocab_size, context
        Number of tokens V, and the most of them the model can look at.
    width, layers, hidden
        Width of the residual stream, number of blocks, width inside the MLP.
    heads, kv_heads
        Query heads, and the key-value heads that they share: as many is multi-head attention,
        fewer grouped-query (Ainslie et al., 2023), one multi-query attention.
    norm, position, mlp
        RMSNorm (Zhang & Sennrich, 2019); RoPE (Su et al., 2021); GELU in its tanh form, SwiGLU and
        GeGLU (Shazeer, 2020), ReLU and ReLU² (So et al., 2021).
    qk_norm
        Queries and keys of unit root mean square, no gain (True; after Henry et al., 2020); the
        same with a learnt gain (``"learnt"``: Qwen 3, Gemma 3); of unit length, their products not
        divided by sqrt(d_k) (``"l2"``, as the lecture prints it).
    tied, bias
        The head is the embedding (Press & Wolf, 2017); biases in linear maps and LayerNorm.
    rope_theta, norm_eps
        Base of RoPE's wavelengths; added to the variance in every norm.
    dropout
        Share dropped of the embedding, of attention weights and of what each branch adds.
    zero_init
        Projections into the residual stream and an untied head start at 0 (Yang et al., 2022).
    embedding_std
        Of the token embeddings at the start; much larger ones in a tied head make subnormal
        gradients, slow on CPUs.
    value_embeddings
        In every second block, the last included, the values are a learned mix of the usual
        projection and an embedding of the token (Zhou et al., 2024; as in modded-nanogpt), which
        starts at the size of the projection.
    attention_gate
        Each head's output is multiplied by a sigmoid of what the block reads (Qiu et al., 2025),
        twice that: it starts at 1.
    input_skip
        Each block reads a learned mix of the stream, at first this alone, and of the embeddings
        that the first block read (as in modded-nanogpt).
    softcap
        Largest size of a logit, c·tanh(logit/c) (Gemma 2, 2024); None for no limit.
    norm_place
        Where each branch is normed: what it reads (``"pre"``), the stream after it (``"post"``,
        Vaswani et al., 2017; no norm before the head), what it reads and what it adds
        (``"sandwich"``, Gemma 2 and 3), or what it adds (``"reordered"``, OLMo 2).
    window, global_every
        Tokens that a local block sees, itself among them (Mistral 7B, 2023), and that every n-th
        block sees all (Gemma 3: 6; GPT-OSS: 2); with None all blocks are local.
    local_rope_theta
        Of local blocks, never scaled, where they have a base of their own (Gemma 3).
    sinks
        A learnt logit a head that takes attention from the keys and gives nothing (GPT-OSS, 2025).
    kv_rank, rope_dim, query_rank
        Multi-head latent attention (DeepSeek-V2, 2024) if the first two are given: width of the
        latent that stands for all keys and values, width of a head that RoPE turns, beside
        head_dim that it does not, and width of the latent of the queries, if they have one.
    rope_scaling, rope_factor, original_context
        How RoPE reaches `rope_factor` times the context that it was trained for
        (`brnb.ops.rope_scaling`).
    experts
        Makes the MLP of every block a mixture of SwiGLU experts, each `hidden` wide inside; None
        for one MLP. May be given as a dict of fields.
    """

    vocab_size: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    context: int
    hidden: int
    norm: Literal["layernorm", "rmsnorm"] = "layernorm"
    position: Literal["learned", "rope"] = "learned"
    mlp: Literal["gelu", "swiglu", "relu2", "geglu", "relu"] = "gelu"
    qk_norm: bool | Literal["learnt", "l2"] = False
    tied: bool = True
    bias: bool = True
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-5
    dropout: float = 0.0
    zero_init: bool = False
    embedding_std: float = INITIAL_STD
    value_embeddings: bool = False
    attention_gate: bool = False
    input_skip: bool = False
    softcap: float | None = None
    norm_place: Literal["pre", "post", "sandwich", "reordered"] = "pre"
    window: int | None = None
    global_every: int | None = None
    local_rope_theta: float | None = None
    sinks: bool = False
    kv_rank: int | None = None
    rope_dim: int | None = None
    query_rank: int | None = None
    rope_scaling: Literal["none", "linear", "ntk", "dynamic", "yarn", "llama3"] = "none"
    rope_factor: float = 1.0
    original_context: int | None = None
    experts: Experts | None = None

    def __post_init__(self) -> None:
        if isinstance(self.experts, dict):
            object.__setattr__(self, "experts", Experts(**self.experts))
        for field in fields(self):
            value = getattr(self, field.name)
            if int in (field.type, *get_args(field.type)) and value is not None and value < 1:
                raise ValueError(f"{field.name} = {value}: it must be at least 1")
            if get_origin(field.type) is Literal and value not in get_args(field.type):
                raise ValueError(f"{field.name} = {value!r}: choose from {get_args(field.type)}")
        for name, holds, rule in (*self._rules(), *self._attention_rules(), *self._rope_rules()):
            if not holds:
                raise ValueError(f"{name} = {getattr(self, name)!r}: {rule}")

    def _rules(self) -> Iterator[Rule]:
        yield (
            "width",
            self.width % (2 * self.heads) == 0,
            f"it must be a multiple of 2 * {self.heads} heads",
        )
        yield (
            "kv_heads",
            self.heads % self.kv_heads == 0,
            f"it must be a divisor of heads = {self.heads}",
        )
        capped = self.softcap is None or self.softcap > 0
        yield "softcap", capped, "it must be positive, or None for no limit"
        kinds = False, True, "learnt", "l2"
        yield "qk_norm", self.qk_norm in kinds, f"choose from {kinds}"
        plain = self.experts is None
        yield "mlp", plain or self.mlp == "swiglu", "it must be swiglu where there are experts"
        yield "bias", plain or not self.bias, "it must be False where there are experts"

    def _attention_rules(self) -> Iterator[Rule]:
        for name in ("global_every", "local_rope_theta"):
            unset = getattr(self, name) is None
            yield name, unset or self.window is not None, "it needs a window; set one"
        yield "global_every", self.global_every != 1, "all blocks see all: leave window out instead"
        for name in ("rope_dim", "query_rank"):
            unset = getattr(self, name) is None
            yield name, unset or self.kv_rank is not None, "it needs kv_rank; set one"
        if self.kv_rank is None:
            return
        even = self.rope_dim is not None and self.rope_dim % 2 == 0
        yield "rope_dim", even, "kv_rank needs an even rope_dim; set one"
        yield "position", self.position == "rope", 'kv_rank needs "rope"'
        shared = f"with kv_rank all heads share one latent; set kv_heads = heads = {self.heads}"
        yield "kv_heads", self.kv_heads == self.heads, shared
        for name in ("window", "sinks", "qk_norm", "value_embeddings", "attention_gate"):
            yield (
                name,
                not getattr(self, name),
                "latent attention has none; leave it or kv_rank out",
            )

    def _rope_rules(self) -> Iterator[Rule]:
        rope = self.position == "rope"
        for name, unset in (("rope_scaling", "none"), ("local_rope_theta", None)):
            yield name, rope or getattr(self, name) == unset, 'it needs position = "rope"'
        scaled = self.rope_scaling != "none"
        yield "rope_factor", self.rope_factor >= 1, "it must be at least 1"
        yield "rope_factor", scaled or self.rope_factor == 1, "it needs a kind of rope_scaling"
        known = self.original_context is not None
        if self.rope_scaling in ("dynamic", "yarn", "llama3"):
            yield "original_context", known, f"rope_scaling = {self.rope_scaling!r} needs it"
        else:
            yield "original_context", not known, f"rope_scaling = {self.rope_scaling!r} has none"

    @property
    def head_dim(self) -> int:
        """Width of a head, d_k of Eq. 3.1."""
        return self.width // self.heads

    @property
    def rotated_dim(self) -> int:
        """Width of a head that RoPE turns: all of it, but in latent attention."""
        return self.rope_dim or self.head_dim

    def is_local(self, block: int) -> bool:
        """Whether a block, counted from 0, sees only a window."""
        everything = self.global_every is not None and (block + 1) % self.global_every == 0
        return self.window is not None and not everything
