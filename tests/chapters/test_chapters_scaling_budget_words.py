"""Chapter 22's budgets and savings in words: numbers by hand, from both sides of each verdict."""

import pandas as pd
import pytest

from brnb.chapters import scaling_budget_words as words


def test_prices_of_nats():
    phases = pd.DataFrame({"usd_per_centinat": [1.0, 10.0, 50.0, 2030.0]})
    assert "fica 203 vezes mais caro" in words.say_phases(phases, "pt")
    table = pd.DataFrame({"usd_per_nat": [1e6, 1e8, 1e10], "flops": [1.0, 50.0, 2935.0]})
    assert words.say_saturation(table, "pt") == (
        "Cada nat valendo 10.000 vezes mais, para-se com 2935 vezes mais computação."
    )
    flops = [100.0, 0, 0, 11.8, 0, 0, 1.9]
    text = words.say_allocation(pd.DataFrame({"flops": flops}), "pt")
    assert text.endswith("com o custo, 11,8% disso; com o tempo também, 1,9%.")


def test_trainings_that_a_budget_pays():
    table = pd.DataFrame({"discount": [0.0, 0.5, 1.0], "spent": ["10", "7 + 3", "1 + 1 + 8"]})
    assert words.say_trainings(table, "pt") == (
        "Treinamentos que o orçamento paga: 1 com δ = 0 e 3 com δ = 1."
    )


@pytest.mark.parametrize(("times", "said"), [
    (7_076_935_156.0, "a C.60 gasta 7.100.000.000 vezes o orçamento."),
    (0.5, "a C.60 não passa do orçamento: gasta 0,50 vezes o que ele tem."),
])  # fmt: skip
def test_a_budget_that_is_overspent_or_not(times, said):
    table = pd.DataFrame({"budget": [1e2, 1e6], "overspent": [1.0, times]})
    assert words.say_overspent(table, "pt") == f"Com B = 1.000.000, {said}"


def test_models_and_projects():
    table = pd.DataFrame({"model": ["A", "B"], "above_optimum": [0.01, 0.048]})
    assert words.say_pareto(table, "pt").endswith("é o B: 0,048 nats.")
    shares = pd.DataFrame({"model": ["v6", "70B"], "compute_share": [0.00312, 34.681]})
    assert words.say_compute_share(shares, "pt").splitlines() == [
        "v6: a computação é 0,0031% do custo.", "70B: a computação é 35% do custo.",
    ]  # fmt: skip
    known = pd.DataFrame({"gpu_years": [1.0, 80.0], "usd_recomputed": [1.0, 2.15e6]})
    assert words.say_gpt3(known, "en").startswith(
        "GPT-3: 80.0 years of an A100 and US$ 2.15 million"
    )


def test_tiers_that_differ_and_tiers_that_agree():
    table = pd.DataFrame({
        "tier": ["A", "A", "B"], "quantity": ["energia", "total", "dias"],
        "ratio": [9.87, 1.01, 0.5],
    })  # fmt: skip
    assert words.say_tiers(table, "pt").splitlines() == [
        "2 de 3 grandezas impressas diferem em mais de 5% do que os seus fatores dão:",
        "- A: 9,87 vezes em energia.", "- B: 0,50 vezes em dias.",
    ]  # fmt: skip
    assert words.say_tiers(table.iloc[1:2], "pt").startswith("As 1 grandezas impressas conferem")
    energy = pd.DataFrame({"tier": ["A", "B"], "usd_published": [9.9, 1.0],
                           "usd_recomputed": [1.0, 2.0]})  # fmt: skip
    assert words.say_tier_energy(energy, "pt").endswith(
        "seus fatores: 9,9 vezes em A e 0,5 vezes em B."
    )
    assert words.say_specifications(table.iloc[2:], "pt") == (
        "B, dias: o impresso é 50% da folha de dados."
    )
    assert "são as das folhas" in words.say_specifications(table.iloc[1:2], "pt")


def roadmap(days, fits):
    return pd.DataFrame({
        "phase": ["Curto", "Longo"], "usd": [0.87, 456_461.2], "fits": [True, fits],
        "days": [1.0, days], "deadline_days": [None, 100],
    })  # fmt: skip


