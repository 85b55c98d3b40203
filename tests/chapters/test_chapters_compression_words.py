"""Chapter 19 in words: numbers by hand, from both sides of each verdict."""

from types import SimpleNamespace

import pandas as pd
import pytest

from brnb.chapters import compression_words as words
from brnb.compress.comparisons import Compared
from brnb.compress.distillation import OtherTokens
from brnb.compress.survey import MissingScheme, SchemeRow


def row(scheme, change=0.0, *, model="v7", bits=4.0, disk=1, score=2.0, agreement=0.99, spread=0.1):
    return SchemeRow(
        model, scheme, bits, disk, disk, score, change, change - spread, change + spread, 0.0,
        agreement, 0.0, 0.0, 0.0, {}, {},
    )  # fmt: skip


def compared(way, change, spread):
    return Compared("v7", way, 2.98, 2.0, 0.0, change, change - spread, change + spread)


def test_schemes_that_cost_nothing_and_the_worst():
    rows = [row("fp32", bits=32.0), row("nf4", 0.05), row("int4", 0.2)]
    assert words.say_sizes(rows, "pt") == (
        "v7: a perda não se distingue de zero em NF4. O que mais perde é int4 em grupos, +0,2000 "
        "bits por byte."
    )
    assert "nenhum esquema de menos de 16 bits tem o zero" in words.say_sizes(rows[2:], "pt")
    gains = words.say_sizes([row("nf4", -0.05, spread=0.01)], "pt")
    assert gains.endswith("Nenhum esquema perde; o que menos ganha é NF4, −0,0500 bits por byte.")


def test_predictions_that_stay():
    rows = [row("nf4", agreement=0.981), row("int4", agreement=0.973), row("fp32", bits=32.0)]
    assert words.say_predictions(rows, "pt") == (
        "v7: o esquema que mais muda as previsões é int4 em grupos; com ele, 97,3% das previsões "
        "continuam as mesmas."
    )


@pytest.mark.parametrize(("ratio", "said"), [
    (1.5, "No PyTorch, 1 de 2 linhas de menos bits é mais rápida que o bf16 do PyTorch: NF4, 1,5 "
          "vezes (CPU, lote de 1)."),
    (0.9, "No PyTorch, nenhuma das 2 linhas de menos bits é mais rápida que o bf16 do PyTorch."),
])  # fmt: skip
def test_speed_beside_bf16(ratio, said):
    speed = pd.DataFrame({
        "scheme": ["bf16", "NF4", "int4", "GGUF Q4_K", "GGUF Q8_0", "GGUF F32"],
        "device": ["CPU"] * 6, "batch": [1] * 6, "speed_ratio": [1.0, ratio, 0.5, 3.0, 48.03, 99.0],
    })  # fmt: skip
    assert words.say_speed(speed, "pt").splitlines() == [
        said,
        "No llama.cpp, 2 de 2 linhas de menos bits são mais rápidas que o bf16 do PyTorch; a que "
        "mais ganha é GGUF Q8_0, 48 vezes (CPU, lote de 1).",
    ]
    alone = words.say_speed(speed.iloc[:2], "en")
    assert alone.startswith("In PyTorch, 1 of 1 rows" if ratio > 1 else "In PyTorch, the row")


def test_languages_of_calibration():
    languages = [
        Compared("v7", "calibrated_pt", 4.0, 2.0, 0.0, None, None, None),
        compared("calibrated_en", -0.00002, 0.1),
        compared("uncalibrated", 0.00032, 0.0001),
    ]
    assert words.say_calibration(languages, "pt").splitlines() == [
        "v7: calibrar em inglês muda −0,00002 bits por byte, e o intervalo contém o zero.",
        "v7: não calibrar muda +0,00032 bits por byte, e o intervalo não contém o zero.",
    ]


