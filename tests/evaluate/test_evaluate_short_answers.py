"""What EM and F1 of ``pt`` take for the same answer: cases that a linguist decided, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.evaluate.short_answers import answer_words
from brnb.evaluate.text_metrics import score_pairs

SAME = [
    ("1.234,56", "1234,56"),
    ("1.000.000", "1000000"),
    ("1,234.56", "1.234,56"),
    ("2.5", "2,5"),
    ("R$ 1.500,00", "R$1500,00"),
    ("50%", "50 %"),
    ("−5", "-5"),
    ("1º", "1°"),
    ("1º", "1o"),
    ("2ª", "2a"),
    ("km²", "km2"),
    ("H₂O", "H2O"),
    ("30 ºC", "30°C"),
    ("do governo", "de o governo"),
    ("no", "em o"),
    ("pelas ruas", "por as ruas"),
    ("numa casa", "em uma casa"),
    ("o Brasil", "Brasil"),
    ("A capital do país", "capital de país"),
    ("“sim”", "sim"),
    ("grupo O", "grupo o"),
]
OTHER = [
    ("1,5", "5,1"),
    ("25/12/2020", "12/25/2020"),
    ("-5", "5"),
    ("50%", "50"),
    ("€ 5", "$ 5"),
    ("C++", "C"),
    ("C#", "C"),
    ("👍", "👎"),
    ("...", "!!!"),
    ("...", ""),
    ("> 5", "< 5"),
    ("grupo O", "grupo A"),
    ("letra A", "letra O"),
    ("vitamina A", "vitamina O"),
    ("vitamina A e C", "vitamina C"),
    ("de 10 a 20", "de 10 20"),
    ("um ano", "ano"),
    ("vendeu-o", "vendeu-a"),
    ("ela o viu", "ela a viu"),
    ("não a comprou", "não o comprou"),
    ("10²", "102"),
    ("1.5", "1.500"),
]
APART = {("1,5", "5,1"), ("25/12/2020", "12/25/2020"), ("👍", "👎"), ("...", "!!!")}


def scores(prediction: str, reference: str, form: str) -> tuple[float, float]:
    values = score_pairs([(prediction, reference)], form)  # type: ignore[arg-type]
    return float(values["em"][0]), float(values["f1"][0])


@pytest.mark.parametrize("form", ["pt", "pt_folded"])
@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_ways_to_write_one_answer(one: str, other: str, form: str) -> None:
    assert scores(one, other, form) == (1, 1)


@pytest.mark.parametrize("form", ["pt", "pt_folded"])
@pytest.mark.parametrize(("one", "other"), OTHER)
def test_two_answers(one: str, other: str, form: str) -> None:
    em, f1 = scores(one, other, form)
    assert em == 0
    assert f1 < 1
    if (one, other) in APART:
        assert f1 == 0


def test_a_contraction_shares_its_parts() -> None:
    assert scores("do governo", "o governo", "pt") == (0, pytest.approx(2 / 3))
    assert scores("da", "do", "pt") == (0, 0.5)


def test_an_article_needs_a_word_after_it() -> None:
    assert answer_words("O gato e a gata") == ["gato", "e", "gata"]
    assert answer_words("A") == ["a"]
    assert answer_words("Guerra e Paz: O Fim") == ["guerra", "e", "paz", "fim"]


@given(st.integers(0, 10**12), st.integers(0, 99))
def test_a_grouped_number_is_the_number(whole: int, hundredths: int) -> None:
    grouped = f"{whole:,}".replace(",", ".") + f",{hundredths:02d}"
    assert answer_words(grouped) == [f"{whole},{hundredths:02d}"]
