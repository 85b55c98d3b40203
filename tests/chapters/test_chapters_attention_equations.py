"""Appendix A's equations as chapter 20 prints them: the numbers of the text, and what is right."""

import pytest

from brnb.chapters import attention_equations as equations

TABLE = equations.tab_attention_equations("pt").set_index("equation")


@pytest.mark.parametrize(
    ("equation", "printed"),
    [("A.39", 4.36e9), ("A.42", 2.7e-3), ("A.51", 859)],  # 4.3 GB, 2.7 ms; A.52's text says 69
)
def test_the_printed_form_gives_what_the_text_prints(equation, printed):
    assert TABLE.loc[equation, "printed_value"] == pytest.approx(printed, rel=0.02)


def test_two_operations_a_product_are_twice_what_is_printed():
    assert TABLE.loc["A.20", "printed_over_corrected"] == pytest.approx(0.5)
    n, d = 8192, 4096
    assert TABLE.loc["A.20", "corrected_value"] == 24 * n * d**2 + 4 * n**2 * d


def test_a_matrix_of_scores_is_that_of_a_21():
    sizes = equations.tab_attention_sizes("en").set_index("equation")["recomputed"]
    assert sizes["A.21"] == 8192**2 * 4
    assert sizes["A.61"] == 65504  # IEEE 754 binary16


def test_equalities_hold_up_to_rounding():
    properties = equations.tab_attention_properties(7, "pt")
    assert properties["largest_difference"].max() < 1e-12
    assert len(properties) == 13
