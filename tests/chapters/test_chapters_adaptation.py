"""Tables 11 and 12 beside ours."""

import numpy as np
import pytest

from brnb.chapters import adaptation
from brnb.evaluate.losses import LossChange, Losses
from brnb.evaluate.statistics import Comparison
from brnb.report.labels import label
from brnb.report.tables import display
from brnb.studies.adaptation import TrainingRecord

CPT, SFT = "cpt_qlora_llama31_8b_brwac10k", "sft_qlora_llama31_8b_instruct_canarim10k"
RUNS = (CPT, SFT)


def losses(per_token):
    return Losses(("x",), np.array([10 * per_token]), np.array([10]), np.array([40]))


def training(run, params=None, usd=None):
    metrics = {"eval_loss": 2.0, "eval_ppl": 7.389, "train_documents": 12_345}
    return TrainingRecord(
        run, {"base": "run:b"} | (params or {}), metrics, {"usd": usd}, 1800.0, {}
    )


def test_table_12_has_the_published_gains_and_ours_from_unrounded_losses():
    base = {CPT: losses(2.372), SFT: losses(1.778)}
    adapted = {CPT: losses(2.159), SFT: losses(1.117)}
    trained = {CPT: training("cpt_qlora_smollm2"), SFT: training("sft_qlora_smollm2")}
    frame = adaptation.tab12(base, adapted, trained, "pt")
    assert frame["model"].tolist()[:4] == [
        "LLaMA 3.1-8B (base)",
        "b (base)",
        "+ CPT-QLoRA",
        "+ CPT-QLoRA",
    ]
    gains = frame[frame["ppl_change"].notna()]
    published = gains[gains["source"] == label("published", "pt")]
    assert [str(value) for value in published["ppl_change"]] == ["-19.2", "-48.4"]
    ours = gains[gains["source"] == label("ours", "pt")]["ppl_change"].tolist()
    assert ours == pytest.approx([-19.2, -48.4], abs=0.05)
    shown = display(frame, "tab12", lang="pt")
    assert [row[-1] for row in shown.cells] == [
        "–",
        "–",
        "−19,2",
        "−19,2",
        "–",
        "–",
        "−48,4",
        "−48,4",
    ]
    assert [row[5] for row in shown.cells][::2] == ["10,72", "8,66", "5,92", "3,06"]


def test_table_11_takes_hours_and_money_from_the_receipts():
    kinds: list[dict[str, str]] = [{"cleaning": "v6"}, {"instructions": "${MINE}"}]
    trained = {
        run: training(run, read, usd)
        for run, usd, read in zip(RUNS, (None, 0.5), kinds, strict=True)
    }
    frame = adaptation.tab11(trained, "en")
    shown = display(frame, "tab11", lang="en")
    assert [row[3] for row in shown.cells] == [
        "BrWaC 10k",
        "12,345 documents",
        "Canarim 10k",
        "12,345 instruction pairs",
    ]
    assert [row[4:] for row in shown.cells] == [
        ["2.35\u00a0h", "0.71", "2.140", "8.50"],
        ["0.5\u00a0h", "–", "2.000", "7.39"],
        ["1.06\u00a0h", "0.32", "1.104", "3.02"],
        ["0.5\u00a0h", "0.50", "2.000", "7.39"],
    ]


def test_the_published_examples_of_the_fine_tuning_stand_before_ours():
    frame = adaptation.tab_sft_examples(["p"], ["r"], ["b"], ["a"], "pt")
    assert frame["adapted"].tolist() == ["Homem", "Negativo", "a"]
    assert frame["reference"].tolist()[:2] == [None, None]  # the dissertation prints none


def change(value, low, high, p):
    claim = Comparison(2.0, 1.8, -0.2, -0.1, low, high, 0.95, p, p, 9)
    return LossChange(2.0, 1.8, 1.0, 0.9, value, low, high, claim)


def test_sentences_tell_what_was_learnt_forgotten_and_neither():
    changes = {
        (CPT, "text_cpt"): change(-0.192, -0.2, -0.18, 0.001),
        (CPT, "text_english"): change(0.05, 0.01, 0.09, 0.01),
        (SFT, "text_sft"): change(-0.01, -0.03, 0.01, 0.5),
    }
    said = adaptation.gain_sentences(changes, {CPT: "text_cpt", SFT: "text_sft"}, "pt")
    assert [line.rpartition(", ")[2] for line in said[:3]] == [
        "aprendeu",
        "esqueceu",
        "não se distingue de zero",
    ]
    assert said[3] == "A dissertação publica −19,2% no CPT e −48,4% no SFT; aqui, −19,2% e −1,0%."


def test_cpt_first_is_compared_with_sft_on_the_same_base():
    variants = {"sft_on_base": losses(2.0), "cpt_then_sft": losses(1.5)}
    assert "1,500" in adaptation.ablation_sentence(losses(1.0), variants, "pt")
    assert "contra 2,000" in adaptation.ablation_sentence(losses(1.0), variants, "pt")
    del variants["sft_on_base"]
    assert "contra 1,000" in adaptation.ablation_sentence(losses(1.0), variants, "pt")
    assert adaptation.ablation_sentence(losses(1.0), {}, "pt").startswith("Nenhuma")
