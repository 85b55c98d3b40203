"""A version's results in words: hand-made numbers from both sides of each verdict."""

from types import SimpleNamespace

import numpy as np
import pytest

from brnb.chapters.curves import published_loss
from brnb.chapters.version_words import (
    say_curve,
    say_legibility,
    say_passes,
    say_result,
    say_text,
)
from brnb.evaluate.intrinsic import Intrinsic
from brnb.evaluate.legibility import Legibility
from brnb.train.history import History
from brnb.train.rows import TokenRow

RESULT = Intrinsic(2.0, 7.389, 0.2549, 1.6, 100, 2)


def curve(*losses, train=1.0):
    rows = [{"tokens": 1e6 * (i + 1), "loss": loss} for i, loss in enumerate(losses)]
    return History(validation=rows, train=[{"tokens": 1e6, "loss": train}])


def test_the_text_of_a_training():
    train = TokenRow(np.zeros(1000, np.uint16), 12, np.array([1500, 1500], np.uint32))
    held_out = TokenRow(np.zeros(10, np.uint16), 3, np.array([30], np.uint32))
    rows = SimpleNamespace(
        train=train, validation=held_out, tokenizer=SimpleNamespace(vocab_size=3200)
    )
    text = say_text(rows, "pt")
    assert "1000 tokens de 12 documentos, em média 3,00 bytes" in text
    assert "3200 peças" in text
    assert "3 documentos que o treino nunca vê" in text


@pytest.mark.parametrize(("losses", "said"), [
    ((3.0, 2.0, 1.5), "O último ponto é o mais baixo"),
    ((3.0, 1.5, 2.0), "o mais baixo, 1,500, está em 2,00 milhões; desde então ela subiu 0,500"),
    ((3.0, 1.5, 1.501), "Desde o ponto mais baixo, 1,500 em 2,00 milhões, ela quase não muda"),
])  # fmt: skip
def test_where_a_curve_ends(losses, said):
    text = say_curve(curve(*losses), "pt")
    assert said in text
    assert text.startswith(
        f"A perda de validação vai de 3,000 a {losses[-1]:.3f}".replace(".", ",")
    )


def test_the_gap_to_the_training_loss_has_a_side():
    assert "fica 0,500 acima do treino" in say_curve(curve(3.0, 1.5), "pt")
    assert "fica 0,500 abaixo do treino" in say_curve(curve(3.0, 1.5, train=2.0), "pt")
    assert "lies 0.500 above training" in say_curve(curve(3.0, 1.5), "en")


def test_passes_over_the_corpus_or_a_part_of_one():
    whole = History(tokens=3_000, pass_tokens=1_000, seconds=2.0, parameters=1_400_000)
    assert "1,40 milhões de parâmetros, que leem o corpus 3,0 vezes" in say_passes(whole, "pt")
    part = History(tokens=500, pass_tokens=1_000, seconds=2.0)
    assert "leem 50% do corpus, a 250 tokens por segundo: 2,00 segundos" in say_passes(part, "pt")


def test_a_result_beside_the_published_one():
    history = History(tokens=13_880_000)  # Table 7 prints 13.88 billion for v1, perplexity 4.58
    text = say_result("tab07", "v1", RESULT, history, "pt")
    assert "Ele acerta 25,5% dos tokens" in text
    assert "1,600 bits por byte, 80% menos que os 8" in text
    assert "perplexidade 4,58; a nossa fica 61,3% acima, em outro texto e com 0,10% dos" in text
    better = Intrinsic(0.5, 2.29, 0.25, 1.5, 100, 2)
    assert "a nossa fica 50,0% abaixo" in say_result("tab07", "v1", better, history, "pt")


def test_a_run_that_was_never_published_says_so():
    assert "não tem esta execução" in say_result("tab09", "v6_130m", RESULT, History(), "pt")


def test_samples_within_and_beyond_the_guardrails():
    kept = Legibility(0.0, 0.05, 0.02, 0.9, 1.0, 200, 0, 0.01, 0.10, guardrails_pass=True)
    assert "respeitam os dois guardrails: razão de fallback 0,000 e de peças curtas 0,050" in (
        say_legibility(kept, "pt")
    )
    assert "De 200 palavras geradas, 90% ocorrem" in say_legibility(kept, "pt")
    broken = Legibility(0.02, 0.149, 0.02, 0.9, 1.0, 200, 0, 0.01, 0.10, guardrails_pass=False)
    assert say_legibility(broken, "pt").startswith(
        "As amostras não respeitam os guardrails: a razão de fallback é 0,020, acima do limite de "
        "0,01; e a razão de peças curtas é 0,149, acima do limite de 0,10."
    )


def test_an_empty_sample_breaks_the_guardrails_by_itself():
    empty = Legibility(0.0, 0.05, 0.02, 0.9, 1.0, 200, 2, 0.01, 0.10, guardrails_pass=False)
    assert say_legibility(empty, "pt").startswith(
        "As amostras não respeitam os guardrails: há amostras sem uma palavra (2)."
    )


def test_samples_without_a_word_have_no_shares():
    empty = Legibility(None, None, None, None, None, 0, 0, 0.01, 0.10, guardrails_pass=True)
    assert "De 0 palavras geradas, – ocorrem" in say_legibility(empty, "pt")


def test_the_published_loss_or_the_logarithm_of_the_perplexity():
    assert published_loss("tab07", "v1") == 1.522
    assert published_loss("tab09", "v5b_long") == 3.3843
    assert published_loss("tab08", "v4_subword") == pytest.approx(4.3285, abs=1e-4)  # ln 75.83
    assert published_loss("tab09", "v6_130m") is None
