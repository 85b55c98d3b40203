"""A decoder-only Transformer of named choices (thesis 3.2.2): a GPT, a Llama or a modern recipe.

Every version from v5 on is this one stack of pre-norm blocks, with other `Choices`.
"""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args, get_origin

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = tuple[Tensor, ...]
Rotation = tuple[Tensor, Tensor] | None
INITIAL_STD = 0.02  # of all weights; larger embeddings make subnormal gradients, slow on CPU


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
    value_embeddings
        In every second block, the last included, the values are a learned mix of the usual
        projection and an embedding of the token (Zhou et al., 2024; as in modded-nanogpt).
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
    value_embeddings: bool = False
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


class TransformerLM(nn.Module):
    """A Transformer language model.

    Parameters
    ----------
    **choices
        The fields of `Choices`, which raises ValueError if they contradict each other.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, **choices: Any) -> None:
        super().__init__()
        c = self.choices = Choices(**choices)
        self.arguments = asdict(c)
        self.embedding = nn.Embedding(c.vocab_size, c.width)
        if c.position == "learned":
            self.position_embedding = nn.Embedding(c.context, c.width)
        else:
            cos, sin = rope_table(c.context, c.head_dim, c.rope_theta)
            self.register_buffer("cos", cos, persistent=False)
            self.register_buffer("sin", sin, persistent=False)
        self.dropout = nn.Dropout(c.dropout)
        self.blocks = nn.ModuleList(
            Block(c, value_embedding=c.value_embeddings and (c.layers - i) % 2 == 1)
            for i in range(c.layers)
        )
        self.norm = _norm(c)
        self.head = None if c.tied else nn.Linear(c.width, c.vocab_size, bias=False)
        self._initialise()

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits of the next token.

        Parameters
        ----------
        ids
            Token ids, shape (B, T).
        state
            Keys and values of the tokens before, as returned; none if None or empty.

        Returns
        -------
        logits, state
            Logits (B, T, V); keys and values of all tokens so far, two tensors (B, kv_heads,
            tokens, head_dim) a block. In training without a state nothing is kept: ().

        Raises
        ------
        ValueError
            If the tokens so far are more than the context.
        """
        x, new = self._trunk(ids, state)
        logits = F.linear(x, self.head_weight)
        if (cap := self.choices.softcap) is not None:  # in fp32: bf16 is coarse near the cap
            logits = cap * torch.tanh(logits.float() / cap)
        return logits, new if state or not self.training else ()

    def hidden(self, ids: Tensor) -> Tensor:
        """What the head reads (B, T, width), for losses that compute logits in parts: these are
        ``hidden @ head_weight.T``, softly capped if the model has a softcap."""
        return self._trunk(ids, None)[0]

    @property
    def head_weight(self) -> Tensor:
        """Weight of the head, shape (V, width); the embedding's if they are tied."""
        return (self.head or self.embedding).weight

    def parameters_by_kind(self) -> dict[str, list[nn.Parameter]]:
        """Every parameter once, as optimizers tell them apart: ``"hidden"`` (matrices, for Muon),
        ``"embedding"`` (a tied head too), ``"head"``, ``"vector"`` (biases, gains, mixes)."""
        kinds = {kind: list[nn.Parameter]() for kind in ("hidden", "embedding", "head", "vector")}
        for module in self.modules():
            matrices = "embedding" if isinstance(module, nn.Embedding) else "hidden"
            for parameter in module.parameters(recurse=False):
                kind = matrices if parameter.dim() == 2 else "vector"
                kinds["head" if module is self.head else kind].append(parameter)
        return kinds

    def _trunk(self, ids: Tensor, state: State | None) -> tuple[Tensor, State]:
        past = state[0].shape[2] if state else 0
        end = past + ids.shape[1]
        if end > self.choices.context:
            raise ValueError(
                f"the text is {end} tokens long, the model's context {self.choices.context}: "
                "shorten the window, the prompt or the sample, or train with a longer context"
            )
        x, rotation = self.embedding(ids), None
        if self.choices.position == "rope":
            rotation = self.cos[past:end], self.sin[past:end]
        else:
            x = x + self.position_embedding.weight[past:end]
        x = self.dropout(x)
        new: list[Tensor] = []
        for i, block in enumerate(self.blocks):
            x, *pair = block(x, ids, rotation, state[2 * i : 2 * i + 2] if state else ())
            new += pair
        return self.norm(x), tuple(new)

    @torch.no_grad()
    def _initialise(self) -> None:
        """N(0, 0.02); less by the number of branches that add up (Radford et al., 2019)."""
        zero = self.choices.zero_init
        branch = INITIAL_STD / math.sqrt(2 * self.choices.layers)
        for name, parameter in self.named_parameters():
            into_stream = name.endswith((".out.weight", ".down.weight"))
            if name.endswith(".bias") or (zero and (into_stream or name == "head.weight")):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2:
                nn.init.normal_(parameter, std=branch if into_stream else INITIAL_STD)


