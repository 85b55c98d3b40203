"""Documents told apart by their ids and titles."""

import pytest

from brnb.text.finished import Document
from brnb.text.registers import by_register

DOCUMENTS = [Document(f"{kind}-{n}", "", f"{kind} {n}", "") for n in range(4) for kind in "abc"]


def test_each_register_has_its_first_texts():
    found = by_register(iter(DOCUMENTS), {"first": "^a-", "rest": "."}, 2)
    assert found == {"first": ["a 0", "a 1"], "rest": ["b 0", "c 0"]}


def test_titles_count_too():
    law = Document("7", "Lei nº 3", "texto", "")
    assert by_register([law], {"law": "Lei"}, 5) == {"law": ["texto"]}


def test_a_register_without_documents_and_a_bad_expression_are_refused():
    with pytest.raises(ValueError, match="registers none: no document's id or title matches"):
        by_register(DOCUMENTS, {"first": "^a-", "none": "^z-"}, 2)
    with pytest.raises(ValueError, match=r"register first: '\(' is no regular expression"):
        by_register(DOCUMENTS, {"first": "("}, 2)
