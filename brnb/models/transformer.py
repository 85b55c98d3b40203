"""A decoder-only Transformer of named choices (thesis 3.2.2): a GPT, a Llama or a modern recipe.

Every version from v5 on is this one stack of pre-norm blocks, with other `Choices`.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brnb.models import moe
from brnb.models.choices import INITIAL_STD, Choices
from brnb.ops.activation import activation
from brnb.ops.loss import fused_cross_entropy
from brnb.ops.rope import rope_table, rotate

State = tuple[Tensor, ...]
Rotation = tuple[Tensor, Tensor] | None


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

    def forward(
        self, ids: Tensor, state: State | None = None, targets: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Logits of the next token, or their mean cross-entropy.

        Parameters
        ----------
        ids
            Token ids, shape (B, T).
        state
            Keys and values of the tokens before, as returned; none if None or empty.
        targets
            What came after each, shape (B, T), for the loss instead of the logits.

        Returns
        -------
        logits or loss, state
            Logits (B, T, V), or the loss in nats per token, 0-dim; keys and values of all tokens
            so far, two tensors (B, kv_heads, tokens, head_dim) a block. In training without a
            state nothing is kept: ().

        Raises
        ------
        ValueError
            If the tokens so far are more than the context.
        """
        x, new = self._trunk(ids, state)
        new = new if state or not self.training else ()
        if targets is not None:
            return self.loss(x, targets), new
        logits, cap = F.linear(x, self.head_weight), self.choices.softcap
        if cap is not None:  # in fp32: bf16 is coarse near the cap
            logits = cap * torch.tanh(logits.float() / cap)
        return logits, new

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of targets (B, T), of what the head reads (B, T, width)."""
        return fused_cross_entropy(x, self.head_weight, targets, softcap=self.choices.softcap)

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
                kind = matrices if parameter.dim() >= 2 else "vector"
                kinds["head" if module is self.head else kind].append(parameter)
        return kinds

    def auxiliary_loss(self) -> Tensor | None:
        """What training minimises beside the loss of the last forward pass; None: nothing."""
        return moe.auxiliary_loss(self)

    def after_step(self, total: Callable[[Tensor], Tensor]) -> None:
        """What follows a step of the optimizer; `total` sums over the processes of a training."""
        moe.rebalance(self, total)

    def _trunk(self, ids: Tensor, state: State | None) -> tuple[Tensor, State]:
        past = state[0].shape[2] if state else 0
        end = past + ids.shape[1]
        if end > self.choices.context:
            raise ValueError(
                f"the text is {end} tokens long, the model's context {self.choices.context}: "
                "shorten the window, the prompt or the sample, or train with a longer context"
            )
        rope = self.choices.position == "rope"
        rotation = (self.cos[past:end], self.sin[past:end]) if rope else None
        x = start = self.embed(ids, past)
        new: list[Tensor] = []
        for i, block in enumerate(self.blocks):
            x, *pair = block(x, start, ids, rotation, state[2 * i : 2 * i + 2] if state else ())
            new += pair
        return self.norm(x), tuple(new)

    def embed(self, ids: Tensor, past: int) -> Tensor:
        """The stream before the first block, (B, T, width), of ids after `past` other tokens."""
        x = self.embedding(ids)
        if self.choices.position == "learned":
            x = x + self.position_embedding.weight[past : past + ids.shape[1]]
        dropped: Tensor = self.dropout(x)
        return dropped

    @torch.no_grad()
    def _initialise(self) -> None:
        """N(0, 0.02); less by the number of branches that add up (Radford et al., 2019)."""
        zero = self.choices.zero_init
        projected = INITIAL_STD * math.sqrt(self.choices.width)  # a normed stream through `value`
        branch = INITIAL_STD / math.sqrt(2 * self.choices.layers)
        for name, parameter in self.named_parameters():
            into_stream = name.endswith((".out.weight", ".down.weight", ".mlp.down"))
            at_zero = name.endswith((".bias", "attention.gate.weight"))
            if at_zero or (zero and (into_stream or name == "head.weight")):
                nn.init.zeros_(parameter)
            elif parameter.dim() >= 2:
                std = branch if into_stream else INITIAL_STD
                if name == "embedding.weight":
                    std = self.choices.embedding_std
                elif name.endswith("value_embedding.weight"):
                    std = projected
                nn.init.normal_(parameter, std=std)


class Block(nn.Module):
    """x + Attention(norm(x)), then x + MLP(norm(x)), of the residual stream x."""

    def __init__(self, c: Choices, value_embedding: bool) -> None:
        super().__init__()
        self.attention_norm, self.attention = _norm(c), Attention(c, value_embedding)
        self.mlp_norm, self.mlp = _norm(c), _mlp(c)
        self.dropout = nn.Dropout(c.dropout)
        self.mix = nn.Parameter(torch.tensor([1.0, 0.0])) if c.input_skip else None

    def forward(
        self, x: Tensor, start: Tensor, ids: Tensor, rotation: Rotation, past: State
    ) -> State:
        """The stream after this block (B, T, width), and the keys and values so far; `start` is
        the stream before the first block."""
        if self.mix is not None:
            x = self.mix[0] * x + self.mix[1] * start
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
        self.gate = nn.Linear(c.width, c.heads, bias=False) if c.attention_gate else None

    def forward(self, x: Tensor, ids: Tensor, rotation: Rotation, past: State) -> State:
        """Output (B, T, width), and the keys and values so far (B, kv_heads, tokens, head_dim)."""
        return self.attend(x, self.query(x), self.key(x), self.value(x), ids, rotation, past)

    def attend(
        self,
        x: Tensor,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        ids: Tensor,
        rotation: Rotation,
        past: State,
    ) -> State:
        """`forward`, of projections (B, T, n·head_dim) that are known."""
        c = self.choices
        q, k, v = self.heads(q), self.heads(k), self.heads(v)
        if self.value_embedding is not None:
            v = self.mix[0] * v + self.mix[1] * self.heads(self.value_embedding(ids)).type_as(v)
        if c.qk_norm:
            q, k = (F.rms_norm(part, (c.head_dim,), eps=c.norm_eps) for part in (q, k))
        if rotation is not None:
            q, k = rotate(q, *rotation), rotate(k, *rotation)
        mask = None
        if past:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
            new, seen = q.shape[2], k.shape[2]
            if new > 1:  # is_causal would align the first query with the first key
                mask = torch.ones(new, seen, dtype=torch.bool, device=q.device).tril(seen - new)
        y = F.scaled_dot_product_attention(
            q, k, v, mask, c.dropout if self.training else 0.0, is_causal=not past,
            enable_gqa=c.kv_heads < c.heads,
        )  # fmt: skip
        return self.output(x, y), k, v

    def output(self, x: Tensor, y: Tensor) -> Tensor:
        """Output (B, T, width) of what the heads say, (B, heads, T, head_dim), about x."""
        if self.gate is not None:
            y = y * (2 * torch.sigmoid(self.gate(x))).transpose(1, 2).unsqueeze(-1)
        out: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return out

    def heads(self, x: Tensor) -> Tensor:
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
        gate = self.gate(x) if self.kind == "swiglu" else None
        y: Tensor = self.down(activation(self.kind, self.up(x), gate))
        return y


def _mlp(c: Choices) -> "MLP | moe.MoE":
    if c.experts is None:
        return MLP(c)
    shared = c.experts.shared_hidden
    every = MLP(replace(c, hidden=shared, experts=None)) if shared else None
    return moe.MoE(c.width, c.hidden, c.experts, every)


def _norm(c: Choices) -> nn.Module:
    if c.norm == "rmsnorm":
        return nn.RMSNorm(c.width, eps=c.norm_eps)
    return nn.LayerNorm(c.width, eps=c.norm_eps, bias=c.bias)
