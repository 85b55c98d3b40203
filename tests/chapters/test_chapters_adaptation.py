"""Tables 11 and 12 beside ours."""

import numpy as np
import pytest

from brnb.chapters import adaptation
from brnb.evaluate.losses import Losses
from brnb.report.labels import label
from brnb.report.tables import display
from brnb.studies.adaptation import TrainingRecord

CPT, SFT = "cpt_qlora_llama31_8b_brwac10k", "sft_qlora_llama31_8b_instruct_canarim10k"
RUNS = (CPT, SFT)


def losses(per_token):
    return Losses(("x",), np.array([10 * per_token]), np.array([10]), np.array([40]))


def test_table_12_has_the_published_gains_and_ours_from_unrounded_losses():
    base = {CPT: losses(2.372), SFT: losses(1.778)}
    adapted = {CPT: losses(2.159), SFT: losses(1.117)}
    frame = adaptation.tab12(base, adapted, "pt")
    gains = frame[frame["ppl_change"].notna()]
    published = gains[gains["source"] == label("published", "pt")]
    assert published["ppl_change"].tolist() == [-19.2, -48.4]
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
    assert [row[4] for row in shown.cells][::2] == ["10,72", "8,66", "5,92", "3,06"]


def test_table_11_takes_hours_and_money_from_the_receipts():
    metrics = {"eval_loss": 2.0, "eval_ppl": 7.389, "train_documents": 12_345}
    kinds: list[dict[str, str]] = [{"cleaning": "v6"}, {"instructions": "${MINE}"}]
    trained = {
        run: TrainingRecord(run, {"base": "b"} | read, metrics, {"usd": usd}, 1800.0, {})
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
        ["2.350", "0.71", "2.140", "8.50"],
        ["0.500", "–", "2.000", "7.39"],
        ["1.060", "0.32", "1.104", "3.02"],
        ["0.500", "0.50", "2.000", "7.39"],
    ]
