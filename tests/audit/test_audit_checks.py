"""For each kind of check: a right statement is confirmed, and planted errors are caught."""

from typing import Any

import pytest

from brnb.audit.checks import judge
from brnb.audit.claims import Claim
from brnb.audit.documents import from_register, locate_quotations, slots_at
from brnb.audit.planting import can_fail


def claim(quote: str | list[str], **check: Any) -> Claim:
    quotes = [quote] if isinstance(quote, str) else quote
    return Claim(id="002:eq:0", says="um", says_en="one", quote=quotes, **check)


def verdict(quote: str | list[str], **check: Any) -> str:
    one = claim(quote, **check)
    documents = from_register([one])
    return judge(one, slots_at(locate_quotations(one, documents), documents)).kind


MEMORY = {"value": "N * 4 * byte"}


@pytest.mark.parametrize(
    ("quote", "kind"),
    [
        (r"⟦N=7 \times 10^9⟧ \times 4 = ⟦28 \text{ GB}⟧", "confirmed"),
        (r"⟦N=7 \times 10^9⟧ \times 4 = ⟦29 \text{ GB}⟧", "rounding"),
        (r"⟦N=7 \times 10^9⟧ \times 4 = ⟦31 \text{ GB}⟧", "wrong"),
        (r"⟦N=7 \times 10^9⟧ \times 4 = ⟦28 \text{ MB}⟧", "wrong"),
        (r"⟦N=7 \times 10^9⟧ \times 4 = ⟦28 \text{ GB/s}⟧", "wrong"),
        (r"⟦N=6 \times 10^9⟧ \times 4 = ⟦28 \text{ GB}⟧", "wrong"),
        (r"⟦N=7 \times 10^9⟧ \times 4 = ⟦> 24 \text{ GB}⟧", "confirmed"),
        (r"⟦N=7 \times 10^9⟧ \times 4 = ⟦< 24 \text{ GB}⟧", "wrong"),
    ],
)
def test_a_value_is_compared_digit_by_digit_in_its_unit(quote: str, kind: str) -> None:
    assert verdict(quote, **MEMORY) == kind


def test_half_a_unit_is_up_and_confirmed() -> None:
    assert verdict("⟦a=2.35⟧ h a 0.30 = ⟦0.71⟧", value="a * 0.30") == "confirmed"  # 0.705
    assert verdict("⟦a=2.35⟧ h a 0.30 = ⟦0.70⟧", value="a * 0.30") == "rounding"


def test_rounded_inputs_make_an_interval() -> None:
    quote = "⟦a=0.173⟧ ⟦b=0.295⟧ ⟦+0.123⟧"
    assert verdict(quote, value="b - a") == "rounding"
    quote = "⟦a=0.037⟧ ⟦g=+0.053⟧ ⟦+145%⟧"  # 143.2%, 140.0% to 146.6% for what rounds to them
    assert verdict(quote, value="g / a", rounded=["a", "g"]) == "rounding"
    assert verdict(quote.replace("145", "155"), value="g / a", rounded=["a", "g"]) == "wrong"


def test_another_reading_is_named() -> None:
    reading = {"pt": "um ano", "en": "one year", "value": "hours * 0.15 / 2"}
    one = claim("⟦hours=100⟧ ⟦7.5⟧", value="hours * 0.15", readings=[reading])
    documents = from_register([one])
    judged = judge(one, slots_at(locate_quotations(one, documents), documents))
    assert judged.kind == "wrong"
    assert judged.reading is not None
    assert judged.reading.en == "one year"


def test_a_factor_of_a_thousand_is_named() -> None:
    one = claim("⟦N=4.12⟧ → ⟦4120⟧", value="N")
    documents = from_register([one])
    judged = judge(one, slots_at(locate_quotations(one, documents), documents))
    assert judged.reading is not None
    assert "1000" in judged.reading.en


@pytest.mark.parametrize(
    ("right", "kind"),
    [
        ("86.4Lnd^2", "confirmed"),
        ("84.6Lnd^2", "wrong"),
        ("86.4Ln^2d", "wrong"),
        ("86.4Lnd", "wrong"),
    ],
)
def test_algebra_from_line_to_line(right: str, kind: str) -> None:
    quote = rf"⟦a=3.6L \cdot 24nd^2⟧ = ⟦printed={right}⟧"
    assert verdict(quote, algebra="a == printed") == kind


@pytest.mark.parametrize(
    ("formula", "kind"),
    [
        (r"\text{Attention}(Q, K, V)", "confirmed"),
        (r"\text{Attention}(Q, V, K)", "wrong"),
        (r"\text{Attention}(Q\Pi, K\Pi, V\Pi)", "wrong"),
        (r"QK^T", "wrong"),
    ],
)
def test_sizes_of_matrices(formula: str, kind: str) -> None:
    sizes = {"Q": ["n", "k"], "K": ["m", "k"], "V": ["m", "v"], "Pi": ["n", "n"]}
    assert verdict(f"⟦{formula}⟧", shapes={"sizes": sizes, "gives": ["n", "v"]}) == kind


def test_dimensions_of_a_formula() -> None:
    units = {"F": "FLOP/second", "I": "FLOP/byte", "B": "byte/second"}
    test = {"function": "dimensions", "arguments": {"units": units, "unit": "FLOP/second"}}
    assert verdict(r"⟦\min(F, B I)⟧", test=test) == "confirmed"
    assert verdict(r"⟦\min(F, B)⟧", test=test) == "wrong"
    assert verdict(r"⟦F / I⟧", test=test) == "wrong"


def test_a_derivative() -> None:
    test = {"function": "derivative", "arguments": {"of": "(c / N) ** a", "by": "N"}}
    assert verdict(r"⟦-a \frac{c^a}{N^{a+1}}⟧", test=test) == "confirmed"
    assert verdict(r"⟦-a \frac{c^a}{N^{a-1}}⟧", test=test) == "wrong"


def test_facts_are_numbers_or_words() -> None:
    assert verdict("tem ⟦671B⟧", fact=671, unit="billion", source="paper") == "confirmed"
    assert verdict("tem ⟦617B⟧", fact=671, unit="billion", source="paper") == "false fact"
    assert verdict("é ⟦**denso**⟧", fact="Denso", source="paper") == "confirmed"
    assert verdict("é ⟦MoE⟧", fact="denso", source="paper") == "false fact"


def test_two_places_that_differ_are_inconsistent() -> None:
    assert verdict(["bandwidth ⟦a=1.6 TB/s⟧", "HBM ⟦b=1.6 TB/s⟧"], same=True) == "confirmed"
    assert verdict(["bandwidth ⟦a=1.6 TB/s⟧", "HBM ⟦b=1.5 TB/s⟧"], same=True) == "inconsistent"
    assert verdict(["bandwidth ⟦a=1.6 TB/s⟧", "HBM ⟦b=1600 GB/s⟧"], same=True) == "confirmed"


def test_a_conclusion_that_does_not_follow() -> None:
    assert verdict("⟦a=2.7 \\text{ ms}⟧ ⟦b=0.9 \\text{ ms}⟧", holds="a > b") == "confirmed"
    assert verdict("⟦a=2.7 \\text{ ms}⟧ ⟦b=0.9 \\text{ s}⟧", holds="a > b") == "wrong"


def test_a_check_that_cannot_fail_is_refused() -> None:
    idle = claim("⟦a=28 GB⟧", holds="a == a")
    assert not can_fail(idle, {"a": "28 GB"})
    real = claim("⟦a=28 GB⟧", holds="a > 24 * gigabyte")
    assert can_fail(real, {"a": "28 GB"})