def test_roadmaps_within_their_deadline_and_beyond_it():
    assert words.say_roadmap(roadmap(1.1, fits=False), "pt").splitlines() == [
        "O aluguel vai de US$ 0,87 a US$ 456.461.", "Não cabem em uma GPU: Longo.",
        "Dos que têm prazo, o mais longo ocupa 1,1% dele: o resto é de pessoas e dados.",
    ]  # fmt: skip
    text = words.say_roadmap(roadmap(250.0, fits=True), "pt")
    assert "Todas as fases cabem em uma GPU." in text
    assert text.endswith("o mais longo precisaria de 250% dele: só a computação já não cabe.")


def test_adapters_and_ranks():
    lora = pd.DataFrame(
        {"rank": [8, 64], "trained_million": [21.0, 167.8], "reduction": [382, 47.9]}
    )
    assert words.say_lora(lora, "pt").startswith(
        "Com r = 64 em todos os mapas treinam-se 167,8 milhões, 48 vezes menos;"
    )
    row = {"fraction": 0.5, "rank_published": 128.0, "rank_even": 32, "rank_steep": 1}
    assert words.say_rank(pd.DataFrame([row]), 64, "pt") == (
        "Para 50% da energia de um mapa de posto 64, a C.83 pede 128, mais que o posto do mapa; "
        "bastam 32 com espectro plano e 1 com espectro 1/i."
    )
    fitting = pd.DataFrame([row | {"rank_published": 64.0}])
    assert "a C.83 pede 64; bastam" in words.say_rank(fitting, 64, "pt")


def test_bits_and_their_price():
    table = pd.DataFrame({
        "bits_allowed": [4, 6, 8], "error_allocated": [1.0, 3.0, 3.0], "error_even": [2.0] * 3
    })  # fmt: skip
    assert "perde para bits iguais com 6 e 8 bits" in words.say_bits(table, "pt")
    assert words.say_bits(table.iloc[:1], "pt").startswith("Em nenhum dos 1 orçamentos")
    prices = pd.DataFrame({"bits": [8, 5, 3]})
    assert words.say_bit_price(prices, "pt") == "Conforme o preço sobe, os bits vão de 8 a 3."


def test_recomputing():
    table = pd.DataFrame({
        "overhead_measured": [42.4, 64.9], "overhead_printed": [18.0] * 2,
        "overhead_frozen": [50] * 2,
    })  # fmt: skip
    assert words.say_checkpointing(table, "pt") == (
        "Medido em uma H200: 42% a 65% de tempo a mais; a C.89 diz 18%, e a conta, 50%."
    )
    unmeasured = table.assign(overhead_measured=None)
    assert words.say_checkpointing(unmeasured, "pt").startswith("Sem medida aqui:")
    depths = pd.DataFrame({"layers": [16, 80], "overhead_printed": [25, 11.2],
                           "overhead_recomputed": [33.3] * 2})  # fmt: skip
    assert words.say_overhead(depths, "pt") == "Com 80 camadas: 11% impressos, 33% de fato."
    assert words.say_best_checkpoints(2.0, 4, "pt").endswith(
        "2 vezes os checkpoints: a raiz da C.91."
    )
    assert "pede 3,00 vezes os checkpoints, e não a raiz" in words.say_best_checkpoints(
        3.0, 4, "pt"
    )


def test_utilities_and_the_most_efficient_run():
    table = pd.DataFrame({
        "strategy": ["A", "LoRA", "C"], "utility_published": [0.2, 0.295, None],
        "utility_recomputed": [0.2, 0.285, 0.1],
    })  # fmt: skip
    assert words.say_utilities(table, "pt") == (
        "LoRA: as parcelas impressas somam 0,285, e não 0,295."
    )
    assert words.say_utilities(table.iloc[:1], "pt").startswith("As parcelas impressas somam as")
    runs = pd.DataFrame({"run": ["32 × 1", "64 × 1"], "per_petaflop": [3.0, 2.0]})
    assert words.say_most_efficient(runs, "pt").endswith("é o de largura e camadas 32 × 1.")
