"""A race between two ways to train that were tuned alike: at equal tokens, FLOP and seconds.

The challenger trains on a number of tokens. The baseline trains three times: on as many tokens, on
those that cost as many operations, and on those that it reads in the challenger's time, each with a
schedule of its own length. Rates, warm-up and batch of both are chosen on validation among as many
candidates; what is reported is read on test, and on text of registers that neither trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.evaluate.intrinsic import evaluate
from brnb.evaluate.statistics import student_interval
from brnb.fingerprint import digest
from brnb.params import validate
from brnb.studies.noted import noted_training
from brnb.train.rows import load_result_text, load_rows

if TYPE_CHECKING:
    from brnb.models.transformer import TransformerLM
    from brnb.studies.contest_params import Contest, Trial
    from brnb.train.loop import Training
    from brnb.train.params import TransformerParams
    from brnb.train.rows import ResultText, Rows

BUDGETS = ("tokens", "flop", "time")
TEXTS = {"test": "bits_per_byte", "unseen": "unseen"}
CONFIDENCE = 0.95
FIGURES = 2  # significant digits of a number of tokens: speeds are not known better
QUIET = {"log_every": 10**9, "evaluate_every": 1, "checkpoint_seconds": 1e9}


@dataclass(frozen=True)
class RaceEntry:
    """One training of the race.

    Attributes
    ----------
    rival
        ``"baseline"`` or ``"challenger"``.
    budget
        One of `BUDGETS`: what is equal to the challenger's; the challenger has one entry for each.
    chosen
        The parameters that tuning chose.
    flop, seconds
        Of the training's steps.
    validation, bits_per_byte, unseen
        Bits per byte, of the validation split, of the test split, and of the unseen registers.
    """

    rival: str
    budget: str
    seed: int
    chosen: "Trial"
    batch_size: int
    parameters: int
    tokens: int
    flop: float
    seconds: float
    validation: float
    bits_per_byte: float
    unseen: float


def flop_per_token(model: "TransformerLM", seq_len: int) -> float:
    """Operations of a training step a token: six a weight that multiplies, and causal attention.

    Embeddings are looked up; a tied head multiplies by them. Attention's two products take 12 L T d
    a token and half of it where the mask is causal (Kaplan et al., 2020, Table 1).
    """
    kinds = model.parameters_by_kind()
    head = kinds["head"] or kinds["embedding"][:1]
    weights = sum(weight.numel() for weight in [*kinds["hidden"], *head])
    choices = model.choices
    return 6.0 * weights + 6.0 * choices.layers * seq_len * choices.width


def hold_contest(
    rivals: Mapping[str, "TransformerParams"],
    contest: "Contest",
    corpora: Path,
    tokenizers: Path,
    work: Path,
    unseen: "ResultText",
) -> list[RaceEntry]:
    """Tune both rivals and race them; trainings that are finished are only read back.

    Parameters
    ----------
    rivals
        Parameters of the ``"baseline"`` and of the ``"challenger"``: same tokenizer and cleaning.
    contest
        Candidates, tokens and seeds.
    corpora, tokenizers
        Folders of the runs ``corpus`` and ``tokenizer``.
    work
        For caches and notes.
    unseen
        Text of registers that no rival trains on (`brnb.studies.unseen`).
    """
    ring = _Ring(rivals, contest, corpora, tokenizers, work, unseen)
    chosen = {name: ring.tune(name) for name in rivals}
    first = rivals["challenger"].seed
    seeds = range(first, first + contest.seeds)
    raced = [ring.train("challenger", chosen["challenger"], contest.tokens, s) for s in seeds]
    equal = [ring.train("baseline", chosen["baseline"], contest.tokens, s) for s in seeds]
    rate = {
        "tokens": 1.0,
        "flop": raced[0]["flop"] / equal[0]["flop"],
        "time": _median(raced, "seconds") / _median(equal, "seconds"),
    }
    entries = []
    for budget in BUDGETS:
        tokens = int(float(f"{contest.tokens * rate[budget]:.{FIGURES}g}"))
        tokens = contest.tokens if budget == "tokens" else tokens
        for seed, note in zip(seeds, raced, strict=True):
            entries.append(RaceEntry("challenger", budget, seed, chosen["challenger"], **note))
            other = ring.train("baseline", chosen["baseline"], tokens, seed)
            entries.append(RaceEntry("baseline", budget, seed, chosen["baseline"], **other))
    return entries


class _Ring:
    """What all trainings of a contest share: text, notes, and how they are measured."""

    def __init__(
        self, rivals: Mapping[str, "TransformerParams"], contest: "Contest", corpora: Path,
        tokenizers: Path, work: Path, unseen: "ResultText",
    ) -> None:  # fmt: skip
        self.rivals, self.contest, self.unseen = rivals, contest, unseen
        read = digest([np.asarray(unseen.row.ids).tolist()])
        self.notes = work / "notes" / read[:16]  # of other unseen text there are other notes
        told = self._told("challenger", {}, contest.tokens, 0)
        self.rows: Rows = load_rows(corpora, tokenizers, told, work)
        self.text: ResultText = load_result_text(corpora, tokenizers, told, work)

    def tune(self, name: str) -> "Trial":
        """The candidate of the lowest validation loss."""
        tokens, seed = self.contest.tuning_tokens, self.rivals[name].seed
        tried = [
            (self.train(name, change, tokens, seed)["validation"], number)
            for number, change in enumerate(self.contest.candidates[name])
        ]
        return self.contest.candidates[name][min(tried)[1]]

    def train(self, name: str, change: "Trial", tokens: int, seed: int) -> dict[str, Any]:
        """One training, measured in the end."""
        told = self._told(name, change, tokens, seed)

        def measure(training: "Training", model: "TransformerLM") -> dict[str, Any]:
            training.log()  # it raises an error if the loss is not finite
            return {
                "batch_size": told.batch_size,
                "parameters": training.history.parameters,
                "tokens": tokens,
                "flop": tokens * flop_per_token(model, told.seq_len),
                "seconds": tokens / training.history.tokens_per_second,
                "validation": evaluate(model, self.rows.validation, told.seq_len).bits_per_byte,
                "bits_per_byte": evaluate(model, self.text.row, told.seq_len).bits_per_byte,
                "unseen": evaluate(model, self.unseen.row, told.seq_len).bits_per_byte,
            }

        return noted_training(told, self.rows, self.notes, __name__, measure)

    def _told(self, name: str, change: "Trial", tokens: int, seed: int) -> "TransformerParams":
        base = self.rivals[name]
        short = {"tokens": tokens, "seed": seed, "validation_documents": self.contest.documents}
        return validate(type(base), base.model_dump() | short | QUIET | change, f"contest: {name}")


def _median(notes: Sequence[Mapping[str, Any]], name: str) -> float:
    return float(np.median([note[name] for note in notes]))


@dataclass(frozen=True)
class Lead:
    """Challenger less baseline in bits per byte at a budget, by seed, with Student's interval.

    `text` is what was read: ``"test"`` or ``"unseen"``.
    """

    text: str
    budget: str
    change: float
    low: float
    high: float


def leads(entries: Sequence[RaceEntry]) -> list[Lead]:
    """The challenger's lead on each text at each budget; below zero it is ahead."""
    table = []
    for text, measure in TEXTS.items():
        for budget in BUDGETS:
            sides: dict[str, dict[int, float]] = {"challenger": {}, "baseline": {}}
            for one in entries:
                if one.budget == budget:
                    sides[one.rival][one.seed] = getattr(one, measure)
            changes = [bits - sides["baseline"][seed] for seed, bits in sides["challenger"].items()]
            table.append(Lead(text, budget, *student_interval(changes, CONFIDENCE)))
    return table
