"""Sentences of chapter 02 from counts by hand, in both languages."""

from types import SimpleNamespace

from brnb.chapters import corpus_words
from brnb.text.corpus import Amount


def amount(documents=0, size=0):
    return Amount(documents=documents, lines=0, characters=size, bytes=size)


def report(near=0):
    kept = {
        "v6": {"train": amount(80, 900), "validation": amount(9, 50), "test": amount(10, 50)},
        "early": {"train": amount(80, 880), "validation": amount(9, 50), "test": amount(10, 45)},
    }
    registers = {
        "fala": {"train": amount(1, 500), "test": amount(1, 100)},
        "lei": {"train": amount(1, 1400), "test": amount(1, 0)},
    }
    removed = {"near_duplicate": amount(near)}
    return SimpleNamespace(kept=kept, registers=registers, removed=removed)


def test_near_duplicates_of_what_was_drawn_for_validation_and_test():
    # 9 + 10 documents stayed; 1 of 20 is 5.0%, 6 of 25 are 24.0%
    assert corpus_words.say_near_duplicates(report(near=1), "pt") == (
        "Dos 20 documentos sorteados para validação e teste, 1 quase repetia um do treino e saiu "
        "(5,0%)."
    )
    assert "6 nearly repeated one of training and left (24.0%)" in (
        corpus_words.say_near_duplicates(report(near=6), "en")
    )


def test_the_largest_register_by_bytes():
    # 1400 of 2000 bytes
    assert corpus_words.say_registers(report(), "pt") == (
        "São 2 registros; o maior, lei, tem 70% dos bytes."
    )
    alone = SimpleNamespace(registers={"lei": {"train": amount(1, 7)}})
    assert corpus_words.say_registers(alone, "en") == "There is one register, lei."


def test_what_the_early_cleaning_saves():
    # 975 bytes against 1000
    assert "deixa 2,50% menos bytes" in corpus_words.say_cleanings(report(), "pt")
