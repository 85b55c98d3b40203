"""What matters more, the tokenizer or the architecture (thesis 4.4.1.7, finding 2): both changed.

Every tokenizer is trained with every architecture, on the same text, seed by seed: with equal
tokens, and then in equal time, so many tokens as each pair takes in the seconds that the slowest
one needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.evaluate.intrinsic import evaluate
from brnb.evaluate.statistics import student_interval
from brnb.generate.samples import standard_samples
from brnb.studies.factorial_params import ArchitectureName, Factorial
from brnb.studies.noted import noted_training
from brnb.train.rows import Rows, load_result_text, load_rows

if TYPE_CHECKING:
    from torch import nn

    from brnb.train.loop import Training
    from brnb.train.params import TrainParams
    from brnb.train.rows import ResultText

ARCHITECTURES: tuple[ArchitectureName, ...] = ("lstm", "transformer")
CONFIDENCE = 0.95
FIGURES = 2  # significant digits of the tokens of equal time: speeds are not known better


@dataclass(frozen=True)
class PairTraining:
    """One training of a tokenizer with an architecture.

    Attributes
    ----------
    budget
        ``"tokens"`` or ``"time"``: what is equal to the other pairs of the same budget.
    validation, bits_per_byte
        Bits per byte, of the validation split and of the test split.
    samples
        Ids of every sample, by prompt.
    """

    tokenizer: str
    architecture: str
    budget: str
    seed: int
    learning_rate: float
    parameters: int
    tokens: int
    seconds: float
    validation: float
    bits_per_byte: float
    samples: dict[str, list[list[int]]]


def train_pairs(
    study: Factorial, corpora: Path, tokenizers: Path, work: Path, seed: int, lang: str
) -> list[PairTraining]:
    """Train every pair with every seed, first at equal tokens and then in equal time.

    The learning rate of a pair is chosen on validation, with the first seed. Trainings that are
    finished are only read back.

    Parameters
    ----------
    study
        What to train.
    corpora, tokenizers
        Folders of the runs ``corpus`` and ``tokenizer``.
    work
        For caches and notes.
    seed
        The first one.
    """
    trained: list[PairTraining] = []
    pairs = [(t, a) for t in study.tokenizers for a in ARCHITECTURES]
    texts: dict[str, tuple[Rows, ResultText]] = {}
    rates: dict[tuple[str, str], float] = {}
    for name in study.tokenizers:
        told = study.training(name, "lstm", 0.1, seed, study.tokens, lang)
        folder = work / name
        rows = load_rows(corpora, tokenizers, told, folder)
        texts[name] = rows, load_result_text(corpora, tokenizers, told, folder)

    def run(
        cell: tuple[str, ArchitectureName], budget: str, rate: float, number: int
    ) -> PairTraining:
        tokens = study.tokens if budget == "tokens" else _tokens_in_time(trained, cell)
        told = study.training(*cell, rate, number, tokens, lang)
        return _train(told, budget, cell[1], *texts[cell[0]], work)

    for budget in ("tokens", "time"):
        for cell in pairs:
            if cell not in rates:
                tried = [run(cell, budget, r, seed) for r in study.learning_rates[cell[1]]]
                rates[cell] = min(tried, key=lambda one: one.validation).learning_rate
            numbers = range(seed, seed + study.seeds)
            trained += [run(cell, budget, rates[cell], number) for number in numbers]
    return trained


def _train(
    told: "TrainParams", budget: str, architecture: str, rows: Rows, text: "ResultText", work: Path
) -> PairTraining:
    def measure(training: "Training", model: "nn.Module") -> dict[str, Any]:
        training.log()  # it raises an error if the loss is not finite
        samples: dict[str, list[list[int]]] = {}
        for one in standard_samples(model, rows.tokenizer, told):
            samples.setdefault(one.prompt, []).append(one.ids)
        return {
            "parameters": training.history.parameters,
            "seconds": told.tokens / training.history.tokens_per_second,
            "validation": evaluate(model, rows.validation, told.seq_len).bits_per_byte,
            "bits_per_byte": evaluate(model, text.row, told.seq_len).bits_per_byte,
            "samples": samples,
        }

    note = noted_training(told, rows, work / "notes", __name__, measure)
    chosen = told.tokenizer, architecture, budget, told.seed, told.learning_rate
    return PairTraining(*chosen, tokens=told.tokens, **note)


def _tokens_in_time(trained: Sequence[PairTraining], cell: tuple[str, str]) -> int:
    """Tokens of a pair in the seconds that the slowest one took for those of equal tokens."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for one in trained:
        if one.budget == "tokens":
            seconds.setdefault((one.tokenizer, one.architecture), []).append(one.seconds)
    middle = {pair: float(np.median(values)) for pair, values in seconds.items()}
    tokens = trained[0].tokens * max(middle.values()) / middle[cell]
    return int(float(f"{tokens:.{FIGURES}g}"))


@dataclass(frozen=True)
class Effect:
    """Change of bits per byte from one choice to another, over all else; interval over seeds."""

    factor: str
    change: float
    low: float
    high: float


def main_effects(trained: Sequence[PairTraining], budget: str) -> list[Effect]:
    """What each factor changes at a budget, and by how much more the tokenizer does.

    The tokenizer's effect is that of the last beside the first, the architecture's that of the
    Transformer beside the LSTM, each over all choices of the other. Values are paired by seed, and
    the intervals Student's. The third, ``"tokenizer_over_architecture"``, is the difference of the
    sizes of both.
    """
    chosen = [one for one in trained if one.budget == budget]
    tokenizers = list(dict.fromkeys(one.tokenizer for one in chosen))
    changes: dict[str, list[float]] = {"tokenizer": [], "architecture": []}
    for seed in sorted({one.seed for one in chosen}):
        bits = {(o.tokenizer, o.architecture): o.bits_per_byte for o in chosen if o.seed == seed}
        ends = [np.mean([bits[t, a] for a in ARCHITECTURES]) for t in tokenizers]
        sides = [np.mean([bits[t, a] for t in tokenizers]) for a in ARCHITECTURES]
        changes["tokenizer"].append(float(ends[-1] - ends[0]))
        changes["architecture"].append(float(sides[1] - sides[0]))
    sizes = np.abs(changes["tokenizer"]) - np.abs(changes["architecture"])
    changes["tokenizer_over_architecture"] = sizes.tolist()
    return [Effect(n, *student_interval(values, CONFIDENCE)) for n, values in changes.items()]
