"""Chapter 22's laws in words: numbers by hand, from both sides of each verdict."""

import numpy as np
import pandas as pd
import pytest

from brnb.chapters import scaling_words as words
from brnb.studies.law import Fit, Law, LossPrediction

POWER = "\u202f×\u202f10"


def kaplan(slope, elasticities):
    return pd.DataFrame({
        "variable": ["N", "D", "C"], "slope_recomputed": [slope] * 3, "slope_published": [1.0] * 3,
        "elasticity": elasticities, "loss_published": [3.69, 3.0, 2.0],
        "loss_recomputed": [2.0, 3.0, 2.68],
    })  # fmt: skip


def test_printed_slopes_and_the_largest_gain():
    first, second = words.say_slopes(kaplan(9.6, [0.1, 0.173, 0.1]), "pt").splitlines()
    assert "ficam até 9,6 vezes abaixo" in first
    assert second.endswith("nesses pontos o maior é o de D, 0,173 nats, e não o de N.")
    first, second = words.say_slopes(kaplan(1.0, [0.2, 0.1, 0.1]), "en").splitlines()
    assert "are not below what the formulas" in first
    assert "that of N is the largest, 0.200 nats, as the text says" in second


def test_what_floor_and_unit_move():
    assert words.say_shifts(kaplan(1.0, [1, 0, 0]), "pt").endswith(
        "em nats: +1,69 em N, 0,00 em D e −0,68 em C."
    )


def test_the_optimum_of_the_largest_budget():
    table = pd.DataFrame({
        "flops": [1e26] * 3, "tokens_per_parameter": [153.2, 16.1, 1.0],
        "predicted_loss": [1.8, 1.81, 1.833],
    })  # fmt: skip
    assert words.say_optimum(table, "pt") == (
        f"Com 1{POWER}²⁶ FLOP as constantes pedem 153 tokens por parâmetro, e as da replicação, "
        "16; a C.40 e a C.41 dão 1,0, o que custa 0,033 nats."
    )


def test_exponents_of_laws():
    table = pd.DataFrame({"law": ["como impresso"], "for_size": [0.5], "for_data": [0.5]})
    assert words.say_exponents(table, "pt") == (
        "Como impresso: N* cresce com C^0,50, D* com C^0,50."
    )


@pytest.mark.parametrize(("ratio", "said"), [
    (1.8, "A C.32 é 1,8 vezes o 6ND"), (1.01, "A C.32 é o 6ND que a C.33 faz dela (1,01 vezes)"),
])  # fmt: skip
def test_what_is_called_6nd(ratio, said):
    table = pd.DataFrame({"ratio": [3.0, ratio, 1.0]})
    assert said in words.say_training_flops(table, "pt")


@pytest.mark.parametrize(("times", "said"), [
    (19.2, "tem 19 vezes a largura do certo"), (0.9, "não é largo demais: 0,9 vezes"),
])  # fmt: skip
def test_intervals_amid_the_data_and_beyond(times, said):
    table = pd.DataFrame({"flops": [1e20, 1e21, 1e22, 1e26], "too_wide": [1.0, 1.0, times, 2.0]})
    text = words.say_interval(table, "pt")
    assert text.startswith(f"Em 1{POWER}²² FLOP")
    assert said in text
    assert text.endswith(f"fora deles, em 1{POWER}²⁶, 2,0 vezes.")


def test_terms_that_add_up_and_terms_that_do_not():
    table = pd.DataFrame({"predicted_loss": [1.72, 1.83, 1.8]})
    assert words.say_extrapolation(table, "pt") == (
        "Impresso: 1,72 nats. As mesmas parcelas somadas: 1,83. No ótimo da C.22: 1,80."
    )
    table.loc[1, "predicted_loss"] = 1.721
    assert words.say_extrapolation(table, "pt").startswith("As parcelas somam o que está impresso")


def test_a_metric_that_makes_a_threshold_and_one_that_does_not():
    table = pd.DataFrame({"answer_tokens": [1, 10, 100], "decades": [6.8, None, 0.5]})
    assert words.say_emergence(table, "pt") == (
        "O acerto de um token leva 6,8 décadas de computação para ir de 10% a 90% do seu valor "
        "final; o de 100 tokens, 0,5: a mesma perda, e parece um limiar."
    )
    table = pd.DataFrame({"answer_tokens": [5, 100], "decades": [2.0, 3.0]})
    text = words.say_emergence(table, "pt")
    assert text.startswith("Uma resposta de 5 tokens leva 2,0 décadas")
    assert text.endswith("a métrica não faz um limiar.")


def fitted(floor, floors, exponents=(0.3, 0.4)):
    draws = np.array([[f, 1.0, e] for f, e in zip(floors, exponents, strict=True)])
    return Fit(Law(floor, 1.0, 0.35), draws, confidence=1.0)


def test_a_constant_that_data_identify_and_one_that_they_do_not():
    fits = {"law_with_floor": fitted(2.0, (1.5, 2.5)), "power_law": fitted(0.0, (0.0, 0.0))}
    first, second = words.say_fits(fits, "pt").splitlines()
    assert first == (
        "Nossa, com constante: expoente 0,350 [0,300; 0,400]. A constante, 2,00 nats [1,50; 2,50], "
        "distingue-se de zero."
    )
    assert second == "Nossa, sem constante: expoente 0,350 [0,300; 0,400]."
    text = words.say_fits({"law_with_floor": fitted(2.0, (0.0, 2.5))}, "pt")
    assert text.endswith("não se distingue de zero: estes dados não a identificam.")


def test_the_largest_size_inside_and_outside_its_interval():
    inside = LossPrediction(1_000, measured=5.0, predicted=5.05, low=4.9, high=5.2)
    text = words.say_largest({"power_law": inside}, "pt")
    assert text.endswith("prevê 5,050 nats para o maior tamanho; mediram-se 5,000 (+1,0% de erro), "
                         "dentro do intervalo.")  # fmt: skip
    outside = LossPrediction(1_000, measured=5.0, predicted=4.9, low=4.8, high=4.95)
    text = words.say_largest({"power_law": outside}, "en")
    assert text.endswith("5.000 were measured (off by −2.0%), outside the interval.")


def test_budgets_of_operations():
    assert words.say_hoffmann(-0.045, "pt").endswith(
        "para o maior deles 4,5% menos do que se mediu."
    )
    assert words.say_hoffmann(0.045, "pt").endswith("4,5% mais do que se mediu.")
    assert "em nenhum par" in words.say_seeds(0.0535, 0, "pt")
    assert "0,0535 nats; em 1 par de um mesmo tamanho" in words.say_seeds(0.0535, 1, "pt")
    assert words.say_seeds(float("nan"), 0, "pt").startswith("Nenhum treinamento foi repetido")
