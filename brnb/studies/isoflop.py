"""Trainings of many sizes at the same compute: what Hoffmann et al. (2022) fit their laws to.

At each budget of operations every size trains on the tokens that it can afford, each with a
schedule of its own length. Rates are tuned by size, on validation, at the smallest budget; losses
are of the test split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.evaluate.intrinsic import evaluate
from brnb.models.transformer import TransformerLM
from brnb.params import validate
from brnb.studies.contest import QUIET, flop_per_token
from brnb.studies.noted import noted_training
from brnb.studies.sweep import non_embedding, resized

if TYPE_CHECKING:
    from brnb.studies.params import ScalingParams, Size
    from brnb.train.loop import Training
    from brnb.train.params import TransformerParams
    from brnb.train.rows import ResultText, Rows


@dataclass(frozen=True)
class Budgeted:
    """One training of a size at a budget.

    Attributes
    ----------
    budget
        Operations that were to be spent; `flop` is what was.
    parameters
        Weights without embeddings and head.
    loss
        Nats per token of the test split; `validation` of the validation split.
    """

    budget: float
    width: int
    layers: int
    seed: int
    learning_rate: float
    parameters: int
    tokens: int
    flop: float
    loss: float
    validation: float


def train_budgets(
    base: "TransformerParams", params: "ScalingParams", rows: "Rows", text: "ResultText", work: Path
) -> list[Budgeted]:
    """Train every size at every budget that gives it tokens enough; finished ones are read back.

    Parameters
    ----------
    base
        The run whose architecture, text and optimizer all sizes share.
    params
        Sizes, budgets, rates to choose from and seeds.
    rows, text
        What to train and choose on, and the test split.
    work
        For notes.
    """
    study = _Study(base, params, rows, text, work)
    plan = params.isoflop
    trained = []
    for size in plan.sizes:
        affordable = [b for b in plan.flops if study.steps(size, b) >= plan.least_steps]
        if not affordable:
            continue
        tried = [
            study.train(size, affordable[0], rate, params.seed) for rate in plan.learning_rates
        ]
        rate = plan.learning_rates[min(range(len(tried)), key=lambda i: tried[i].validation)]
        is_end = size in (plan.sizes[0], plan.sizes[-1])
        seeds = range(params.seed, params.seed + (plan.seeds_at_ends if is_end else 1))
        trained += [study.train(size, b, rate, seed) for b in affordable for seed in seeds]
    return sorted(trained, key=lambda one: (one.budget, one.parameters, one.seed))


class _Study:
    """What all trainings share."""

    def __init__(
        self, base: "TransformerParams", params: "ScalingParams", rows: "Rows",
        text: "ResultText", work: Path,
    ) -> None:  # fmt: skip
        self.base, self.params, self.rows, self.text, self.work = base, params, rows, text, work

    def steps(self, size: "Size", budget: float) -> int:
        """Steps of a size at a budget."""
        return int(budget / self._step_flop(size))

    def train(self, size: "Size", budget: float, rate: float, seed: int) -> Budgeted:
        """Train a size once."""
        steps, per_step = self.steps(size, budget), self.base.tokens_per_step
        params = self.params.model_copy(update={"learning_rate": rate, "tokens": steps * per_step})
        warmup = min(self.base.warmup_steps, steps // 4)  # a short training still falls
        base = self.base.model_copy(update={"warmup_steps": warmup})
        told = resized(base, size, params.model_copy(update={"evaluate_every": 1}), seed)
        told = validate(type(told), told.model_dump() | QUIET, "isoflop")

        def measure(training: "Training", model: TransformerLM) -> dict[str, Any]:
            training.log()  # it raises an error if the loss is not finite
            return {
                "parameters": non_embedding(model),
                "loss": evaluate(model, self.text.row, told.seq_len).loss,
                "validation": evaluate(model, self.rows.validation, told.seq_len).loss,
            }

        note = noted_training(told, self.rows, self.work, __name__, measure)
        flop = steps * self._step_flop(size)
        chosen = budget, size.width, size.layers, seed, told.learning_rate
        return Budgeted(*chosen, tokens=told.tokens, flop=flop, **note)

    def _step_flop(self, size: "Size") -> float:
        told = resized(self.base, size, self.params, self.params.seed)
        model = TransformerLM(**told.choices(self.rows.tokenizer.vocab_size))
        return flop_per_token(model, told.seq_len) * told.tokens_per_step


def seed_spread(trained: Sequence[Budgeted]) -> float:
    """Pooled standard deviation of the loss over seeds, in nats; NaN where nothing was repeated."""
    groups: dict[tuple[float, int, int], list[float]] = {}
    for one in trained:
        groups.setdefault((one.budget, one.width, one.layers), []).append(one.loss)
    repeated = [np.asarray(losses) for losses in groups.values() if len(losses) > 1]
    squares = sum(float(((losses - losses.mean()) ** 2).sum()) for losses in repeated)
    freedom = sum(len(losses) - 1 for losses in repeated)
    return float(np.sqrt(squares / freedom)) if freedom else float("nan")


def disordered(trained: Sequence[Budgeted], spread: float) -> list[tuple[Budgeted, Budgeted]]:
    """Pairs of one size in which the larger budget left the higher loss, by more than the spread.

    Parameters
    ----------
    trained
        Of one seed or several: only trainings of the same seed are compared.
    spread
        Nats per token by which seeds differ.
    """
    ordered = sorted(trained, key=lambda one: one.budget)
    return [
        (less, more)
        for i, less in enumerate(ordered)
        for more in ordered[i + 1 :]
        if (less.width, less.layers, less.seed) == (more.width, more.layers, more.seed)
        if more.budget > less.budget and more.loss > less.loss + spread
    ]
