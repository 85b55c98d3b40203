"""Sentences of chapter 15 from numbers by hand, both sides of each verdict."""

from types import SimpleNamespace

import pytest

from brnb.chapters import extrinsic_words as words

NAMES = {"adapted": "Llama + SFT", "baseline": "Llama"}


def test_systems_have_names_and_not_ids():
    names = words.system_names("sft_v6_instruct", ["cpt_then_sft", "Qwen3-0.6B"], "pt")
    assert names == {
        "adapted": "SFT da v6 + SFT", "baseline": "SFT da v6", "cpt_then_sft": "CPT, depois SFT",
        "Qwen3-0.6B": "Qwen3-0.6B",
    }  # fmt: skip


def test_pairs_that_are_no_items():
    left_out = {"other_task": 1500, "too_long": 1, "repeated": 0}
    assert words.say_left_out(left_out, "pt") == (
        "Dos pares que não viram itens, 1500 são de outra tarefa e 1 é longo demais."
    )
    assert words.say_left_out({"repeated": 0}, "en") == "All pairs become items."


def test_answers_that_a_model_ends_itself():
    first, second = words.say_ended({"baseline": 3, "adapted": 0}, 222, NAMES, "pt").splitlines()
    assert first.startswith("Llama: o modelo termina 3 de 222 respostas")
    assert second.startswith("Llama + SFT: o modelo termina 0 de 222")
    said = words.say_ended({"baseline": 0, "adapted": 0}, 222, NAMES, "en")
    assert said.startswith("No model ends any of its 222 answers")


def row(difference, low, high, floor=0.25):
    claim = SimpleNamespace(
        baseline=floor, adapted=floor + difference, difference=difference, low=low, high=high,
        p_adjusted=0.01,
    )  # fmt: skip
    return SimpleNamespace(
        task="qa", metric="EM", form="pt", against="copy", claim=claim, spread=(0.1, 0.1)
    )


def test_differences_floors_and_no_difference(monkeypatch):
    monkeypatch.setattr("brnb.chapters.extrinsic.supported", lambda claim: claim.low > 0)
    claimed, floor = words.say_results([row(0.5, 0.25, 0.75)], NAMES, "pt", "pt").splitlines()
    assert claimed == (
        "QA, EM: o adaptado fica acima de “piso: copiar a entrada”, 0,500 [0,250; 0,750]."
    )
    assert floor == "QA, EM: o adaptado passa do piso mais alto (piso: copiar a entrada: 0,250)."
    none, floor = words.say_results([row(0.1, -0.1, 0.3)], NAMES, "pt", "en").splitlines()
    assert none == "No difference is supported."
    assert "is not above the highest floor" in floor


def test_cpt_before_sft_in_the_tasks():
    assert words.say_downstream([row(0.5, 0.25, 0.75)], "pt") == (
        "QA, EM: 0,250 com CPT antes do SFT, 0,750 só com SFT; o CPT muda entre −0,750 e −0,250."
    )
    assert words.say_downstream([], "pt") == "Nenhuma variante com CPT respondeu."


@pytest.mark.parametrize(("seconds", "speed"), [(40.0, "312"), (0.0, "–")])
def test_how_fast_answers_were_written(seconds, speed):
    # 12,500 tokens in 40 s are 312.5 a second
    said = words.say_generations(444, 12_500, seconds, "en")
    assert said.startswith("Baseline and adapted model wrote 444 answers, 12,500 tokens in ")
    assert said.endswith(f": {speed} tokens a second.")
