"""Chapter 20 in words: numbers by hand, from both sides of each verdict."""

from types import SimpleNamespace

import pandas as pd
import pytest

from brnb.chapters import attention_words as words
from brnb.evaluate.gradient_paths import Products
from brnb.evaluate.heads import Heads
from brnb.evaluate.masked import Quality

POWER = "\u202f×\u202f10"


def quality(share, low, high):
    return Quality(bits_per_byte=2.0, share=share, low=low, high=high, seen=0.294)


def heads(sparsity, rank, *steepness):
    return Heads(sparsity, 0.388, 1.0, 1.0, rank, 1.0, steepness)


def test_the_schedule_beside_its_formula():
    assert words.say_schedule(8 / 11, 4, 8, "pt").endswith(
        "trabalha-se em 72,7% das unidades de tempo: M / (M + P − 1), a Eq. B.84."
    )
    assert "50.0% of the time units have work, not the 72.7% of" in (
        words.say_schedule(0.5, 4, 8, "en")
    )
    assert words.say_runs(29, 9, "pt").startswith("São 29 execuções; a cadeia mais longa tem 9,")


def test_printed_formulas_on_both_sides():
    table = pd.DataFrame({
        "equation": ["A.28", "A.30", "A.51"], "printed_over_corrected": [192.0, 0.00311, 0.5]
    })  # fmt: skip
    assert words.say_printed_formulas(table, "pt") == (
        "3 fórmulas impressas diferem da correta: neste exemplo 2 dão de menos e 1 de mais. A que "
        "mais se afasta para baixo é a A.30, que dá 0,00311 vezes o valor certo. A que mais se "
        "afasta para cima é a A.28, que dá 192 vezes o valor certo."
    )
    assert "para baixo" not in words.say_printed_formulas(table.iloc[:1], "pt")


def test_equalities_that_hold_and_one_that_does_not():
    table = pd.DataFrame({"equation": ["A.1", "A.3"], "largest_difference": [0.0, 7.1e-15]})
    assert words.say_properties(table, "pt") == (
        f"As 2 igualdades valem até o arredondamento: a maior diferença é 7,1{POWER}⁻¹⁵."
    )
    table.loc[1, "largest_difference"] = 0.25
    assert words.say_properties(table, "pt").endswith("não valem: A.3. A maior diferença é 0,25.")


def test_what_masks_show():
    assert words.say_seen({"naive": 200, "window": 89, "bigbird": 123}, "pt").endswith(
        "uma parte: Janela (44,5%) e BigBird (61,5%)."
    )


def test_where_costs_cross_or_do_not():
    assert words.say_crossover(128, 141.3, "cpu", "pt") == (
        "Pela A.20, com d = 128, a atenção passa a custar mais que os mapas em n = 6d = 768; a "
        "atenção padrão, medida aqui (CPU), em n ≈ 141."
    )
    assert "measured here (GPU), does not cross" in words.say_crossover(128, None, "cuda", "en")


@pytest.mark.parametrize(("flash", "said"), [
    (1, "a padrão guarda 186 vezes a memória"), (372, "não guarda mais memória que a flash: 0,50"),
])  # fmt: skip
def test_memory_of_the_longest_text(flash, said):
    rows = [("naive", 512, 9), ("flash", 512, 9), ("naive", 1024, 186), ("flash", 1024, flash)]
    table = [SimpleNamespace(kind=kind, n=n, bytes=size) for kind, n, size in rows]
    text = words.say_memory(table, "pt")
    assert said in text
    assert "de 1024 tokens" in text


def test_qualities_beside_the_printed_ones():
    above, inside = quality(0.9991, 0.9988, 0.9994), quality(0.982, 0.97, 0.99)
    first, second = words.say_qualities({"longformer": above, "bigbird": inside}, "pt").splitlines()
    assert first == (
        "Longformer: 99,91% da qualidade [99,88%; 99,94%] vendo 29,4% dos pares; a Tabela 14 diz "
        "95%, menos que isso."
    )
    assert second.endswith("os 98% da Tabela 14 estão no intervalo.")
    low = quality(0.5, 0.4, 0.6)
    assert "diz 95%, mais que isso" in words.say_qualities({"longformer": low, "bigbird": low},
                                                           "pt")  # fmt: skip


def test_how_far_gradients_reach():
    reaches = {
        "v3": SimpleNamespace(norms=[371_485_184.0, 5.0, 1.0], decay=0.8731),
        "v6_rc16k_v5b": SimpleNamespace(norms=[1.0, 2.0, 4.0], decay=1.25),
    }
    first, second, last = words.say_reach(reaches, "pt").splitlines()
    assert first == (
        "v3: fator 0,8731 por token; a 2 tokens de distância o gradiente é 370.000.000 vezes menor."
    )
    assert second.endswith("o gradiente é 4,0 vezes maior.")
    assert last == "O gradiente chega mais longe na v6, 16k."


@pytest.mark.parametrize(("by_eigenvalue", "said"), [
    (1.0, "falha em 1 de 2 comprimentos."), (9.0, "não falha em nenhum dos 2 comprimentos"),
])  # fmt: skip
def test_bounds_of_a_product(by_eigenvalue, said):
    rows = [Products(1, 1.0, 9.0, 2.0), Products(2, 3.0, by_eigenvalue, 4.0)]
    text = words.say_bounds(rows, "pt")
    assert said in text
    assert text.endswith("A cota pelas normas vale em 2 de 2.")


def test_claims_about_trained_heads():
    text = words.say_heads(
        [heads(0.787, 32, 1.0, 2.0, 3.0), heads(0.1, 8, 3.0, 2.0, 1.0)], 32, "pt"
    )
    assert "Até 78,7% dos pesos ficam abaixo de 0,01, e nenhuma camada passa dos 80%" in text
    assert "posto de no máximo 32, e d_k = 32" in text
    assert text.endswith("cresce em 1 de 2 camadas.")
    text = words.say_heads([heads(0.9, 33, 1.0, 2.0, 3.0)], 32, "pt")
    assert "90,0% dos pesos ficam abaixo de 0,01, mais que os 80% do texto" in text
    assert "posto de até 33, mais que d_k = 32" in text


def test_positions_moved_by_a_matrix():
    assert words.say_shift(1.2e-7, "pt").endswith(f"1,2{POWER}⁻⁷: o arredondamento do fp32.")
    assert "mais que o arredondamento" in words.say_shift(0.1, "pt")
