"""Noise in instruction pairs, counted by hand."""

from brnb.text.pair_noise import measure_noise
from brnb.text.pairs import Pair


def pair(prompt: str, answer: str) -> Pair:
    return Pair(prompt, prompt, "", answer)


def test_each_kind_of_noise_is_counted():
    pairs = [
        pair("Qual a capital?", "Brasília"),
        pair("qual a  capital?", "Salvador"),  # the same request, another answer
        pair("Some 2 e 2.", "4"),
        pair("Some 2 e 2.", "4"),  # again
        pair("Conte uma piada.", ""),
        pair("Ajude-me.", "Como um modelo de linguagem, não posso ajudar com isso."),
        pair("Descreva o mar.", "The sea is the body of water that covers the earth."),
        pair(
            "Traduza para o inglês: o mar é belo.", "The sea is one of the beauties of the world."
        ),
    ]
    assert measure_noise(pairs) == {
        "pairs": 8,
        "empty": 1,
        "refused": 1,
        "other_language": 1,
        "contradictory": 2,
        "duplicated": 1,
    }


def test_portuguese_is_not_another_language():
    text = "O Brasil é um país da América do Sul, e a sua capital é Brasília."
    assert measure_noise([pair("Descreva.", text)])["other_language"] == 0
