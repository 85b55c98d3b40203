"""Sentences of chapter 03 from tables by hand, both sides of each verdict."""

from types import SimpleNamespace

import pandas as pd

from brnb.chapters import tokenizer_words as words


def entry(name, broken):
    measures = SimpleNamespace(broken_guardrails=lambda: broken)
    return SimpleNamespace(tokenizer=SimpleNamespace(name=name), measures=measures)


def test_vocabularies_under_which_people_break_the_fixed_limits():
    entries = [entry("char_v6", ["short"]), entry("v6_16k", []), entry("v4_3k2", ["fallback"])]
    assert words.say_fixed_limits(entries, "pt") == (
        "O próprio texto escrito por gente passa dos limiares fixos em 2 de 3 vocabulários: "
        "char_v6 e v4_3k2."
    )
    assert words.say_fixed_limits(entries[1:2], "en").startswith("Under no vocabulary")


def test_published_vocabularies_that_are_here_and_that_are_not():
    assert words.say_vocabularies([], "pt").startswith("Todos os vocabulários publicados")
    assert words.say_vocabularies(["GPT-4", "Qwen3"], "en") == (
        "Not installed: GPT-4 and Qwen3. With `pip install 'brnb[vocabularies]'` they are "
        "counted too."
    )


def test_the_vocabulary_that_loses_most():
    lost = pd.DataFrame({"tokenizer": ["a", "b"], "lossy_documents": [0.0, 0.125]})
    assert words.say_lost_text(lost, "pt") == (
        "Quem mais perde é b: 12,5% dos documentos não voltam idênticos."
    )
    assert words.say_lost_text(lost.iloc[:1], "pt").endswith(
        "todos os documentos voltam idênticos."
    )


def test_fewest_and_most_tokens_a_word():
    costs = pd.DataFrame({"tokenizer": ["a", "b", "c"], "tokens_per_word": [1.8, 1.5, 6.0]})
    assert words.say_cheapest(costs, "en") == (
        "b writes a word with fewest tokens, 1.50; c with most, 6.00: the same text costs "
        "4.0 times as much."
    )
