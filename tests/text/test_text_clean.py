import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.text.clean import clean_text, early


def is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc"


ALPHABET = st.one_of(
    st.sampled_from("abcçãéÀÖßªº0129.,;/ \t\u00a0\u2003\u00ad\u200b\r\n\u2028\x0b\x85“—…łЖ中😀"),
    st.characters(codec="utf-8").filter(lambda c: not is_control(c) or c.isspace()),
)
TEXT = st.text(ALPHABET, max_size=120)


def plain(text: str, min_chars: int, min_letters: float) -> tuple[str, dict[str, list[int]]]:
    """The rules, word by word and character by character."""
    kept, removed = [], {"short_line": [0, 0], "low_letters": [0, 0]}
    for line in text.splitlines():
        line = " ".join(line.split())
        letters = sum(unicodedata.category(c).startswith("L") for c in line)
        if not line:
            continue
        if len(line) < min_chars:
            rule = "short_line"
        elif letters / len(line) < min_letters:
            rule = "low_letters"
        else:
            kept.append(line)
            continue
        removed[rule][0] += 1
        removed[rule][1] += len(line)
    return "\n".join(kept), {rule: counts for rule, counts in removed.items() if counts[0]}


@given(TEXT, st.integers(0, 30), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_clean_text_equals_the_plain_rules(text: str, min_chars: int, min_letters: float) -> None:
    cleaned, removed = clean_text(text, min_chars, min_letters)
    counts = {rule: [count.lines, count.characters] for rule, count in removed.items()}
    assert (cleaned, counts) == plain(text, min_chars, min_letters)
    assert all(count.documents == 1 for count in removed.values())


@given(TEXT)
def test_clean_text_is_idempotent(text: str) -> None:
    cleaned, _ = clean_text(text, 5, 0.5)
    assert clean_text(cleaned, 5, 0.5) == (cleaned, {})


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("Leia mais", "short_line"),  # 9 characters
        ("a" * 19, "short_line"),
        ("a" * 20, None),
        ("1.234 5.678 9.012 a b", "low_letters"),  # 2 letters of 21
        ("abcdefghij1234567890", None),  # exactly half
        ("abcdefghi 1234567890", "low_letters"),  # 9 of 20
        ("В Москве тоже читают", None),  # letters outside Latin-1 are letters
        ("===== 1º ª ========== =====", "low_letters"),
        ("Em 2019, R$ 1.234,56 mil ao ano.", "low_letters"),  # 11 of 32
        ("O número de casos subiu 12% em 2019.", None),  # 21 of 36
    ],
)
def test_rules_on_single_lines(line: str, rule: str | None) -> None:
    cleaned, removed = clean_text(line, 20, 0.5)
    if rule is None:
        assert (cleaned, removed) == (line, {})
    else:
        assert cleaned == ""
        assert {name: (c.lines, c.characters) for name, c in removed.items()} == {
            rule: (1, len(line))
        }


def test_case_numbers_and_signs_are_kept_and_blanks_collapse() -> None:
    text = (
        "  O contrato segue a Lei nº\u00a08.666,  de 1993,\tainda. \n\n“Sim”, disse João — hoje.\n"
    )
    expected = "O contrato segue a Lei nº 8.666, de 1993, ainda.\n“Sim”, disse João — hoje."
    assert clean_text(text, 20, 0.5) == (expected, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [  # the forms that the published samples of v1 to v5 show (thesis 4.4.1.6)
        ("Lei nº 123/2010", "lei nº 0/0"),
        ("de 12/03/1999 - DOU 15/03/1999", "de 0/0/0 - dou 0/0/0"),
        ("Em 2008, de 31 de Março de 2009", "em 0, de 0 de março de 0"),
        ("R$ 1.234,56 e 100000 ÁGUAS", "r$ 0.0,0 e 0 águas"),
        ("1º lugar, H2O e 007", "0º lugar, h0o e 0"),
    ],
)
def test_early_form(text: str, expected: str) -> None:
    assert early(text) == expected


@given(TEXT)
def test_early_equals_a_plain_regex_and_is_idempotent(text: str) -> None:
    assert early(text) == re.sub("[0-9]+", "0", text.lower())
    assert early(early(text)) == re.sub("[0-9]+", "0", text.lower().lower())


@pytest.mark.parametrize(
    ("hostile", "left"),
    [
        ("antes\x1b]0;PWNED\x07depois", "antesdepois"),  # a window's title
        ("antes\x1b]8;;http://a.b\x1b\\depois", "antesdepois"),  # a link
        ("\x1b[31;1mvermelho\x1b[0m e \x1b[2Jlimpo", "vermelho e limpo"),
        ("a\x1b(0b\x1bcd \x08\x07e\x7ff\x1b", "abd ef"),
        ("não termina \x1b]0;abc\noutra linha", "não termina 0;abc\noutra linha"),
        ("\x93aspas\x94 mal lidas \x9d de Windows", "aspas mal lidas de Windows"),
        ("\x1b\x1b[31mduas", "duas"),
        ("tab\té\x1cblank\x85linha", "tab é\nblank\nlinha"),
    ],
)
def test_what_a_terminal_would_obey_goes(hostile: str, left: str) -> None:
    assert clean_text(hostile, 0, 0.0) == (left, {})


@given(st.text(st.sampled_from("\x1b[]()P\\;0m\x07\x9b\x9d\x9c\x85\n ab"), max_size=30))
def test_no_control_character_stays(text: str) -> None:
    cleaned, _ = clean_text(text, 0, 0.0)
    assert not any(map(is_control, cleaned.replace("\n", "")))
    assert clean_text(cleaned, 0, 0.0)[0] == cleaned
