"""Normalisation of hostile text: the same as Unicode's, or refused, never slow."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.text.marks import MOST, is_stacked, nfc


@given(st.text())
def test_it_is_unicodes(text):
    assert nfc(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "pair", ["\u0301\u0323", "\u20d2\u20d0", "\U00016af0\u0323", "\u0591\u05bf"]
)
def test_a_stack_of_marks_is_refused_at_once(pair):
    assert all(map(unicodedata.combining, pair))
    text = "a" + pair * 200_000
    start = time.process_time()
    with pytest.raises(ValueError, match="combining marks in a row"):
        nfc(text)
    assert time.process_time() - start < 5  # Unicode's would take minutes
    assert not is_stacked("a" + pair * (MOST // 2) + "b" + pair * (MOST // 2))


@pytest.mark.parametrize(
    "text", ["ação " * 5000, "na\u0303o", "漢字" * 5000, "“aspas” – 😀" * 2000]
)
def test_what_people_write_is_normalised(text):
    assert nfc(text) == unicodedata.normalize("NFC", text)
