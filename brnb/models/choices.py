"""What a Transformer is made of, by name."""

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_origin

INITIAL_STD = 0.02  # of weights, unless a choice says otherwise


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

    def __post_init__(self) -> None:
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
        ):
            if not holds:
                raise ValueError(f"{name} = {getattr(self, name)}: it must be {rule}")

    @property
    def head_dim(self) -> int:
        """Width of a head, d_k of Eq. 3.1."""
        return self.width // self.heads
