"""Sentences of chapter 11 from hand-made records, both sides of each verdict."""

from brnb.chapters.track1_words import say_compute_front, say_falling
from brnb.evaluate.intrinsic import Intrinsic
from brnb.evaluate.records import Record
from brnb.train.history import History


def record(run, cleaning, bits, compute, losses=(2.0, 1.0)):
    rows = [{"tokens": 10.0 * (n + 1), "loss": loss} for n, loss in enumerate(losses)]
    history = History(validation=rows, parameters=10, tokens=compute)
    result = Intrinsic(1, 2, 0.5, bits, 9, 1)
    return Record(run, {"cleaning": cleaning}, result, history, None, None, None)


RECORDS = [
    record("v1", "early", 2.0, 100),
    record("v2", "early", 2.5, 200),  # dearer and worse than v1
    record("v3", "early", 1.5, 300, losses=(1.0, 1.2)),
    record("v7", "v6", 3.0, 50),
]


def test_curves_that_fall_to_the_end_and_one_that_does_not():
    assert say_falling(RECORDS, "pt") == (
        "Em 3 de 4 execuções o último ponto da curva é o mais baixo: o orçamento acabou antes que "
        "ela parasse de cair. O mais baixo veio antes do fim em: v3."
    )
    assert "O mais baixo" not in say_falling(RECORDS[:2], "pt")


def test_runs_that_none_of_less_compute_equals_stand_by_cleaning():
    assert say_compute_front(RECORDS, "en") == (
        "In the early cleaning, no run of less compute equals: v1 and v3. "
        "In the v6 cleaning, no run of less compute equals: v7."
    )