class Block(nn.Module):
    """x + Attention(norm(x)), then x + MLP(norm(x)); each addition is a branch."""

    def __init__(self, c: Choices, value_embedding: bool) -> None:
        super().__init__()
        self.attention_norm, self.attention = _norm(c), Attention(c, value_embedding)
        self.mlp_norm, self.mlp = _norm(c), MLP(c)
        self.dropout = nn.Dropout(c.dropout)

    def forward(self, x: Tensor, ids: Tensor, rotation: Rotation, past: State) -> State:
        """The stream after this block, and the keys and values so far."""
        y, k, v = self.attention(self.attention_norm(x), ids, rotation, past)
        x = x + self.dropout(y)
        return x + self.dropout(self.mlp(self.mlp_norm(x))), k, v


class Attention(nn.Module):
    """Causal attention in several heads, softmax(QK^T / sqrt(d_k)) V in each (Eq. 3.1)."""

    def __init__(self, c: Choices, value_embedding: bool) -> None:
        super().__init__()
        self.choices = c
        kv_width = c.kv_heads * c.head_dim
        self.query = nn.Linear(c.width, c.width, bias=c.bias)
        self.key = nn.Linear(c.width, kv_width, bias=c.bias)
        self.value = nn.Linear(c.width, kv_width, bias=c.bias)
        self.out = nn.Linear(c.width, c.width, bias=c.bias)
        self.value_embedding = nn.Embedding(c.vocab_size, kv_width) if value_embedding else None
        if value_embedding:
            self.mix = nn.Parameter(torch.tensor([0.5, 0.5]))

    def forward(self, x: Tensor, ids: Tensor, rotation: Rotation, past: State) -> State:
        """Output (B, T, width), and the keys and values so far (B, kv_heads, tokens, head_dim)."""
        c = self.choices
        q, k, v = (self._heads(project(x)) for project in (self.query, self.key, self.value))
        if self.value_embedding is not None:
            v = self.mix[0] * v + self.mix[1] * self._heads(self.value_embedding(ids)).type_as(v)
        if c.qk_norm:
            q, k = (F.rms_norm(part, (c.head_dim,), eps=c.norm_eps) for part in (q, k))
        if rotation is not None:
            q, k = rotate(q, *rotation), rotate(k, *rotation)
        if past:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        new, seen, mask = q.shape[2], k.shape[2], None
        if past and new > 1:  # is_causal would align the first query with the first key
            mask = torch.ones(new, seen, dtype=torch.bool, device=x.device).tril(seen - new)
        dropout = c.dropout if self.training else 0.0
        grouped = c.kv_heads < c.heads
        y = F.scaled_dot_product_attention(q, k, v, mask, dropout, not past, enable_gqa=grouped)
        return self.out(y.transpose(1, 2).flatten(2)), k, v

    def _heads(self, x: Tensor) -> Tensor:
        """(B, T, n·head_dim) to (B, n, T, head_dim)."""
        return x.unflatten(-1, (-1, self.choices.head_dim)).transpose(1, 2)


class MLP(nn.Module):
    """down(f(up(x))) with f GELU or ReLU², or down(SiLU(gate(x)) · up(x)) for SwiGLU."""

    def __init__(self, c: Choices) -> None:
        super().__init__()
        self.kind = c.mlp
        if c.mlp == "swiglu":
            self.gate = nn.Linear(c.width, c.hidden, bias=c.bias)
        self.up = nn.Linear(c.width, c.hidden, bias=c.bias)
        self.down = nn.Linear(c.hidden, c.width, bias=c.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, T, width) to the same."""
        up = self.up(x)
        if self.kind == "swiglu":
            return self.down(F.silu(self.gate(x)) * up)
        if self.kind == "relu2":
            return self.down(F.relu(up).square())
        return self.down(F.gelu(up, approximate="tanh"))


def rope_table(context: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every position's angles, m · theta^(-2i/d); two (context, d/2) tensors."""
    frequencies = 1.0 / theta ** (torch.arange(0, head_dim, 2).float() / head_dim)
    angles = torch.outer(torch.arange(context).float(), frequencies)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (x_i, x_{i+d/2}) of queries or keys, shape (B, n, T, d), by the angles of
    the T positions, shapes (T, d/2) (Su et al., 2021, Eq. 34; Llama's pairing)."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).type_as(x)


def _norm(c: Choices) -> nn.Module:
    if c.norm == "rmsnorm":
        return nn.RMSNorm(c.width, eps=c.norm_eps)
    return nn.LayerNorm(c.width, eps=c.norm_eps, bias=c.bias)
