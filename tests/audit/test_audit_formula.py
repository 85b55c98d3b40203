import pytest

from brnb.audit.expression import ExpressionError, evaluate_expression, magnitude
from brnb.audit.formula import FormulaError, to_expression


@pytest.mark.parametrize(
    ("latex", "values", "result"),
    [
        (r"\frac{2nd}{4d + n}", {"n": 2048, "d": 1024}, 2 * 2048 * 1024 / 6144),
        (r"2 \times 32 \times (8192^2 + 8192 \times 128)", {}, 4362076160),
        (r"\sqrt{M/4d}", {"M": 16, "d": 2}, 2**0.5),
        (r"\min \left( P, \frac{n^2}{d} + n \right)", {"P": 100, "n": 4, "d": 2}, 12),
        (r"4nd_{ff}d", {"n": 2, "d_ff": 3, "d": 5}, 120),
        (
            r"\frac{A\alpha}{B\beta}^{\frac{1}{\alpha+\beta}}",
            {"A": 8, "alpha": 1, "B": 1, "beta": 1},
            8**0.5,
        ),
    ],
)
def test_latex_becomes_arithmetic(latex: str, values: dict[str, float], result: float) -> None:
    assert evaluate_expression(to_expression(latex), values) == pytest.approx(result)


def test_a_transposed_matrix_keeps_its_name() -> None:
    assert to_expression(r"QK^T / \sqrt{d_k}") == "Q*K**T/sqrt(d_k)"
    assert to_expression(r"QK^\top") == "Q*K**T"


@pytest.mark.parametrize("latex", [r"\sum_i x", "2 +", r"\frac{1}{2", "2 ? 3"])
def test_other_latex_is_refused(latex: str) -> None:
    with pytest.raises(FormulaError):
        to_expression(latex)


def test_units_are_carried_and_converted() -> None:
    value = evaluate_expression("N * 4 * byte", {"N": 7e9})
    assert magnitude(value, "gigabyte") == pytest.approx(28)
    assert magnitude(value, "gigabit") == pytest.approx(224)


def test_bytes_and_operations_do_not_mix() -> None:
    with pytest.raises(ExpressionError, match="units do not fit"):
        magnitude(evaluate_expression("1.5e12 * byte / second", {}), "teraFLOP/second")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "open('x')",
        "theory.costs._number(1, 'x')",
        "().__class__",
        "unknown + 1",
        "2 +",
    ],
)
def test_an_expression_reaches_nothing_else(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate_expression(text, {})
