"""Lexical consistency and verdicts, by hand."""

import pytest

from brnb.evaluate.hypotheses import Evidence, conclude, of_comparison
from brnb.evaluate.lexical import lexical, vocabulary
from brnb.evaluate.statistics import Comparison


def test_shares_of_known_and_of_fresh_words():
    known = vocabulary(["O rio subiu.", "A água do rio"])
    found = lexical(["O rio secou", "", "a água do rio a água do rio"], known)
    assert found.known == pytest.approx([2 / 3, 0, 1])
    # eight words: five runs of four, of which the last repeats the first
    assert found.fresh == pytest.approx([1, 1, 4 / 5])


def claim(low, high, p):
    middle = (low + high) / 2
    return Comparison(1.0, 1.0 + middle, middle, middle, low, high, 0.95, p, p, 50)


@pytest.mark.parametrize(
    ("low", "high", "p", "rising", "verdict"),
    [
        (0.1, 0.3, 0.01, True, "verdict_supported"),
        (0.1, 0.3, 0.01, False, "verdict_contradicted"),
        (-0.3, -0.1, 0.01, False, "verdict_supported"),
        (-0.1, 0.3, 0.2, True, "verdict_open"),
        (0.1, 0.3, 0.2, True, "verdict_open"),  # the corrected test does not agree
    ],
)
def test_a_measure_speaks_only_where_its_claim_is_supported(low, high, p, rising, verdict):
    assert of_comparison("i", "friction", claim(low, high, p), rising).verdict == verdict


def evidence(name, verdict):
    return Evidence(name, "friction", 0.0, 0.0, None, None, f"verdict_{verdict}")


def test_the_verdict_on_a_hypothesis_is_that_of_the_measures_that_decide():
    said = conclude(
        [
            *(evidence("i", "open"), evidence("i", "supported")),
            *(evidence("ii", "supported"), evidence("ii", "contradicted")),
            evidence("iii", "open"),
            *(evidence("iv", "supported"), evidence("iv", "supported")),
            *(evidence("v", "open"), evidence("v", "contradicted")),
        ]
    )
    assert said == {
        "i": "verdict_in_part",
        "ii": "verdict_partial",
        "iii": "verdict_open",
        "iv": "verdict_supported",
        "v": "verdict_contradicted",
    }
