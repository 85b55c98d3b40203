"""Near-duplicates against the Jaccard index computed from sets of words."""

import random

import pytest

from brnb.text.overlap import Overlap, split_apart

WORDS = [f"palavra{n}" for n in range(300)]


def words(seed, count=120):
    return random.Random(seed).choices(WORDS, k=count)


def edited(seed, edits):
    found = words(seed)
    for n in range(edits):
        found[random.Random(seed * 100 + n).randrange(len(found))] = f"outra{n}"
    return found


def jaccard(one, other):
    a, b = ({tuple(x[i : i + 5]) for i in range(len(x) - 4)} for x in (one, other))
    return len(a & b) / len(a | b)


@pytest.mark.parametrize("threshold", [0.5, 0.8, 1.0])
@pytest.mark.parametrize("edits", range(9))
def test_texts_overlap_where_the_index_reaches_the_threshold(edits, threshold):
    known = Overlap([" ".join(words(seed)) for seed in range(20)], threshold)
    for seed in range(20):
        text = edited(seed, edits)
        expected = seed if jaccard(words(seed), text) >= threshold else None
        assert known.of(" ".join(text)) == expected


def test_case_and_punctuation_do_not_count_and_accents_do():
    known = Overlap(["O avô, que não veio, mandou lembranças a todos."], 0.9)
    assert known.of("o AVÔ que não veio mandou lembranças — a todos") == 0
    assert known.of("O avó, que não veio, mandou lembranças a todos.") is None


def test_short_texts_overlap_only_as_a_whole():
    known = Overlap(["Traduza: gato", "", "sim"], 0.8)
    assert known.of("traduza gato!") == 0
    assert known.of("Traduza: cão") is None
    assert known.of("Sim.") == 2


def test_the_first_split_stays_whole():
    same = " ".join(words(1))
    kept, removed = split_apart([[same], ["só aqui, e mais nada", same], [same, same]], 0.8)
    assert kept == [[0], [0], []]
    assert removed == [0, 1, 2]


def test_a_threshold_of_nothing_is_refused():
    with pytest.raises(ValueError, match="threshold 0"):
        Overlap([], 0)
