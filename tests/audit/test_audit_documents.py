from pathlib import Path

import pytest

from brnb.audit.claims import Claim
from brnb.audit.coverage import cover_marks
from brnb.audit.documents import decoded_text, read_originals
from brnb.audit.quote import occurrences, read_quote


def test_utf_8_read_as_mac_roman_is_decoded_back() -> None:
    broken = "quantização × São Paulo".encode().decode("mac_roman").encode()
    assert decoded_text(broken, "001.txt") == "quantização × São Paulo"
    assert decoded_text("quantização".encode(), "002.txt") == "quantização"


def test_latin_1_is_refused_with_line_and_fix() -> None:
    with pytest.raises(ValueError, match=r"002\.txt:2: not UTF-8 .*iconv"):
        decoded_text("um\nação".encode("latin-1"), "002.txt")


def test_documents_are_known_by_their_number(tmp_path: Path) -> None:
    (tmp_path / "002_tese.txt").write_text("texto", encoding="utf-8")
    assert read_originals(tmp_path) == {"002": "texto"}
    with pytest.raises(FileNotFoundError, match="BRNB_DOCUMENTS"):
        read_originals(tmp_path / "none")


def test_a_quotation_is_found_across_lines_with_its_slots() -> None:
    quote = read_quote("custa ⟦a=3.2⟧ h a ⟦0.42⟧")
    text = "A v5 custa\n 3.2 h\ta 0.42 dólar"
    (found,) = occurrences(quote, text)
    assert {slot.name: text[slot.start : slot.end] for slot in found.slots} == {
        "a": "3.2",
        "printed": "0.42",
    }


def test_every_number_is_covered_explained_or_uncovered(tmp_path: Path) -> None:
    rules = tmp_path / "coverage.yaml"
    rules.write_text('- {reason: ano, en: year, pattern: "\\\\(\\\\d{4}\\\\)"}\n', encoding="utf-8")
    claim = Claim(id="002:x:y", says="x", says_en="x", quote=["vale ⟦42⟧"], value="42")
    found = cover_marks({"002": "vale 42 (2017), e não 43%"}, [claim], rules)
    assert [mark.text for mark in found.covered] == ["42"]
    assert [(mark.text, mark.reason) for mark in found.explained] == [("2017", "ano")]
    assert [mark.text for mark in found.uncovered] == ["43", "%"]
