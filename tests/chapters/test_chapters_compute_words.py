"""Chapter 21 in words: numbers by hand, from both sides of each verdict."""

from types import SimpleNamespace

import pandas as pd
import pytest

from brnb.chapters import compute_words as words

POWER = "\u202f×\u202f10"


@pytest.mark.parametrize(("gpt3", "gpt2", "said"), [
    (0.3, 27.1, "só pode deixá-la fora no primeiro."), (0.3, 0.9, "pode deixá-la fora nos dois."),
    (3.0, 27.1, "não pode deixá-la fora."),
])  # fmt: skip
def test_the_head_may_be_left_out_or_not(gpt3, gpt2, said):
    text = words.say_head(pd.DataFrame({"share_gpt3": [gpt3], "share_gpt2": [gpt2]}), "pt")
    assert said in text
    # Brown et al. (2020), table D.1: 3.14E+23 FLOP for 300 billion tokens.
    assert text.endswith(f"Treinar o GPT-3 pelo Algoritmo 10 leva 3,14{POWER}²³ FLOP.")


def test_printed_numbers_that_differ():
    table = pd.DataFrame({
        "equation": ["B.1", "B.23-days", "B.51"], "unit": ["s", "days", "s"],
        "published": [6.0, 29.0, 120.0], "recomputed": [6.0, 29_213.4, 3365.0],
        "agrees": [True, False, False],
    })  # fmt: skip
    assert words.say_numbers(table, "pt") == (
        "2 de 3 números não conferem. O que mais se desvia é o da B.23: 29 impressos, 29.213 "
        "calculados (dias)."
    )
    assert words.say_numbers(table.iloc[:2], "pt").startswith("1 de 2 números não confere, o da")
    assert words.say_numbers(table.iloc[:1], "en") == "All 1 numbers agree."
    assert words.say_batch(table, "pt") == (
        "O batch do GPT-3 leva 3365 s, e não 120, que são os de 114 mil tokens."
    )
    assert words.say_batch(table.assign(agrees=True), "pt").endswith("3365 s, como impresso.")


def test_formulas_that_err_by_two():
    pairs = pd.DataFrame({"printed_over_corrected": [2.0, 0.51, 1.5, 3.0]})
    assert words.say_factors_of_two(pairs, "pt").startswith("Das 4 comparações, 2 erram")
    assert "1 erra por" in words.say_factors_of_two(pairs.iloc[1:], "pt")


def test_operations_left_of_the_ridge():
    operations = pd.DataFrame({"intensity": [0.1, 13.0, 50.0]})
    text = words.say_ridge(SimpleNamespace(ridge=13.3), operations, "pt")
    assert "A crista está em 13,3 FLOP/byte: 2 de 3 operações medidas ficam" in text
    text = words.say_ridge(SimpleNamespace(ridge=1.0), operations, "en")
    assert "1 of 3 measured operations lies left of it" in text


@pytest.mark.parametrize(("counted", "said"), [
    (63.0, "são 63: limitado por memória, mas por outro motivo."),
    (300.0, "são 300: limitado pelo cálculo, ao contrário do que o texto diz."),
])  # fmt: skip
def test_the_second_example_of_the_text(counted, said):
    pairs = pd.DataFrame({
        "equation": ["B.31"], "printed_value": [241.0], "corrected_value": [counted]
    })  # fmt: skip
    text = words.say_second_example(pairs, 208.0, "pt")
    assert "a sua fórmula dá 241, acima dela;" in text
    assert text.endswith(said)


def test_sides_and_tiles():
    sides = pd.DataFrame({"side": [1248.0, 624.0, 78.0]})
    assert "é 1248 no texto, 624 em 16 bits e 78 em 32" in words.say_sides(sides, "pt")
    tiles = pd.DataFrame({
        "tile": [64, 128, 256], "fits": [True, True, False],
        "traffic_reduction": [63.5, 126.0, 240.0], "reuse_published": [21.3, 42.7, 85.3],
    })  # fmt: skip
    assert words.say_tiles(tiles, "pt").endswith("T = 128 e reduz o tráfego 126 vezes; o texto diz "
                                                 "43.")  # fmt: skip
    assert words.say_tiles(tiles.iloc[2:], "pt").startswith("Nenhum destes blocos")


