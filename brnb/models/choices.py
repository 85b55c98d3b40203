"""What a Transformer is made of, by name."""

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_origin

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
        RMSNorm (Zhang & Sennrich, 2019); RoPE (Su et al., 2021); GELU in its tanh form, SwiGLU
        (Shazeer, 2020) or ReLU² (So et al., 2021).
    qk_norm
        Queries and keys of unit root mean square, no gain (Henry et al., 2020).
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
    mlp: Literal["gelu", "swiglu", "relu2"] = "gelu"
    qk_norm: bool = False
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
    experts: Experts | None = None

    def __post_init__(self) -> None:
        if isinstance(self.experts, dict):
            object.__setattr__(self, "experts", Experts(**self.experts))
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is int and value < 1:
                raise ValueError(f"{field.name} = {value}: it must be at least 1")
            if get_origin(field.type) is Literal and value not in get_args(field.type):
                raise ValueError(f"{field.name} = {value!r}: choose from {get_args(field.type)}")
        for name, holds, rule in (
            ("width", self.width % (2 * self.heads) == 0, f"a multiple of 2 * {self.heads} heads"),
            ("kv_heads", self.heads % self.kv_heads == 0, f"a divisor of heads = {self.heads}"),
            ("softcap", self.softcap is None or self.softcap > 0, "positive, or None for no limit"),
            ("mlp", self.experts is None or self.mlp == "swiglu", "swiglu where there are experts"),
            ("bias", self.experts is None or not self.bias, "False where there are experts"),
        ):
            if not holds:
                raise ValueError(f"{name} = {getattr(self, name)}: it must be {rule}")

    @property
    def head_dim(self) -> int:
        """Width of a head, d_k of Eq. 3.1."""
        return self.width // self.heads
