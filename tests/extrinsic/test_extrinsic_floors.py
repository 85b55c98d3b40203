"""Answers that need no model, and the rubric that reads all answers, by hand."""

import numpy as np
import pytest
from answered import OPTIONS, prediction, world

from brnb.extrinsic.floors import floor_predictions, given_text, lead
from brnb.extrinsic.predictions import Prediction
from brnb.extrinsic.rubric import CRITERIA, grade
from brnb.extrinsic.scores import score_answers, shared_items, table13
from brnb.extrinsic.testsets import Item


def item(name, task="rewriting", instruction="Reescreva.", given="", references=("x",)):
    return Item(name, task, instruction, given, tuple(references))


def test_the_text_that_is_given_is_the_input_or_what_follows_a_colon():
    assert given_text(item("a", given="O gato foi comido.")) == "O gato foi comido."
    assert given_text(item("a", instruction="Reescreva: o gato dorme.")) == "o gato dorme."
    assert (
        given_text(item("a", instruction="Quem descobriu o Brasil?")) == "Quem descobriu o Brasil?"
    )


def test_a_lead_is_the_first_sentences():
    text = "Choveu. O rio subiu! E agora? Nada."
    assert lead(text, 3) == "Choveu. O rio subiu! E agora?"
    assert lead("Uma linha\noutra linha", 1) == "Uma linha"


def test_copying_a_text_equal_to_its_reference_is_right():
    items = [
        item(str(n), given=f"texto {n} aqui", references=(f"texto {n} aqui",)) for n in range(4)
    ]
    floors = floor_predictions(items, 1)
    copied = score_answers(items, floors["copy"])
    assert copied.of("pt", "rougeL", items).tolist() == [1, 1, 1, 1]
    # two of three words agree with another item's: F = 2/3
    other = score_answers(items, floors["other"]).of("pt", "rougeL", items)
    assert other == pytest.approx([2 / 3] * 4)


def test_nobody_answers_with_its_own_reference():
    items = [
        item(f"{t}{n}", t, references=(f"{t}{n}",)) for t in ("qa", "rewriting") for n in range(5)
    ]
    said = [one.text for one in floor_predictions(items, 3)["other"]]
    own = [one.references[0] for one in items]
    assert sorted(said) == sorted(own)
    assert all(a != b for a, b in zip(said, own, strict=True))


def test_a_row_for_each_thing_compared_with_and_all_are_corrected_together():
    sets, before, after = world(2, 6)
    rows = table13(sets, {"baseline": before, "copy": before}, after, ("pt",), **OPTIONS)
    assert [row.against for row in rows[:2]] == ["baseline", "copy"]
    alone = table13(sets, {"baseline": before}, after, ("pt",), **OPTIONS)
    assert rows[0].claim.p_adjusted == pytest.approx(2 * alone[0].claim.p_adjusted)


def test_seeds_that_draw_alike_have_no_spread():
    items = [item(str(n), instruction=f"Pedido {n}") for n in range(10)]
    assert shared_items([items[:4], items[2:6], items[4:8]]) == pytest.approx((2 + 0 + 2) / 12)
    sets, before, after = world(2, 6)
    (row, *_) = table13(
        sets,
        {"baseline": before},
        after,
        ("pt",),
        pool={"qa": 30, "summarisation": 30, "rewriting": 30},
        **OPTIONS,
    )
    assert (row.shared, row.pool) == (0.5, 30)
    assert row.spread is not None
    same = {key: sets["qa", 123] if key[0] == "qa" else items for key, items in sets.items()}
    assert table13(same, {"baseline": before}, after, ("pt",), **OPTIONS)[0].spread is None


GIVEN = "A prefeitura de Olinda abriu duas escolas em 2019, e o povo gostou da novidade."


@pytest.mark.parametrize(
    ("said", "ended", "failed"),
    [
        ("Olinda ganhou duas escolas em 2019.", True, set()),
        ("Olinda ganhou duas escolas em 2019.", False, {"finished"}),
        ("", True, {"finished", "portuguese", "length"}),
        ("Olinda ganhou duas escolas em 2021.", True, {"grounded"}),
        (GIVEN, True, {"fresh"}),
        ("o rio vai ao o rio vai ao", True, {"steady"}),
        ("The city of Olinda is where the people live and it was new.", True, {"portuguese"}),
    ],
)
def test_the_rubric_by_hand(said, ended, failed):
    one = item(
        "a", "summarisation", "Resuma.", GIVEN, ("Olinda ganhou duas escolas em 2019, diz a nota.",)
    )
    marks = grade([one], [Prediction(one.id, one.hash, said, [1], ended)])
    names = np.array(list(CRITERIA))
    assert set(names[marks[0] == 0]) == failed


def test_an_answer_that_meets_all_has_full_marks():
    one = item("a", "qa", "Quem?", references=("Ana",))
    assert grade([one], [prediction(one, "Ana")]).mean() == 1
