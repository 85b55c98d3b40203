"""What each ingredient of a recipe is worth: trainings without it, several seeds a row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brnb.evaluate.intrinsic import bits_per_nat
from brnb.evaluate.statistics import mean_and_deviation, student_interval
from brnb.models.likelihood import likelihood
from brnb.studies.noted import noted_training
from brnb.train.progress import titled

if TYPE_CHECKING:
    from brnb.evaluate.records import Record
    from brnb.models.transformer import TransformerLM
    from brnb.studies.params import AblationParams
    from brnb.train.history import History
    from brnb.train.loop import Training
    from brnb.train.params import ModernParams, TrainParams
    from brnb.train.rows import Rows

CONFIDENCE = 0.95  # of the intervals


@dataclass(frozen=True)
class AblationRow:
    """The recipe without one ingredient (None: the whole recipe).

    Attributes
    ----------
    parameters
        Weights of the model.
    bits_per_byte
        One value a seed.
    """

    ingredient: str | None
    parameters: int
    bits_per_byte: tuple[float, ...]


@dataclass(frozen=True)
class Worth:
    """A row beside the whole recipe: means over seeds, and the change with its interval."""

    row: AblationRow
    mean: float
    deviation: float
    change: float
    low: float
    high: float

    @property
    def helps(self) -> bool | None:
        """Whether the ingredient lowers the bits per byte; None if the interval holds zero."""
        return None if self.low <= 0 <= self.high else self.low > 0


def ablate_recipe(params: "AblationParams", rows: "Rows", folder: Path) -> Iterator[AblationRow]:
    """Train the whole recipe, then the recipe without each ingredient, all with the same seeds.

    Rows come as they are done, in the order of `ablation`, so that a table can grow with them.

    Parameters
    ----------
    params
        The recipe, what removes each ingredient, tokens and number of seeds.
    rows
        Text to train and to evaluate on, as `AblationParams.without` asks for it.
    folder
        Keeps the result of every training, by its content: one that is finished is not trained
        again. They are short, and leave no checkpoint: writing it takes as long as the training.
    """
    seeds = range(params.seed, params.seed + params.ablation_seeds)
    for ingredient in (None, *params.ablation):
        recipes = [params.without(ingredient, seed) for seed in seeds]
        trained = [_train(titled(r, ingredient or "all", r.seed), rows, folder) for r in recipes]
        values = tuple(bits for _, bits in trained)
        yield AblationRow(ingredient, trained[0][0], values)


def _train(recipe: "ModernParams", rows: "Rows", folder: Path) -> tuple[int, float]:
    """Parameters and bits per byte of one training."""

    def measure(training: "Training", model: "TransformerLM") -> dict[str, float]:
        training.log()  # it raises an error if the loss is not finite
        loss = likelihood(model, rows.validation.ids, recipe.seq_len).loss
        bits = loss * bits_per_nat(rows.validation)
        return {"parameters": training.history.parameters, "bits_per_byte": bits}

    result = noted_training(recipe, rows, folder, __name__, measure)
    return result["parameters"], result["bits_per_byte"]


def worth(rows: Sequence[AblationRow]) -> list[Worth]:
    """Compare each row with the first, the whole recipe, seed by seed.

    The same seed means the same first weights where shapes allow it and always the same batches,
    so the interval is Student's of the paired differences: three seeds make it honestly wide.
    """
    whole = np.array(rows[0].bits_per_byte)
    worths = []
    for row in rows:
        change, low, high = student_interval(np.array(row.bits_per_byte) - whole, CONFIDENCE)
        worths.append(Worth(row, *mean_and_deviation(row.bits_per_byte), change, low, high))
    return worths


@dataclass(frozen=True)
class Race:
    """When a training passes the best that another one reached.

    Attributes
    ----------
    target
        Best validation bits per byte of the baseline, over its whole run.
    baseline_tokens
        Tokens at which the baseline had it.
    tokens
        Tokens at the first evaluation that is as good; None if none was.
    best
        Best validation bits per byte of the other.
    """

    target: float
    baseline_tokens: float
    tokens: float | None
    best: float

    @property
    def share(self) -> float | None:
        """Tokens needed, as a share of the baseline's; None if the target was not reached."""
        return None if self.tokens is None else self.tokens / self.baseline_tokens


def race(baseline: "Record", params: "TrainParams", history: "History", scale: float) -> Race:
    """Race a training against a finished run on the same text, evaluated in the same way.

    Parameters
    ----------
    baseline
        The run to beat; with its validation curve.
    params, history
        Of the training.
    scale
        `bits_per_nat` of the validation text.

    Raises
    ------
    ValueError
        If the two were evaluated on other text, tokens or windows, or the baseline has no curve.
    """
    for name in ("tokenizer", "cleaning", "validation_documents", "seq_len"):
        ours, theirs = getattr(params, name), baseline.params[name]
        if ours != theirs:
            raise ValueError(
                f"{name} is {theirs!r} in {baseline.run} and {ours!r} in {params.run_id}: their "
                "validation losses do not compare; give both runs the same"
            )
    if not baseline.history.validation:
        raise ValueError(f"{baseline.run} left no validation curve: run its chapter again")
    goal = baseline.history.best
    passed = [point["tokens"] for point in history.validation if point["loss"] <= goal["loss"]]
    return Race(
        target=goal["loss"] * scale,
        baseline_tokens=goal["tokens"],
        tokens=min(passed, default=None),
        best=history.best["loss"] * scale,
    )
