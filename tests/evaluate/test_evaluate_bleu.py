"""BLEU against NLTK's, which computes the definition of Papineni et al. (2002)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.bleu_score import corpus_bleu

from brnb.evaluate.bleu import bleu

WORDS = st.lists(st.sampled_from([*"o,ea.", "gato", "muro", "não"]), min_size=4)
TEXTS = st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=2)), min_size=1, max_size=4)


def words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


@given(TEXTS)
def test_bleu_is_that_of_nltk(pairs):
    said = [" ".join(prediction) for prediction, _ in pairs]
    right = [[" ".join(reference) for reference in references] for _, references in pairs]
    found = bleu(said, right)
    if found:  # NLTK smooths nothing either, but gives a tiny number for zero
        expected = corpus_bleu([[words(r) for r in rs] for rs in right], [words(p) for p in said])
        assert found == pytest.approx(expected)


def test_a_translation_equal_to_its_reference_has_one_and_a_short_one_is_punished():
    text = "O gato subiu no muro da casa."
    assert bleu([text], [[text]]) == 1
    # all of its four-grams agree: only the brevity penalty, e^(1 - 8/7)
    assert bleu(["O gato subiu no muro da casa"], [[text]]) == pytest.approx(0.8668778997501816)
    assert bleu(["Nada disso aqui está."], [[text]]) == 0


def test_a_translation_without_reference_is_an_error():
    with pytest.raises(ValueError, match="a reference for each"):
        bleu(["a"], [[]])
