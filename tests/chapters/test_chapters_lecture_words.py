"""Chapter 18 in words: numbers by hand, from both sides of each verdict."""

import pandas as pd
import pytest

from brnb.architectures.known import known_architecture
from brnb.chapters import lecture_words as words
from brnb.tokenizers.formatting_forms import FormattedExample, FormCount

FITTING = {"active": ["A"], "multiplied": ["B", "C"], "neither": ["D", "E"]}


def counted(vocabulary, name, escaped=None):
    return FormCount(vocabulary, FormattedExample(name, "pt", "", ""), 60, 47, escaped)


def test_active_parameters_by_two_conventions():
    first, second, third = words.say_actives(FITTING, "pt").splitlines()
    # Table 1 of the gpt-oss model card: 3.61B active without the embedding.
    assert first == "GPT-OSS 20B: 4,19 bilhões de parâmetros ativos, 3,61 bilhões multiplicados."
    assert second.endswith("1,026 trilhão de parâmetros; o relatório imprime 1,04.")
    assert third == (
        "Ativos impressos que são os nossos arredondados: 1 no primeiro sentido, 2 no segundo. "
        "Em nenhum deles, 2: D e E."
    )
    text = words.say_actives(FITTING | {"neither": []}, "pt")
    assert text.endswith("Todos cabem em um dos dois.")


def test_formulas_that_agree_and_one_that_does_not():
    table = pd.DataFrame({"model": ["A", "B"], "difference": [0, 0]})
    assert "conferem com os módulos nas 2 arquiteturas" in words.say_components(table, "pt")
    table.loc[1, "difference"] = 7
    assert words.say_components(table, "pt") == (
        "De 2 arquiteturas, as fórmulas diferem dos módulos em: B."
    )


def test_the_cache_that_multiplying_gets_wrong():
    caches = pd.DataFrame({
        "model": ["Gemma 3 27B", "Mistral Small 3.1 24B"], "gib_by_token": [62.0, 20.0],
        "gib_128k": [10.4, 20.0],
    })  # fmt: skip
    first, second = words.say_long_caches(caches, "pt").splitlines()
    assert first == (
        "A multiplicação erra mais no Gemma 3 27B: 62,00 GiB em vez de 10,40, 6,0 vezes o que ele "
        "guarda."
    )
    assert second == "Em 128K o Gemma 3 27B guarda 10,4 GiB, e o Mistral Small 3.1, 20,0."
    assert words.say_drawings(1, "pt").startswith("1 desenho em PDF na pasta")


def test_cells_that_mla_loses_and_wins():
    cached = {"small_mha": 710, "small_mla": 100, "large_mha": 2490, "large_mla": 100}
    assert words.say_mla(["c_eval_small"], 8, cached, "pt") == (
        "A MLA é melhor em 7 de 8 células; perde em C-Eval, no modelo menor. O cache encolhe 7,1 "
        "vezes no menor e 24,9 no maior."
    )
    assert words.say_mla([], 8, cached, "en").startswith("MLA is better in all 8 cells.")


@pytest.mark.parametrize(("absorbed", "said"), [
    (2e9, "2 na forma absorvida, 2,0 vezes as operações."),
    (5e8, "1 na forma absorvida, que aqui poupa operações: 0,5 vezes as da outra."),
])  # fmt: skip
def test_the_price_of_absorbing(absorbed, said):
    class Model:
        name = "M"

        def flops(self, tokens, *, absorbed=False, dear=absorbed):
            return dear if absorbed else 1e9

    text = words.say_absorbed(Model(), 131_072, "pt")
    assert text.startswith("M em 128K: 1 GFLOP por token com chaves expandidas")
    assert text.endswith(said)
    deepseek = known_architecture("deepseek_v3")
    assert "3,2 vezes as operações" in words.say_absorbed(deepseek, 131_072, "pt")


def test_hours_of_deepseek():
    assert words.say_training_cost(0.179, 54.2, 0.39, "pt") == (
        "O pós-treino são 0,18% das horas; o pré-treino, 54 dias nas GPUs impressas, a 39% do pico."
    )


def test_rotation_and_caps():
    assert words.say_rotation(1.2e-6, "pt").endswith("o arredondamento do fp32.")
    assert "mais que o arredondamento" in words.say_rotation(0.1, "pt")
    caps = pd.DataFrame({
        "length": [2, 8192, 8192], "form": ["l2", "l2", "unit"],
        "largest_weight": [0.9, 0.0009, 0.99],
    })  # fmt: skip
    assert words.say_caps(caps, "pt") == (
        "Com 8192 chaves, a forma L2 dá no máximo 0,090% da atenção a uma delas."
    )


def test_rates_that_are_survived():
    survived = pd.DataFrame({
        "form": ["without", "l2"], "diverged": [2, 0], "trainings": [2, 2],
        "largest_score": [40.9, 0.94],
    }, dtype=object)  # fmt: skip
    assert words.say_survived(survived, "pt").splitlines() == [
        "Sem QK-Norm: 2 de 2 treinos divergiram; o maior score foi 40,9.",
        "QK-Norm L2 (a da aula): nenhum dos 2 treinos divergiu; o maior score foi 0,9.",
        "Quem menos diverge: QK-Norm L2 (a da aula).",
    ]
    assert words.say_survived(survived.assign(diverged=1), "pt").endswith("não se distinguem.")


def test_variants_that_differ_and_none():
    table = pd.DataFrame({"variant": ["base", "MQA", "MLA"]})
    assert words.say_variants(table, [], "pt").startswith("Nenhuma das 2 variantes difere da base")
    sure = [{"variant": "MLA", "change": -0.0123}, {"variant": "MQA", "change": 0.02}]
    text = words.say_variants(table, sure, "pt").splitlines()
    assert text[0].startswith("De 2 variantes, 2 diferem da base")
    assert text[1:] == [
        "MLA, −0,0123 bits por byte: melhor.", "MQA, +0,0200 bits por byte: pior.",
    ]  # fmt: skip


def test_the_fastest_way_to_decode():
    speed = pd.DataFrame({
        "model": ["A", "B"], "way": ["sem cache", "com cache"], "tokens_per_second": [9.0, 398.4]
    })  # fmt: skip
    assert words.say_decoding(speed, "cuda", "pt") == (
        "O mais rápido aqui (GPU): B, com cache, 398 tokens por segundo."
    )


def test_tokens_of_formatting():
    counts = [counted("GPT-4o", "java"), counted("GPT-4o", "json", 102), counted("v6", "java")]
    assert words.say_formatting(counts, "pt").splitlines() == [
        "GPT-4o, Java (pt): 60 tokens com formatação e 47 sem ela.",
        "GPT-4o, JSON (pt): 60 tokens com formatação, 47 sem ela e 102 sem ela e só em ASCII.",
    ]
    assert "não está à mão" in words.say_formatting(counts[2:], "pt")


def test_what_portuguese_costs():
    ratios = {"GPT-4": 1.25, "v6": 0.9, "Qwen3": 1.226}
    assert words.say_languages(ratios, "pt") == (
        "Compactos, os exemplos custam mais em português em 2 de 3 vocabulários: GPT-4 (1,25) e "
        "Qwen3 (1,23). Onde o português custa menos, em relação ao inglês: v6 (0,90)."
    )
    assert "em nenhum dos 1 vocabulários" in words.say_languages({"v6": 0.9}, "pt")