@pytest.mark.parametrize(("change", "spread", "said"), [
    (-0.0017, 0.001, "reparti-los ganha: −0,0017 bits por byte"),
    (0.0002, 0.0001, "reparti-los perde: +0,0002 bits por byte"),
    (0.0002, 0.001, "reparti-los não se distingue da largura uniforme: +0,0002"),
])  # fmt: skip
def test_bits_shared_out(change, spread, said):
    text = words.say_mixed([compared("mixed_bits", change, spread)], "pt")
    assert text.startswith("Com 2,98 bits,")
    assert said in text


def students(longer):
    ways = ["só texto", "logits do professor", "texto do professor", "só texto, mesmo tempo"]
    return pd.DataFrame({
        "way": ways, "change": [None, -0.05, 0.08, longer], "ci_low": [None, -0.07, 0.05, longer],
        "ci_high": [None, -0.02, 0.1, longer],
    }, dtype=object)  # fmt: skip


def test_ways_to_distil():
    first, second, _, last = words.say_students(students(-0.09), "pt").splitlines()
    assert first == "Logits do professor: ajuda, −0,0500 bits por byte [−0,0700; −0,0200]."
    assert second.startswith("Texto do professor: atrapalha, +0,0800")
    assert last.startswith("Nesta escala o professor não pagou o que custou")
    text = words.say_students(students(0.0), "pt")
    assert "Só texto, mesmo tempo: não se distingue do texto sozinho" in text
    assert text.splitlines()[-1].startswith("O professor pagou o que custou")
    # the third id is the first that differs
    refusal = OtherTokens("São 1.234,56 reais – não é", [5, 6, 9, 1], [5, 6, 7], "v6_16k")
    assert words.say_refusal(refusal, "pt") == (
        "Recusado: no começo “São 1.234,56 reais –…”, o primeiro token diferente é o de número 3, "
        "9 para o aluno e 7 para o professor."
    )


def test_schemes_that_a_model_cannot_have():
    missing = [MissingScheme("v7", "f32", "format"), MissingScheme("v7", "nf4", "bitsandbytes"),
               MissingScheme("v7", "q8_0", "format")]  # fmt: skip
    first, second = words.say_missing(missing, "pt").splitlines()
    assert first.startswith("v7 não tem GGUF F32 e GGUF Q8_0: o GGUF se escreve aqui para o que")
    assert second == "v7 não tem NF4: falta o bitsandbytes (`pip install bitsandbytes`)."
    assert words.say_missing([], "en") == "All schemes were measured in all models."


def test_who_is_best_in_a_file_of_one_size():
    pupils = [row("bf16", bits=16.0, disk=510_000, score=2.7), row("q8_0", disk=300_000, score=2.6)]
    large = [row("q8_0", disk=900_000, score=2.0)]
    text = words.say_same_size(large, pupils, "pt")
    assert text.startswith("Até 0,51 MB, o tamanho do aluno em bf16, o melhor é o aluno em GGUF "
                           "Q8_0, 2,6000 bits por byte;")  # fmt: skip
    assert text.endswith("nenhum esquema leva o professor a esse tamanho.")
    small = [row("q4_k", disk=400_000, score=2.5)]
    assert "o melhor é o professor em GGUF Q4_K, 2,5000" in words.say_same_size(small, pupils, "pt")
    poor = [row("q4_k", disk=400_000, score=2.9)]
    assert words.say_same_size(poor, pupils, "pt").endswith(
        "o professor em GGUF Q4_K fica em 2,9000."
    )


def test_files_at_the_edge():
    speeds = {("teacher", "q8_0"): 100.0, ("student", "q8_0"): 250.0, ("teacher", "q4_k"): 123.4}
    served = {key: SimpleNamespace(tokens_per_second=speed) for key, speed in speeds.items()}
    assert words.say_edge(served, "pt") == (
        "O arquivo mais rápido é o do aluno em GGUF Q8_0, 250 tokens por segundo. No mesmo "
        "formato, o aluno escreve com 2,5 a 2,5 vezes a velocidade do professor."
    )
    served.pop(("student", "q8_0"))
    assert words.say_edge(served, "pt").endswith("professor em GGUF Q4_K, 123 tokens por segundo.")