@pytest.mark.parametrize(("limit", "said"), [
    (400, "1200 W, mais que os 400 W de toda a GPU."), (1500, "1200 W, dos 1500 W de toda a GPU."),
])  # fmt: skip
def test_watts_of_the_printed_energy(limit, said):
    levels = pd.DataFrame({"implied_watts": [None, 1200.0]})
    assert words.say_watts(levels, limit, "pt").endswith(said)


def test_a_tpu_and_formats():
    row = {"accelerator": "TPU v4", "tflops_per_watt": 1.432, "efficiency_published": 1.15}
    assert words.say_tpu(pd.DataFrame([row]), "pt").startswith("A TPU v4 faz 1,43 TFLOP/s por watt")
    formats = pd.DataFrame({
        "error_measured": [0.0, 0.0, 0.00387, 1.0], "lost_percent": [0.0, 0.0, 0.0, 52.02]
    })  # fmt: skip
    peaks = pd.DataFrame([{"accelerator": "A100", "FP32": 19.5, "BF16": 312.0, "INT8": 624.0}])
    text = words.say_formats(formats, peaks, "pt")
    assert text == (
        "O BF16 erra até 0,00387, não mais que a metade dos 0,00781 da tabela; o INT8 zera 52,0% "
        "dos valores. Em uma A100, 16 bits são 16 vezes o FP32, e INT8, 32."
    )
    formats.loc[2, "error_measured"] = 0.005
    assert "0,00500, mais que a metade" in words.say_formats(formats, peaks, "pt")


@pytest.mark.parametrize(("scaled", "said"), [
    (0.0, "23,3% dos gradientes, e 0,0% com a escala."), (0.3, "a escala não ajuda: 30,0% com ela"),
])  # fmt: skip
def test_gradients_that_a_scale_saves(scaled, said):
    lost = pd.DataFrame({
        "sigma": [1e-8, 1e-7], "lost_measured": [0.9, 0.233], "lost_scaled": [0.0, scaled]
    })  # fmt: skip
    text = words.say_lost(lost, 1e-7, "pt")
    assert text.startswith(f"Com σ = 1{POWER}⁻⁷ perdem-se")
    assert said in text


@pytest.mark.parametrize(("eight", "said"), [
    (0.0123, "até 0,012% da variância, abaixo da tolerância de 1%; em 4 bits, de até 3,2%."),
    (2.0, "chega a 2,0% da variância, acima da tolerância de 1%; em 4 bits, a 3,2%."),
])  # fmt: skip
def test_clips_and_our_weights(eight, said):
    clips = pd.DataFrame({"rmse": [0.52, 0.1]})
    weights = pd.DataFrame({"bits": [8, 4, 8], "error_share": [eight, 3.24, 0.001]})
    text = words.say_clips(clips, weights, "pt")
    assert "cortar em 2,5σ dá 5,2 vezes o erro do melhor corte." in text
    assert text.endswith(said)


def test_caches():
    caches = pd.DataFrame({"model": ["a", "b", "A", "B"], "gb_fp16": [0.0, 0.0, 2.147, 0.537]})
    text = words.say_caches(caches, 4096, "pt")
    assert text == (
        "Com 4096 tokens, a A ocupa 2,15 GB por sequência, como na B.126; a B, com GQA, 0,54 GB."
    )
    integers = pd.DataFrame({"loss_change": [0.0, 0.00004, 0.0015, -0.0001, 0.0]})
    assert words.say_integer_cache(integers, "pt") == (
        f"Em 8 bits a perda muda +4,0{POWER}⁻⁵ nats por token; cortando em 2,5, +0,0015; em "
        "4 bits, −0,00010."
    )


