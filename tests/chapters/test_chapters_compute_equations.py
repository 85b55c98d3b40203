"""Chapter 21: what appendix B prints beside what it should."""

import pytest

from brnb.chapters import compute_equations
from brnb.report.tables import display
from brnb.thesis import load

WRONG = {
    "B.17", "B.18", "B.23-s", "B.23-days", "B.28", "B.31-a", "B.31-b", "B.33", "B.40", "B.45",
    "B.51", "B.93", "B.116", "B.129", "B.131",
}  # fmt: skip


def test_every_printed_number_has_its_value_and_every_difference_its_reason():
    facts = load("compute_equations")
    assert set(compute_equations.values()) == set(facts)
    frame = compute_equations.tab_compute_equations()
    assert set(compute_equations.differing(frame).index) == WRONG
    assert {key for key, fact in facts.items() if "why" in fact} == WRONG


def test_printed_numbers_keep_their_decimals_and_units_their_language():
    shown = display(compute_equations.tab_compute_equations(), "tab-compute-equations", lang="pt")
    rows = {row[0]: row[2:4] for row in shown.cells}
    assert rows["B.23-days"] == ["dias", "29"]
    assert rows["B.126"] == ["GB", "2,15"]
    assert rows["B.33"] == ["vezes", "42"]


def test_printed_formulas_differ_from_the_corrected_ones():
    frame = compute_equations.tab_printed("pt").set_index("equation")
    assert (frame["printed_over_corrected"] != 1).all()
    assert frame.loc["B.116", "printed_value"] == 33
    assert frame.loc["B.116", "corrected_value"] == 17
    assert frame.loc["B.41", "printed_over_corrected"] == pytest.approx(1 / 3600)
    assert frame.loc["B.143", "corrected_value"] == -16  # round(-128 + 0.7 / (1.6 / 255))
