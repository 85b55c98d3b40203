"""The adapter to presidio: what it finds is what we find, and without presidio it says so."""

import sys

import pytest

from brnb.text.personal_data import IDENTIFIER_KINDS
from brnb.text.presidio import ENTITIES, recognizer


def test_every_kind_has_an_entity_of_its_own():
    assert set(ENTITIES) == set(IDENTIFIER_KINDS)
    assert len(set(ENTITIES.values())) == len(IDENTIFIER_KINDS)


def test_without_presidio_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(ModuleNotFoundError, match="pip install presidio-analyzer"):
        recognizer()


def test_presidio_gets_what_was_found():
    pytest.importorskip("presidio_analyzer", reason="presidio is offered, and no dependency")
    found = recognizer().analyze("CPF 529.982.247-25, ana@exemplo.com", entities=["BR_CPF"])
    assert [(r.entity_type, r.start, r.end, r.score) for r in found] == [("BR_CPF", 4, 18, 1.0)]
