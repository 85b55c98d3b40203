"""A mixture of experts (Shazeer et al., 2017): of many MLPs, each token goes through the few that a
router chooses for it.

As Mixtral (Jiang et al., 2024), a softmax whose largest are taken, kept even by a loss; or as
DeepSeek V3 (2024), sigmoids, a choice of groups of experts first, kept even by a bias that no
gradient reaches. No token is dropped.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from brnb.models.choices import Choices, Experts
from brnb.ops.experts import ENGINES, engine_for

BEST_OF_GROUP = 2  # scores that stand for a group


class MoE(nn.Module):
    """Σ weight_i · expert_i(x) over the experts chosen for a token, and a shared one for all.

    Parameters
    ----------
    width, hidden
        Of the stream, and inside each expert.
    choices
        Experts, router, and what keeps them evenly busy.
    shared
        The MLP that every token goes through, if there is one.

    Attributes
    ----------
    bias
        Added to scores when experts are chosen, never to their weights, shape (E,); part of a
        checkpoint. Only with sigmoids.
    load
        Tokens that each expert got since the last step, shape (E,), counted in training.
    balance
        The balancing loss of the last forward pass in training, with its coefficient; None without.
    engine
        A name of `brnb.ops.experts.ENGINES`; None for the best on the device.
    """

    bias: Tensor | None
    load: Tensor

    def __init__(
        self, width: int, hidden: int, choices: Experts, shared: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.choices, self.shared = choices, shared
        self.router = nn.Linear(width, choices.count, bias=False)
        self.gate_up = nn.Parameter(torch.empty(choices.count, 2 * hidden, width))
        self.down = nn.Parameter(torch.empty(choices.count, width, hidden))
        zeros = torch.zeros(choices.count)
        self.register_buffer("bias", zeros.clone() if choices.router == "sigmoid" else None)
        self.register_buffer("load", zeros, persistent=False)
        self.balance: Tensor | None = None
        self.engine: str | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Shape (..., width) to the same."""
        y = self.routed(x)
        return y if self.shared is None else y + self.shared(x)

    def routed(self, x: Tensor) -> Tensor:
        """What the chosen experts say, (..., width)."""
        tokens = _in_autocast(x.flatten(0, -2))
        scores = self.scores(self.router(tokens))
        chosen, weights = choose_experts(scores, self.bias, self.choices)
        if self.training:
            self._count(scores, chosen)
        name = self.engine or engine_for(tokens, self.down.shape[2])
        y = ENGINES[name](tokens, self.gate_up, self.down, chosen, weights)
        return y.view(x.shape)

    def scores(self, logits: Tensor) -> Tensor:
        """How much tokens like each expert, by what the router says of them: (T, E), positive, in
        fp32."""
        logits = logits.float()
        return logits.softmax(-1) if self.choices.router == "softmax" else logits.sigmoid()

    def _count(self, scores: Tensor, chosen: Tensor) -> None:
        experts = torch.arange(self.choices.count, device=chosen.device)
        count = (chosen[..., None] == experts).sum((0, 1)).float()
        self.load += count
        if self.choices.balance_loss:
            self.balance = self.choices.balance_loss * balancing_loss(scores, count)


def choose_experts(scores: Tensor, bias: Tensor | None, c: Experts) -> tuple[Tensor, Tensor]:
    """Which experts tokens go to, and with which weights.

    Parameters
    ----------
    scores
        Shape (T, E).
    bias
        Added for the choice, shape (E,); None for none.
    c
        How many experts, of how many groups, and what their weights add up to.

    Returns
    -------
    chosen, weights
        Shape (T, k) each.
    """
    liked = scores if bias is None else scores + bias
    if c.groups > 1:
        of_group = liked.unflatten(1, (c.groups, -1))
        best = of_group.topk(BEST_OF_GROUP, dim=-1).values.sum(-1).topk(c.top_groups).indices
        allowed = torch.zeros_like(of_group[..., 0]).scatter(1, best, 1.0).bool()
        liked = of_group.masked_fill(~allowed[..., None], float("-inf")).flatten(1)
    chosen = liked.detach().topk(c.top_k, dim=-1).indices
    weights = scores.gather(1, chosen)
    return chosen, c.scale * weights / weights.sum(-1, keepdim=True)


def balancing_loss(scores: Tensor, count: Tensor) -> Tensor:
    """E Σ_i f_i P_i, the least where all experts are equally busy (Fedus et al., 2022, Eqs. 4-6).

    f_i is the number of choices of expert i for each token (`count`, shape (E,), over T), P_i the
    mean of its share of a token's scores (T, E). As in Transformers, k in the best case.
    """
    shares = scores / scores.sum(-1, keepdim=True)
    return len(count) * (count / len(scores) * shares.mean(0)).sum()


def mixtures(model: nn.Module) -> Iterator[MoE]:
    """The mixtures of a model, from its first block on."""
    return (module for module in model.modules() if isinstance(module, MoE))


def auxiliary_loss(model: nn.Module) -> Tensor | None:
    """The sum of the balancing losses of the last forward pass, which are then forgotten; None if
    there are none."""
    losses = []
    for part in mixtures(model):
        if part.balance is not None:
            losses.append(part.balance)
            part.balance = None
    return torch.stack(losses).sum() if losses else None


@torch.no_grad()
def rebalance(model: nn.Module, total: Callable[[Tensor], Tensor]) -> None:
    """Make busy experts less likely and idle ones more, by a fixed step (Wang et al., 2024), after
    a step of the optimizer.

    Parameters
    ----------
    model
        Its mixtures have counted their loads since the last call.
    total
        The sum of all processes' values.
    """
    parts = list(mixtures(model))
    if not parts:
        return
    if any(part.bias is not None for part in parts):
        loads = total(torch.stack([part.load for part in parts]))
        for part, way in zip(parts, (loads.mean(1, keepdim=True) - loads).sign(), strict=True):
            if part.bias is not None:
                part.bias.add_(way, alpha=part.choices.bias_rate)
    for part in parts:
        part.load.zero_()


@dataclass(frozen=True)
class ParameterCounts:
    """Weights of a model: all, those that each token uses, and those of routed experts."""

    total: int
    active: int
    routed: int


def parameter_counts(model: nn.Module) -> ParameterCounts:
    """Count a model's weights; without mixtures all are active."""
    total = sum(p.numel() for p in model.parameters())
    routed = idle = 0
    for part in mixtures(model):
        size = part.gate_up.numel() + part.down.numel()
        routed += size
        idle += size // part.choices.count * (part.choices.count - part.choices.top_k)
    return ParameterCounts(total, total - idle, routed)


def token_training_flops(model: nn.Module, context: int) -> float:
    """FLOP of a token in a training step of a `TransformerLM`: 6 for each weight that it is
    multiplied by, and attention over the context in full, 12·layers·width·context, as is usual."""
    c = cast(Choices, model.choices)
    looked_up = 0 if c.tied else c.vocab_size * c.width
    if c.position == "learned":
        looked_up += c.context * c.width
    return 6 * (parameter_counts(model).active - looked_up) + 12 * c.layers * c.width * context


def _in_autocast(x: Tensor) -> Tensor:
    """In the precision that products have here: the operations of `brnb.ops` take it as it is."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x