def test_links_and_trees():
    links = pd.DataFrame({"link": ["NVLink", "HDR"], "allreduce_seconds": [0.05, 0.98]})
    text = words.say_links(links, 0.55, "pt")
    assert (
        "leva de 0,05 s (NVLink) a 0,98 s (HDR); em mensagens de 100 kB, a latência é 55%" in text
    )
    trees = pd.DataFrame({
        "ports": [48], "hosts": [27_648], "hosts_published": [13_824], "bisection_tb_s": [691.2],
        "bisection_published": [1382.4],
    })  # fmt: skip
    assert words.say_tree(trees, 48, "en") == (
        "With 48 ports there are 27,648 hosts (the text: 13,824) and 691 TB/s of bisection (the "
        "text: 1382)."
    )


def test_identities_that_hold_and_one_that_does_not():
    table = pd.DataFrame({"equation": ["B.68", "B.71"], "largest_deviation": [1e-15, None]})
    assert words.say_identities(table, "pt") == (
        "1 de 2 identidades vale até o arredondamento; não valem as que a tabela dá para B.71."
    )
    assert words.say_identities(table.iloc[:1], "en").startswith("All 1 identities hold")


@pytest.mark.parametrize(("sent", "share", "said"), [
    (1.5, 50.0, ("a fórmula acerta.", "a eficiência do pipeline fica 30,0 pontos percentuais")),
    (1.6, 90.0, ("a fórmula erra 0,10.", "a eficiência do pipeline não fica abaixo dela.")),
])  # fmt: skip
def test_points_on_curves_and_off_them(sent, share, said):
    from brnb.report.labels import label

    table = pd.DataFrame({
        "measured_scheme": [label("ring_sent", "pt"), label("pipeline_share", "pt")],
        "measured_value": [sent, share], "predicted_value": [1.5, 80.0],
    })  # fmt: skip
    text = words.say_points(table, "pt")
    assert all(part in text for part in said)
    both = words.say_points(pd.concat([table, table]), "pt")
    assert both.startswith("Nos 2 pontos contados a fórmula")
    assert "a eficiência dos 2 pipelines" in both


@pytest.mark.parametrize(("sent", "said"), [
    (1.5, "envia 1,5 vezes os bytes de quem não o usa, e não as 2 vezes do texto."),
    (2.0, "envia 2,0 vezes os bytes de quem não o usa, como no texto."),
])  # fmt: skip
def test_a_pipeline_and_zero(sent, said):
    stages = pd.DataFrame({"stages": [4, 8], "pipeline_efficiency": [90.0, 82.05]})
    zero = pd.DataFrame({"worker_gb": [112.0, 14.0], "sent_gb": [1.0, sent]})
    text = words.say_zero(stages, zero, 32, "pt")
    assert text.startswith("Com 8 estágios e 32 micro-batches o pipeline usa 82% do tempo.")
    assert text.endswith(said)


@pytest.mark.parametrize(("ratio", "said"), [
    (1.18, "leva 1,18 vezes o tempo de calculá-la no pico: quem limita é o enlace."),
    (0.5, "o enlace pode esconder-se atrás do cálculo."),
])  # fmt: skip
def test_wide_maps_and_many_workers(ratio, said):
    maps = pd.DataFrame({"width": [12288], "link_over_compute": [ratio]})
    text = words.say_workers(maps, 8, 0.981, "pt")
    assert said in text
    assert text.endswith("com passos de 60 s e o anel exposto mantêm 98%.")


def test_serving():
    assert words.say_batching(2.43, 2.49, "pt").endswith("o limite da B.133 é 2,49.")
    assert "mais que os 2,00 que a B.133" in words.say_batching(2.43, 2.0, "pt")
    paging = pd.DataFrame({"page": [1, 16, 512], "waste": [0.0, 6.2, 76.6]})
    assert words.say_paging(paging, 16, "pt") == (
        "Páginas de 16 tokens desperdiçam 6,2% do cache; reservar o máximo, 76,6%."
    )
