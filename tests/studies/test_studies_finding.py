"""What counts as the finding, and that samples of two lengths are compared at one."""

import numpy as np
import pytest

from brnb.evaluate.intrinsic import DocumentNats, Intrinsic
from brnb.evaluate.records import Record
from brnb.generate.samples import Sample
from brnb.studies.finding import MeasureChange, finding, verdict
from brnb.tokenizers.char import CharTokenizer
from brnb.train.history import History

FELL = MeasureChange("bits_per_byte", -0.2, -0.3, -0.1)
WORSE = [
    MeasureChange("repetition", 0.1, 0.05, 0.2),
    MeasureChange("dictionary_share", -0.1, -0.2, -0.05),
]
BETTER = MeasureChange("short_piece_ratio", -0.1, -0.2, -0.05)
UNSURE = MeasureChange("language_share", -0.3, -0.7, 0.1)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ([FELL, WORSE[0]], True),
        ([FELL, WORSE[0], BETTER], False),
        ([FELL, *WORSE, BETTER], True),
        ([FELL, UNSURE], False),
        ([MeasureChange("bits_per_byte", -0.2, -0.5, 0.1), *WORSE], False),
        ([MeasureChange("bits_per_byte", 0.2, 0.1, 0.3), *WORSE], False),
    ],
)
def test_the_finding_is_a_lower_loss_with_more_measures_worse_than_better(changes, shown):
    assert verdict(changes).shown is shown


def test_the_verdict_names_the_measures_whose_intervals_exclude_zero():
    found = verdict([FELL, *WORSE, BETTER, UNSURE])
    assert found.worse == ["repetition", "dictionary_share"]
    assert found.improved == ["short_piece_ratio"]


def record(run, nats, ids, tokenizer="char", cleaning="early"):
    documents = DocumentNats(np.array(nats), np.array([8.0, 8.0]))
    return Record(
        run, {"tokenizer": tokenizer, "cleaning": cleaning}, Intrinsic(1, 2, 0.5, 1, 9, 2),
        History(), [Sample("p", seed, "", ids) for seed in (1, 2, 3)], None, documents,
    )  # fmt: skip


def test_longer_samples_are_cut_before_repetition_is_compared(tmp_path):
    text = "um dois três quatro cinco "
    tokenizer = CharTokenizer.train([text])
    tokenizer.save(tmp_path / "char")
    known = {"early": frozenset(text.split())}
    short, long = tokenizer.encode(text), tokenizer.encode(text * 4)
    before, after = record("a", [8.0, 8.0], short), record("b", [4.0, 6.0], long)
    changes = {c.measure: c for c in finding(before, after, tmp_path, known, 200, 1)}
    assert changes["repetition"].change == 0
    assert changes["dictionary_share"].change == 0
    assert changes["bits_per_byte"].change == pytest.approx(-6 / (16 * np.log(2)))
    assert changes["bits_per_byte"].better is None  # two documents decide nothing


def test_runs_of_two_texts_are_not_compared(tmp_path):
    before = record("a", [1.0, 1.0], [2])
    with pytest.raises(ValueError, match="a and b do not share tokenizer and text"):
        finding(before, record("b", [1.0, 1.0], [2], cleaning="v6"), tmp_path, {}, 100, 1)
