"""A decoder-only Transformer of named choices (thesis 3.2.2): a GPT, a Llama or a modern recipe.

Every version from v5 on is this one stack of blocks, with other `Choices`. Norms and where they
stand are in `brnb.models.norms`, latent attention in `brnb.models.latent`.
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
from brnb.models.latent import LatentAttention
from brnb.models.norms import Residual, branch_norm, head_norm, qk_norm
from brnb.ops.activation import activation
from brnb.ops.causal import causal_attention
from brnb.ops.loss import fused_cross_entropy
from brnb.ops.rope import rope_table, rotate
from brnb.ops.rope_scaling import Scaling

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
    local_cos: Tensor
    local_sin: Tensor

    def __init__(self, **choices: Any) -> None:
        super().__init__()
        c = self.choices = Choices(**choices)
        self.arguments = asdict(c)
        self.embedding = nn.Embedding(c.vocab_size, c.width)
        if c.position == "learned":
            self.position_embedding = nn.Embedding(c.context, c.width)
        else:
            scaling = Scaling(c.rope_scaling, c.rope_factor, c.original_context)
            cos, sin = rope_table(c.context, c.rotated_dim, c.rope_theta, scaling)
            self.register_buffer("cos", cos, persistent=False)
            self.register_buffer("sin", sin, persistent=False)
            if c.local_rope_theta is not None:
                cos, sin = rope_table(c.context, c.rotated_dim, c.local_rope_theta)
            self.register_buffer("local_cos", cos, persistent=False)
            self.register_buffer("local_sin", sin, persistent=False)
        self.dropout = nn.Dropout(c.dropout)
        self.blocks = nn.ModuleList(
            Block(c, c.value_embeddings and (c.layers - i) % 2 == 1, c.is_local(i))
            for i in range(c.layers)
        )
        self.norm = head_norm(c)
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
            so far, two tensors (B, kv_heads, tokens, head_dim) a block. Local blocks keep what
            their window still sees, and how many tokens there were stands at the end; latent
            attention keeps latents. In training without a state nothing is kept: ().

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
        past = self._tokens(state)
        end = past + ids.shape[1]
        if end > self.choices.context:
            raise ValueError(
                f"the text is {end} tokens long, the model's context {self.choices.context}: "
                "shorten the window, the prompt or the sample, or train with a longer context"
            )
        rotations = {local: self._rotation(past, end, local) for local in (False, True)}
        x = start = self.embed(ids, past)
        new: list[Tensor] = []
        for i, block in enumerate(self.blocks):
            before = state[2 * i : 2 * i + 2] if state else ()
            x, *pair = block(x, start, ids, rotations[bool(block.local)], before)
            new += pair
        if new and self.choices.window is not None:
            new.append(torch.tensor(end))
        return self.norm(x), tuple(new)

    def _tokens(self, state: State | None) -> int:
        """How many tokens a state is of."""
        if not state:
            return 0
        return state[0].shape[2] if self.choices.window is None else int(state[-1])

    def _rotation(self, past: int, end: int, local: bool) -> Rotation:
        if self.choices.position != "rope":
            return None
        cos, sin = (self.local_cos, self.local_sin) if local else (self.cos, self.sin)
        return cos[past:end], sin[past:end]

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
    """x + Attention(norm(x)), then x + MLP(norm(x)), of the residual stream x, if the norms do not
    stand elsewhere."""

    def __init__(self, c: Choices, value_embedding: bool, local: bool) -> None:
        super().__init__()
        self.local = local
        self.attention_norm, self.attention_residual = branch_norm(c), Residual(c)
        latent = c.kv_rank is not None
        self.attention = LatentAttention(c) if latent else Attention(c, value_embedding, local)
        self.mlp_norm, self.mlp_residual, self.mlp = branch_norm(c), Residual(c), _mlp(c)
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
        x = self.attention_residual(x, self.dropout(y))
        return self.mlp_residual(x, self.dropout(self.mlp(self.mlp_norm(x)))), k, v


class Attention(nn.Module):
    """Causal attention in several heads, softmax(QK^T / sqrt(d_k)) V in each (Eq. 3.1)."""

    def __init__(self, c: Choices, value_embedding: bool, local: bool = False) -> None:
        super().__init__()
        self.choices, self.window = c, c.window if local else None
        kv_width = c.kv_heads * c.head_dim
        self.query = nn.Linear(c.width, c.width, bias=c.bias)
        self.key = nn.Linear(c.width, kv_width, bias=c.bias)
        self.value = nn.Linear(c.width, kv_width, bias=c.bias)
        self.out = nn.Linear(c.width, c.width, bias=c.bias)
        self.value_embedding = nn.Embedding(c.vocab_size, kv_width) if value_embedding else None
        if value_embedding:
            self.mix = nn.Parameter(torch.tensor([0.5, 0.5]))
        self.gate = nn.Linear(c.width, c.heads, bias=False) if c.attention_gate else None
        self.query_norm, self.key_norm = qk_norm(c), qk_norm(c)
        self.scale = 1.0 if c.qk_norm == "l2" else None
        self.sinks = nn.Parameter(torch.zeros(c.heads)) if c.sinks else None

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
        q, k, v = self.heads(q), self.heads(k), self.heads(v)
        if self.value_embedding is not None:
            v = self.mix[0] * v + self.mix[1] * self.heads(self.value_embedding(ids)).type_as(v)
        if self.query_norm is not None and self.key_norm is not None:
            q, k = self.query_norm(q).type_as(q), self.key_norm(k).type_as(k)
        if rotation is not None:
            q, k = rotate(q, *rotation), rotate(k, *rotation)
        if past:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        y = self.weigh(q, k, v)
        if self.window is not None:  # a later token sees itself and one less
            first = max(0, k.shape[2] - self.window + 1)
            k, v = k[:, :, first:], v[:, :, first:]
        return self.output(x, y), k, v

    def weigh(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Softmax(QK^T / sqrt(d_k)) V of the last T tokens so far, (B, heads, T, head_dim)."""
        dropout = self.choices.dropout if self.training else 0.0
        return causal_attention(q, k, v, self.window, self.sinks, self.scale, dropout)

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
    """down(f(up(x))) with f GELU, ReLU or ReLU², or with a gate down(f(gate(x)) · up(x)), f SiLU
    or GELU."""

    def __init__(self, c: Choices) -> None:
        super().__init__()
        self.kind, self.gated = c.mlp, c.mlp in ("swiglu", "geglu")
        if self.gated:
            self.gate = nn.Linear(c.width, c.hidden, bias=c.bias)
        self.up = nn.Linear(c.width, c.hidden, bias=c.bias)
        self.down = nn.Linear(c.hidden, c.width, bias=c.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, T, width) to the same."""
        gate = self.gate(x) if self.gated else None
        y: Tensor = self.down(activation(self.kind, self.up(x), gate))
        return y


def _mlp(c: Choices) -> "MLP | moe.MoE":
    if c.experts is None:
        return MLP(c)
    shared = c.experts.shared_hidden
    every = MLP(replace(c, hidden=shared, experts=None)) if shared else None
    return moe.MoE(c.width, c.hidden, c.experts, every)
