"""The optimizers of Track 1 and the course of their rates."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from brnb.train.muon import Muon
from brnb.train.parallel import ALONE, World
from brnb.train.params import Recipe, V6Params

if TYPE_CHECKING:
    from brnb.train.params import TrainParams

BETAS = (0.9, 0.95)
EMBEDDING_BETAS = (0.5, 0.95)  # the momentum of a rare token's row would outlast its context


def learning_rate_share(step: int, params: "TrainParams") -> float:
    """Share of its peak that every learning rate has in a step, in (0, 1].

    Linear warm-up to 1, then to ``final_learning_rate``: by a cosine, or, if the recipe says so,
    constant first and linear over the `cooldown`, a last share of the steps (a trapezoid; Hägele
    et al., 2024).
    """
    low, recipe = params.final_learning_rate, recipe_of(params)
    if not (recipe and recipe.schedule == "trapezoid"):
        return warmup_and_cosine(step, params.steps, params.warmup_steps, low)
    warmup = max(1, params.warmup_steps)
    if step < warmup:
        return (step + 1) / warmup
    left = (params.steps - step) / max(1, round(recipe.cooldown * params.steps))
    return low + (1 - low) * min(1.0, left)


def warmup_and_cosine(step: int, steps: int, warmup_steps: int, low: float) -> float:
    """Share of the peak rate in a step: linear warm-up to 1, then a cosine to `low`.

    The warm-up is a number of steps, not a share of them: what it gives Adam's second moments is
    gradients, and a training of a third of the tokens needs as many (2% of a short training were
    12 steps, and cost v6 0.44 nats per token at 10 million tokens).
    """
    warmup = max(1, warmup_steps)
    if step < warmup:
        return (step + 1) / warmup
    part = (step - warmup) / max(1, steps - warmup)
    return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * part))


def recipe_of(params: "TrainParams") -> Recipe | None:
    """v7's way to train, if the parameters ask for it: v7's are one, v6's may hold one."""
    if isinstance(params, V6Params):
        return params.recipe
    return params if isinstance(params, Recipe) else None


class Together:
    """Optimizers of different parameters of one model, as one.

    The ``"peak"`` of a group is the largest rate it is given; its rate in a step is ``"lr"``.
    """

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of all optimizers."""
        return [group for part in self.parts for group in part.param_groups]

    def step(self) -> None:
        """Update all parameters."""
        for part in self.parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """State of all optimizers, as a resumed training needs it."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        for part, saved in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(saved)


def make_optimizer(model: nn.Module, params: "TrainParams", world: World = ALONE) -> Together:
    """AdamW (Loshchilov & Hutter, 2019), or Muon for hidden matrices and AdamW for the rest.

    Weight decay is for matrices only. With a `Recipe` it is for hidden matrices only; these and
    the embeddings have peaks of their own, and the embeddings less momentum.

    Raises
    ------
    TypeError
        If a recipe is for a model that does not tell hidden matrices from embeddings.
    """
    recipe = recipe_of(params)
    if recipe is None:
        matrices = [p for p in model.parameters() if p.dim() >= 2]
        vectors = [p for p in model.parameters() if p.dim() < 2]
        decayed = _group(matrices, params.learning_rate, params.weight_decay)
        return Together(_adamw(decayed, _group(vectors, params.learning_rate)))
    tell_apart = getattr(model, "parameters_by_kind", None)
    if tell_apart is None:
        name = type(params).__name__
        raise TypeError(f"{name} train a TransformerLM, not a {type(model).__name__}")
    kinds = tell_apart()
    hidden = _group(kinds["hidden"], recipe.matrix_learning_rate, params.weight_decay)
    others = (
        _group(kinds["embedding"], recipe.embedding_learning_rate) | {"betas": EMBEDDING_BETAS},
        _group(kinds["head"] + kinds["vector"], params.learning_rate),
    )
    if recipe.optimizer == "adamw":
        return Together(_adamw(hidden, *others))
    muon = Muon([hidden], lr=hidden["peak"], normalise=recipe.optimizer == "normuon", world=world)
    return Together(muon, _adamw(*others))


def _group(parameters: list[nn.Parameter], peak: float, decay: float = 0.0) -> dict[str, Any]:
    return {"params": parameters, "lr": peak, "peak": peak, "weight_decay": decay}


def _adamw(*groups: dict[str, Any]) -> torch.optim.AdamW:
    return torch.optim.AdamW(groups, betas=BETAS, fused=True)
