"""Chapter 16 in words: small tables by hand, from both sides of each verdict."""

from dataclasses import replace
from decimal import Decimal

import pandas as pd
import pytest

from brnb.chapters import cost_words
from brnb.chapters.costs import fig_cost_shares
from brnb.theory.costs import receipt_cost
from brnb.theory.trainings import FinishedTraining

RTX = "NVIDIA GeForce RTX 4090"
TRAINING = FinishedTraining(
    run="v1", device="cpu", gpu=None, tokens=1, seconds=10.0, tokens_per_second=1.0, multiplied=1,
    flops_per_token=1.0, layers=1, batch=1, shape=None, step=None, peak_bytes=None,
    bits_per_byte=2.0, cleaning="v6",
)  # fmt: skip


def test_rows_that_agree_and_rows_that_do_not():
    table = pd.DataFrame({"run": ["v1", "v2", "v3"], "agrees": [True, False, None]}, dtype=object)
    assert cost_words.say_agreement(table, "pt") == (
        "1 de 2 linhas conferidas batem com o recalculado; não batem: v2."
    )
    assert cost_words.say_agreement(table.iloc[::2], "pt").startswith("Todas as 1 linhas")


def test_days_and_money_of_known_models():
    table = pd.DataFrame({
        "days_published": ["1.0", "2.0"], "days_recomputed": [25.0, 52.0],
        "usd_published": ["4.0", "3.0"], "usd_recomputed": [1.0, 1.0],
    })  # fmt: skip
    text = cost_words.say_known_models(table, "pt")
    assert "de 25 a 26 vezes os dias impressos" in text
    assert "de 3,0 a 4,0 vezes os dela" in text


def test_what_fits_on_each_gpu():
    table = pd.DataFrame({"approach": ["a", "b"], "X": ["sim", "não"], "Y": ["sim", "sim"]})
    assert cost_words.say_fitting(table, "pt") == "Na X cabem 1 de 2 e na Y cabem 2 de 2."


def test_runs_with_and_without_a_price():
    rows = [
        {"run": "a", "seconds": 7200, "gpu": RTX},
        {"run": "b", "seconds": 3600, "gpu": None},
        {"run": "c", "seconds": 3600, "gpu": "NVIDIA H200"},
    ]
    spent = [receipt_cost(row) for row in rows]  # the dissertation's list has no H200
    assert "As 3 execuções deste perfil somam 4,00 horas. 1 delas têm preço: US$ 0,60" in (
        cost_words.say_spent(spent, "pt")
    )
    cpu, h200 = cost_words.unpriced(spent, "pt")
    assert cpu == "Sem GPU, e por isso sem preço (1): b."
    assert h200.startswith("A lista escolhida não traz a")
    assert h200.endswith(": c.")
    assert cost_words.unpriced(spent[:1], "pt") == []


def test_the_gpu_whose_price_differs_most():
    prices = [Decimal(2), Decimal(3), Decimal(1), Decimal(4)]
    lists = pd.DataFrame({"gpu": ["A", "A", "B", "B"], "usd_per_hour": prices})
    assert "a da B: a mais cara cobra 4,0 vezes" in cost_words.say_spread(lists, "pt")


def test_the_front_leaves_out_who_pays_more_for_less():
    slow = replace(TRAINING, run="v2", seconds=20.0, bits_per_byte=1.5)
    worse = replace(TRAINING, run="v3", seconds=30.0, bits_per_byte=1.7)
    text = cost_words.say_front([TRAINING, slow, worse], {}, "pt")
    assert text == "Na limpeza v6, v1 e v2 estão na fronteira, entre 3 execuções."
    usd = {"v1": Decimal(3), "v2": Decimal(2), "v3": Decimal(1)}
    assert "v3 e v2 estão" in cost_words.say_front([worse, slow, TRAINING], usd, "pt")


def test_plans_that_fit_and_one_that_does_not():
    planned = pd.DataFrame(
        {"case": ["a", "b"], "fits": [True, False], "usd": [Decimal("0.5"), None]}, dtype=object
    )
    assert cost_words.say_plans(planned, "pt") == (
        "De 2 treinamentos planejados, não cabem: b. O mais barato é a, US$ 0,50; o mais caro, a, "
        "US$ 1."
    )
    assert cost_words.say_plans(planned.iloc[:1], "pt").startswith("Os 1 treinamentos planejados")


def test_errors_of_the_plan():
    errors = pd.DataFrame({"count": [3], "median_error": [6.57], "within": [66.7]})
    predicted = pd.DataFrame({
        "run": ["a", "b", "c"], "program": ["P", "P", "Q"], "error_percent": [1.0, 6.57, -40.0]
    })  # fmt: skip
    assert cost_words.say_errors(errors, predicted, "pt") == (
        "Entre 3 treinamentos previstos, o erro mediano do tempo é de 6,6%, e 67% ficam dentro de "
        "15%. O maior é o de c (Q): −40%."
    )
    memory = pd.DataFrame({"run": ["a", "b", "c"], "memory_error_percent": [-0.5, 1.0, -4.3]})
    assert "erra 1,0% na mediana e no máximo 4,3% (c)" in cost_words.say_memory_errors(memory, "pt")


def test_cost_grows_with_size():
    sizes = pd.DataFrame({
        "method": ["qlora"] * 2, "parameters": [1e9, 1e11], "usd": [1.0, 100.0],
        "fits": [True, False],
    })  # fmt: skip
    assert (
        "um modelo 100 vezes maior custa 100 vezes mais; o maior que cabe em uma GPU tem 1,0"
        in (cost_words.say_cost_by_size(sizes, "pt"))
    )


@pytest.mark.parametrize(("shares", "said"), [
    ((95.0, 5.0), "continua a melhor em 95% dos pesos"),
    ((40.0, 60.0), "mas só em 40% dos pesos sorteados; em 60%, é B"),
])  # fmt: skip
def test_a_decision_that_holds_and_one_that_does_not(shares, said):
    table = pd.DataFrame({"strategy": ["A", "B"], "utility": [0.3, 0.2], "best_share": shares})
    assert said in cost_words.say_decision(table, "pt")


def test_the_longest_phase_of_each():
    times = pd.DataFrame({
        "run": ["v1", "v6_rc16k_v5b", "cpt_x", "v7"], "hours_published": [1.0, 6.0, 3.0, None],
        "hours_ours": [3.0, 1.0, None, 99.0],
    })  # fmt: skip
    assert cost_words.say_shares(times, "pt") == (
        "Na dissertação, a fase mais longa é Transformers (v5 e v6), com 60% das horas; nas nossas "
        "execuções, Caracteres (v1–v3), com 75%."
    )


def test_the_bars_of_hours_start_at_zero_and_add_up():
    times = pd.DataFrame({
        "run": ["v1", "v6_rc16k_v5b"], "hours_published": [1.0, 3.0], "hours_ours": [0.5, 0.5]
    })  # fmt: skip
    axis = fig_cost_shares(times, "pt").axes[0]
    theirs = [bar for bars in axis.containers for bar in bars if bar.get_y() < 0.5]
    assert min(bar.get_x() for bar in theirs) == 0
    assert sum(bar.get_width() for bar in theirs) == pytest.approx(100)
    first = axis.get_yticklabels()[0].get_text()
    assert first == "Publicado (4,0\N{NO-BREAK SPACE}h)"
