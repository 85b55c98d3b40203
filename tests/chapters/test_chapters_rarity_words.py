"""Chapter 01 in words: small tables by hand, from both sides of each verdict."""

import pandas as pd
import pytest

from brnb.chapters import rarity_words


def test_the_example_agrees_within_the_printed_decimals_or_is_named():
    table = pd.DataFrame({
        "feature": ["Atenção", "Score"], "published": ["11.0", "3.71"], "recomputed": [11.0, 3.7056]
    })  # fmt: skip
    assert "todos os termos conferem, e o score é 3,71" in rarity_words.say_example(table, "pt")
    wrong = table.assign(recomputed=[11.5, 3.83])
    assert rarity_words.say_example(wrong, "pt") == (
        "Recalculado, o score é 3,83; diferem do impresso: Atenção e Score."
    )


def test_the_rarest_and_the_commonest_value():
    table = pd.DataFrame({"value": ["MLA", "GQA"], "count": [2, 8], "weight": [5.0, 1.25]})
    assert "mais raro é MLA, que só 2 modelos têm, com peso 5,0; o mais comum, GQA, que 8 têm" in (
        rarity_words.say_frequencies(table, "pt")
    )


def test_the_longest_context():
    models = pd.DataFrame({
        "name": ["a", "b", "c"], "context": [4096, 8192, 1048576], "weight_context": [0.1, 0.2, 1.0]
    })  # fmt: skip
    text = rarity_words.say_context(models, "pt")
    assert "do c, 1.048.576 tokens" in text
    assert "abaixo de 0,200" in text


def test_how_many_of_the_chosen_are_alike():
    chosen = pd.DataFrame({
        "name": ["a", "b", "c"], "attention": ["GQA", "GQA", "MLA"], "activation": ["SwiGLU"] * 3,
        "norm": ["RMSNorm"] * 3, "score": [1.0, 2.0, 9.5],
    })  # fmt: skip
    assert rarity_words.say_chosen({"~8B": chosen}, "pt") == (
        "~8B: o primeiro é c, com score 9,5. Dos 3 escolhidos, 2 têm a mesma combinação, GQA + "
        "SwiGLU + RMSNorm."
    )


def test_a_limit_within_reach_and_one_beyond_it():
    assert "possível com as contagens do exemplo é 15,2" in (
        rarity_words.say_limit(36.2, 1.5, 55, 15.2, "pt")
    )
    assert "nenhum modelo chega lá" in rarity_words.say_limit(36.2, 1.5, 55, 9.9, "pt")


def test_the_bands_that_models_keep():
    table = pd.DataFrame({
        "score": [1.0, 3.7], "band_described": ["alta", "baixa"], "band_formula": ["baixa", "baixa"]
    })  # fmt: skip
    assert "1 dos 2 modelos descritos ficam na faixa" in rarity_words.say_bands(table, "pt")


@pytest.mark.parametrize(("random", "said"), [
    (0.70, "mais que os 70% de um sorteio"), (0.83, "não mais que os 83% de um sorteio")
])  # fmt: skip
def test_rarity_against_chance(random, said):
    table = pd.DataFrame({
        "size_class": ["~8B"] * 3, "method": ["rarity", "max_min", "random"],
        "coverage": [0.83, 0.87, random],
    })  # fmt: skip
    text = rarity_words.say_diversity(table, "pt")
    assert text.endswith(f"{said}.")
    assert "max–min (Gower), com 87%" in text


def test_what_the_choice_depends_on():
    left_out = pd.DataFrame({"feature": ["attention", "context"], "kept": [0.25, 0.875]})
    resampled = pd.DataFrame({"name": ["a", "b", "c"], "chosen": [0.95, 0.4, 0.01]})
    text = rarity_words.say_sensitivity(left_out, resampled, "pt")
    assert "sem ela restam 25% dos escolhidos" in text
    assert "1 modelos são escolhidos em ao menos nove de cada dez vezes, e 2 em mais" in text
