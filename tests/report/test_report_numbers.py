"""numbers.tex: ids, languages, escaping."""

import pytest

from brnb.report.numbers import render

NUMBERS = {
    "v1.val_ppl": {"value": 4.5789, "decimals": 2},
    "v1.cost": {"value": 0.705, "decimals": 2, "unit": "USD"},
    "corpus.documents": {"value": 123456, "decimals": None},
    "corpus.rule": {"value": "a_b & 50%", "decimals": None},
    "v2.val_ppl": {"value": None, "decimals": 2},
}


def test_every_number_in_order_of_id():
    assert render(NUMBERS, "pt").splitlines()[1:] == [
        r"\brnbdefine{corpus.documents}{123.456}",
        r"\brnbdefine{corpus.rule}{a\_b \& 50\%}",
        r"\brnbdefine{v1.cost}{US\$~0,71}",
        r"\brnbdefine{v1.val_ppl}{4,58}",
        r"\brnbdefine{v2.val_ppl}{--}",
    ]


def test_order_of_recording_does_not_matter():
    assert render(dict(reversed(NUMBERS.items())), "pt") == render(NUMBERS, "pt")


def test_english():
    assert r"\brnbdefine{v1.val_ppl}{4.58}" in render(NUMBERS, "en")


@pytest.mark.parametrize("id", ["", "a b", "a}b", "a\\b", ".a", "a%", "é", "a\n"])
def test_a_bad_id_is_refused(id):
    with pytest.raises(ValueError, match="use letters, digits"):
        render({id: {"value": 1}}, "pt")


@pytest.mark.parametrize("entry", [{}, {"decimals": 2}, {"value": 1, "digits": 2}])
def test_a_malformed_entry_is_refused(entry):
    with pytest.raises(ValueError, match="it needs 'value'"):
        render({"a": entry}, "pt")
