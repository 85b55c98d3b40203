"""What the comparison of all runs of Track 1 computes from their records (thesis 4.4.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brnb.evaluate.calibration import calibrated_limits
from brnb.evaluate.legibility import CONFIDENCE, Legibility, contrast, legibility, lexicon
from brnb.evaluate.records import Record
from brnb.evaluate.statistics import student_interval
from brnb.text import finished
from brnb.tokenizers import load_tokenizer

if TYPE_CHECKING:
    from brnb.studies.factorial import PairTraining

BETTER = {"dictionary_share": 1, "language_share": 1, "bits_per_byte": -1}
BETTER |= {"fallback_ratio": -1, "short_piece_ratio": -1, "repetition": -1}
"""Whether a measure is better when it rises, or when it falls."""


@dataclass(frozen=True)
class MeasureChange:
    """How one measure differs between two runs, with its 95% interval."""

    measure: str
    change: float
    low: float
    high: float

    @property
    def better(self) -> bool | None:
        """Whether it got better; None if the interval holds zero."""
        if self.low <= 0 <= self.high:
            return None
        return self.change * BETTER[self.measure] > 0


@dataclass(frozen=True)
class Verdict:
    """Whether our data show the finding: the loss fell, and more measures got worse than better.

    A measure whose interval holds zero counts for neither side; a loss whose does has not fallen.
    """

    loss_fell: bool
    worse: list[str]
    improved: list[str]

    @property
    def shown(self) -> bool:
        """Whether the thesis' finding appears in these changes."""
        return self.loss_fell and len(self.worse) > len(self.improved)


def verdict(changes: Sequence[MeasureChange]) -> Verdict:
    """Judge the changes of `finding`."""
    (loss,) = (change for change in changes if change.measure == "bits_per_byte")
    legibility = [change for change in changes if change is not loss]
    return Verdict(
        loss_fell=loss.better is True,
        worse=[change.measure for change in legibility if change.better is False],
        improved=[change.measure for change in legibility if change.better is True],
    )


def lexicons(corpus: Path) -> dict[str, frozenset[str]]:
    """The lexicon of each cleaning's training text."""
    return {c: lexicon(finished.texts(corpus, c, "train")) for c in finished.CLEANINGS}


def written_text(
    records: Sequence[Record],
    corpus: Path,
    tokenizers: Path,
    known: Mapping[str, frozenset[str]],
    documents: int,
) -> dict[str, Legibility]:
    """Held-out text measured as if it were samples: what the measures are where nothing is wrong.

    Parameters
    ----------
    records
        Runs, whose pairs of tokenizer and cleaning are measured.
    corpus, tokenizers
        Folders of the runs ``corpus`` and ``tokenizer``.
    known
        `lexicons`.
    documents
        Validation documents to measure.

    Returns
    -------
    dict
        By ``"<tokenizer> · <cleaning>"``, in that order.
    """
    measures = {}
    for name, cleaning in sorted({(r.params["tokenizer"], r.params["cleaning"]) for r in records}):
        tokenizer = load_tokenizer(tokenizers / name)
        texts = list(islice(finished.texts(corpus, cleaning, "validation"), documents))
        ids = tokenizer.encode_batch(texts)
        longest = max(map(len, ids))
        limits = calibrated_limits(tokenizer, texts, tokens=longest, samples=len(texts), seed=0)
        measures[f"{name} · {cleaning}"] = legibility(tokenizer, ids, known[cleaning], limits)
    return measures


def equal_token_finding(
    pairs: Sequence["PairTraining"],
    name: str,
    cleaning: str,
    tokenizers: Path,
    known: Mapping[str, frozenset[str]],
) -> list[MeasureChange]:
    """`finding` from LSTM to Transformer with one tokenizer at equal tokens, over all seeds.

    Parameters
    ----------
    pairs
        Trainings of `brnb.studies.factorial.train_pairs`.
    name, cleaning
        The tokenizer, and the text of the trainings.
    tokenizers, known
        As for `written_text`.
    """
    tokenizer, words = load_tokenizer(tokenizers / name), known[cleaning]
    chosen = [one for one in pairs if (one.tokenizer, one.budget) == (name, "tokens")]
    bits: dict[str, list[float]] = {"lstm": [], "transformer": []}
    samples: dict[str, dict[str, list[Legibility]]] = {"lstm": {}, "transformer": {}}
    for one in chosen:
        bits[one.architecture].append(one.bits_per_byte)
        for prompt, drawn in one.samples.items():
            told = [legibility(tokenizer, [ids], words) for ids in drawn]
            samples[one.architecture].setdefault(prompt, []).extend(told)
    saved = np.subtract(bits["transformer"], bits["lstm"])
    changes = [MeasureChange("bits_per_byte", *student_interval(saved, CONFIDENCE))]
    measured = contrast(samples["lstm"], samples["transformer"])
    return changes + [MeasureChange(measure, *values) for measure, values in measured.items()]


def finding(
    before: Record,
    after: Record,
    tokenizers: Path,
    known: Mapping[str, frozenset[str]],
    resamples: int,
    seed: int,
) -> list[MeasureChange]:
    """What a run of lower loss changed in the text that is generated (thesis 4.4.1.5).

    Bits per byte are compared document by document, legibility sample by sample. Longer samples
    repeat more, so those of both runs are cut to the length of the shorter setting.

    Parameters
    ----------
    before, after
        Two runs on the same text with the same tokenizer.
    tokenizers, known
        As for `written_text`.
    resamples, seed
        Of the bootstrap.

    Raises
    ------
    ValueError
        If the runs do not share tokenizer and cleaning, or left no samples or documents.
    """
    shared = [(r.params["tokenizer"], r.params["cleaning"]) for r in (before, after)]
    if shared[0] != shared[1]:
        raise ValueError(f"{before.run} and {after.run} do not share tokenizer and text: {shared}")
    sides = []
    for record in (before, after):
        if record.samples is None or record.documents is None:
            raise ValueError(f"{record.run} left no samples or no documents: run its chapter again")
        sides.append((record.samples, record.documents))
    (old_samples, old), (new_samples, new) = sides
    tokenizer, words = load_tokenizer(tokenizers / shared[0][0]), known[shared[0][1]]
    length = min(max(len(sample.ids) for sample in side) for side in (old_samples, new_samples))
    single: list[dict[str, list[Legibility]]] = [{}, {}]
    for measures, samples in zip(single, (old_samples, new_samples), strict=True):
        for sample in samples:
            told = legibility(tokenizer, [sample.ids[:length]], words)
            measures.setdefault(sample.prompt, []).append(told)
    saved = new.minus(old)  # pairs: the same documents in both
    changes = [
        MeasureChange("bits_per_byte", saved.bits_per_byte, *saved.interval(resamples, seed))
    ]
    measured = contrast(*single)
    return changes + [MeasureChange(name, *values) for name, values in measured.items()]
