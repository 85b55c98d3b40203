import pytest

from brnb.audit.printed import UnreadableNumber, read_printed


@pytest.mark.parametrize(
    ("text", "low", "high", "step", "unit"),
    [
        ("1.57", 1.57, 1.57, 0.01, ""),
        (r"2.52 \times 10^6 \text{ segundos}", 2.52e6, 2.52e6, 1e4, "second"),
        (r"\$7.5M", 7.5e6, 7.5e6, 1e5, "USD"),
        ("1,150", 1150, 1150, 1, ""),
        ("65 536", 65536, 65536, 1, ""),
        ("16,8 milhões", 16.8e6, 16.8e6, 1e5, ""),
        ("8 bilhões", 8e9, 8e9, 1e9, ""),
        ("5-10x", 5, 10, 1, ""),
        ("-19.2%", -19.2, -19.2, 0.1, "percent"),
        (r"2^{16}", 65536, 65536, 0, ""),
        (r"\$0.10/kWh", 0.1, 0.1, 0.01, "USD/kWh"),
        (r"\approx 16.3 \text{ GB}", 16.3, 16.3, 0.1, "gigabyte"),
    ],
)
def test_a_number_is_read_as_printed(
    text: str, low: float, high: float, step: float, unit: str
) -> None:
    printed = read_printed(text)
    assert (float(printed.low), float(printed.high)) == (low, high)
    assert float(printed.step) == pytest.approx(step)
    assert printed.unit == unit


def test_a_bound_keeps_its_sign() -> None:
    assert read_printed(r"\leq 24").sign == "≤"
    assert read_printed("> 24").sign == ">"


@pytest.mark.parametrize("text", ["", "doze", "12 parsecs", "1.2.3"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UnreadableNumber):
        read_printed(text)
