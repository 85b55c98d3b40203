"""Chapter 17 in words: small tables by hand, from both sides of each verdict."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from brnb.chapters import moe_words
from brnb.latency.hypotheses import HypothesisTest

MODELS = pd.DataFrame({
    "model": ["A", "B", "C"], "family": ["densa", "densa", "MoE"],
    "family_published": ["densa", "MoE", "MoE"], "billions_active": [6.0, 8.0, 14.0],
})  # fmt: skip


def items(benchmark, count):
    return [SimpleNamespace(benchmark=benchmark)] * count


def summary(*rows):
    names = ("benchmark", "model", "tokens_per_s", "accuracy")
    table = pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows])
    return table.assign(efficiency=table["tokens_per_s"] * table["accuracy"])


def test_families_that_the_document_confuses_and_families_that_it_does_not():
    assert moe_words.say_families(MODELS, "pt") == (
        "De outra família do que se diz: B. Quem mais ativa é o C: 2,0 vezes o que os outros "
        "ativam, em média."
    )
    assert moe_words.say_families(MODELS.iloc[::2], "en") == (
        "All models are of the family that the document gives them. C activates most: 2.3 times "
        "what the others do on average."
    )


def test_items_that_are_asked():
    everything = items("dosmi_v2", 3) + items("expertise_map", 2)
    few = items("dosmi_v2", 1)
    assert moe_words.say_asked(everything, few, "pt").endswith("; 1 é perguntado neste perfil.")
    asked = moe_words.say_asked(everything, everything + items("mmlu", 2), "pt")
    assert asked == (
        "5 itens nos dois benchmarks, todos perguntados neste perfil. "
        "De outros benchmarks perguntam-se mais 2."
    )


def test_the_fastest_and_the_slowest():
    table = summary(("dosmi_v2", "mixture", 123.4, 0), ("dosmi_v2", "x", 9.87, 0))
    assert moe_words.say_speeds(table, "pt") == (
        "DoSMi-v2: em tokens por segundo, o primeiro é mistura, com 123; o último, x, com 9,87."
    )


def test_efficiency_with_and_without_right_answers():
    rows = [("dosmi_v2", "a", 10.0, 0.5), ("dosmi_v2", "b", 30.0, 0.1)]
    none = [("expertise_map", "a", 10.0, 0.0)]
    text = moe_words.say_efficiency(summary(*rows, *none), "pt")
    assert "vem primeiro a, com 50% de acertos a 10,0 tokens por segundo." in text
    assert text.endswith("Expertise Map: nenhuma resposta certa, e por isso eficiência zero para "
                         "todos.")  # fmt: skip
    assert moe_words.say_efficiency(summary(*none), "pt").startswith("Nenhuma resposta certa")


@pytest.mark.parametrize(("low", "said"), [
    (1.2, "Quantizar acelera a forma medida; o documento diz até 2 vezes."),
    (0.9, "A forma medida não ficou mais rápida; o documento diz até 2 vezes."),
])  # fmt: skip
def test_what_quantised_weights_do(low, said):
    ratios = pd.DataFrame({
        "shape": ["mixture"] * 2, "weights": ["fp32", "nf4"], "speed_ratio": [1.0, 1.5],
        "speed_ratio_low": [1.0, low], "speed_ratio_high": [1.0, 1.75],
        "memory_relative": [1.0, 0.25],
    })  # fmt: skip
    first, last = moe_words.say_weights(ratios, "pt").splitlines()
    interval = f"{low:.2f}; 1.75".replace(".", ",")
    assert first == (
        f"mistura, NF4: 1,50 vezes a velocidade [{interval}] e 0,25 vezes a memória dos pesos sem "
        "quantização."
    )
    assert last == said
    assert moe_words.say_weights(ratios.iloc[:1], "pt").startswith("Neste perfil nenhum")


def test_hypotheses_beside_the_printed_verdicts():
    logs = {end: math.log(value) for end, value in {"value": 2, "low": 1.5, "high": 3}.items()}
    tests = [
        HypothesisTest("equal_active", "H3", "overhead_fall", **logs),
        HypothesisTest("equal_total", "H3", "overhead_fall", -1.0, -2.0, 0.5),
        HypothesisTest("equal_active", "H1", "efficiency_gain", *[math.nan] * 3),
        HypothesisTest("equal_total", "H3", "short_penalty", *[math.nan] * 3),
        HypothesisTest("equal_active", "H3", "short_penalty", **logs),
    ]
    first, second, third = moe_words.say_hypotheses(tests, "pt").splitlines()
    assert first == (
        "H1 (eficiência, longas / curtas). No documento: parcialmente confirmada. Aqui: sem "
        "decisão, por falta de respostas certas."
    )
    assert second == (
        "H3 (latência, curtas / longas). No documento: confirmada. Aqui: confirmada com ativos "
        "iguais [1,50; 3,00]; sem decisão com totais iguais [0,14; 1,65]."
    )
    assert "sem decisão com totais iguais, por falta de respostas certas; confirmada" in third


def test_a_mixture_that_wins_loses_and_cannot_be_told():
    row = {"budget": "tokens", "rival": "dense_total", "change": -0.02, "low": -0.03, "high": -0.01}
    verdicts = ("better", "worse", "open")
    table = pd.DataFrame([row | {"verdict": verdict} for verdict in verdicts])
    better, worse, open_ = moe_words.say_quality(table, "pt").splitlines()
    assert better == (
        "Com os mesmos tokens a mistura prevê melhor que a densa de mesmos parâmetros totais: "
        "−0,0200 bits por byte [−0,0300; −0,0100]."
    )
    assert "prevê pior que a densa" in worse
    assert "não se distingue da densa" in open_


@pytest.mark.parametrize(("specialised", "said"), [
    ([True, False], "em 1 de 2 camadas e sementes."),
    ([False, False], "Em nenhuma das 2 camadas e sementes o registro diz mais"),
    ([False], "Na camada e semente medidas o registro não diz mais"),
])  # fmt: skip
def test_specialists_and_chance(specialised, said):
    table = pd.DataFrame({"specialised": specialised})
    assert said in moe_words.say_specialised(table, "pt")


@pytest.mark.parametrize(("grouped", "said"), [
    (0.95, "Há, portanto, um modo em que a mistura não é mais lenta."),
    (1.05, "De nenhum modo medido a mistura alcança a densa."),
])  # fmt: skip
def test_routing_of_the_longest_forward_pass(grouped, said):
    costs = pd.DataFrame({
        "engine": ["loop", "grouped", "loop", "grouped"], "tokens": [64, 64, 64, 16],
        "direction": ["forward", "forward", "both", "forward"],
        "overhead": [2.031, grouped, 9.0, 0.1], "routing_share": [0.34, 0.25, 0.5, 0.5],
    })  # fmt: skip
    text = moe_words.say_routing(costs, "pt")
    assert f"(produtos agrupados) leva {grouped:.2f} vezes".replace(".", ",") in text
    assert "o mais lento (laço sobre especialistas), 2,03 vezes, com 34% em roteamento." in text
    assert text.endswith(said)
