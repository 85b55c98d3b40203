"""Chapter 11's two tables of budgets, and who is said to be ahead."""

from brnb.chapters.track1_budgets import say_budgets, tab_convergence, tab_equal_tokens
from brnb.studies.equal_tokens import CurveEnd, EqualTokens

POINTS = [
    EqualTokens("v1", "early", 150_000, 0.1, None, 3.0),
    EqualTokens("v5", "early", 150_000, 1.0, 2.0, 2.1),
]
ENDS = [
    CurveEnd("v5", "early", 150_000, 0.2, 2.0, 2.0, 150_000, 0.4),
    CurveEnd("v1", "early", 1_500_000, 2.0, 1.5, 1.4, 900_000, None),
]


def test_what_was_not_evaluated_is_missing():
    rows = tab_equal_tokens(POINTS).to_dict("records")
    assert [row["validation_bits_per_byte"] for row in rows] == [None, 2.0]
    assert (rows[0]["tokens_million"], rows[0]["training_share"]) == (0.15, 0.1)
    ends = tab_convergence(ENDS).to_dict("records")
    assert [row["converged"] for row in ends] == [False, None]
    assert (ends[1]["best_tokens_million"], ends[1]["gain_per_doubling"]) == (0.9, None)


def test_the_two_orders_are_told_apart():
    text = say_budgets(POINTS, ENDS, "en")
    assert "at 0.150 million tokens: v5 is ahead; in the end of the trainings, v1" in text
    assert "None has converged" in text
    same = say_budgets(POINTS, ENDS[:1], "pt")
    assert "à frente está v5, e também no fim dos treinos" in same


def test_who_has_converged_is_named():
    done = CurveEnd("v1", "early", 1_500_000, 2.0, 1.5, 1.4, 900_000, 0.002)
    assert "Convergiram: v1." in say_budgets(POINTS, [ENDS[0], done], "pt")
