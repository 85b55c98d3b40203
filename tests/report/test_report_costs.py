"""Costs, plans and predictions from receipts, against hand calculation and published rates."""

import json
import math
from decimal import Decimal

import pytest

from brnb import receipt
from brnb.report import cost_tables
from brnb.report.plots import costs as plots
from brnb.report.trainings import Training, efficiency, read_trainings
from brnb.theory.compute import flops_per_token
from brnb.theory.costs import receipt_cost
from brnb.theory.memory import Step
from brnb.theory.params import Case
from brnb.theory.shape import Shape

H = 3600
H200 = "NVIDIA H200"
# Compiled plain PyTorch GPTs on one H200: width, layers, heads, vocabulary, T, B, tokens/s, GiB.
PEERS = {
    "small": (256, 6, 8, 4096, 256, 512, 5_766_505, 8.1),
    "middle": (512, 8, 8, 16_000, 512, 128, 1_663_693, 11.7),
    "gpt2": (768, 12, 12, 50_304, 1024, 32, 522_432, 15.1),
}


def gpt(width, layers, heads, vocab, seq_len):
    return Shape(
        vocab=vocab, width=width, layers=layers, heads=heads, kv_heads=heads,
        head_dim=width // heads, hidden=4 * width, gated=False, tied=True, positions=seq_len,
    )  # fmt: skip


def peer(name, gpu="h200_sxm", run=None):
    width, layers, heads, vocab, seq_len, batch, rate, _ = PEERS[name]
    shape = gpt(width, layers, heads, vocab, seq_len)
    return Training(
        run=run or name, device=H200, gpu=gpu, tokens=rate * H, seconds=H,
        multiplied=shape.matmul_parameters, flops_per_token=flops_per_token(shape, seq_len),
        shape=shape, step=Step(method="full", batch=batch, seq_len=seq_len), peak_bytes=None,
        bits_per_byte=1.0, cleaning="v6",
    )  # fmt: skip


def write_run(folder, **changes):
    """A finished run of an LSTM of width 8: 4 * 8 * (4 + 8) + 8 * 10 weights are multiplied."""
    folder.mkdir()
    arguments = {"vocab_size": 10, "embedding_size": 4, "hidden_size": 8, "layers": 1}
    (folder / "model.json").write_text(json.dumps({"kind": "RecurrentLM", "arguments": arguments}))
    values = {
        "run": folder.name, "notebook": "04", "profile": "smoke", "state": "done",
        "fingerprint": "", "code": {}, "needs": {}, "needs_content": {}, "inputs": {},
        "unclean": [], "seed": 1, "defaults_changed": {}, "unread": [], "started": "",
        "seconds": 20.0, "numbers": {}, "artefacts": {}, "provenance": {"gpu": H200},
        "params": {"batch_size": 2, "seq_len": 16, "cleaning": "early"},
        "resources": {"parameters": 4 * 10 + 384 + 80, "tokens": 1000, "training_seconds": 10.0},
        "metrics": {"bits_per_byte": 2.0},
    } | changes  # fmt: skip
    receipt.write_json(folder / "receipt.json", values)
    return folder


def test_a_receipt_becomes_a_training(tmp_path):
    (found,) = read_trainings([write_run(tmp_path / "v1")])
    assert (found.run, found.gpu, found.recurrent) == ("v1", "h200_sxm", True)
    assert found.flops_per_token == 6 * (384 + 80)
    assert found.utilization == pytest.approx(100 * 6 * 464 / 989.4e12)


def test_a_transformers_receipt_has_its_shape(tmp_path):
    folder = write_run(tmp_path / "v6")
    arguments = {"vocab_size": 10, "context": 16, "width": 8, "layers": 2, "heads": 2,
                 "kv_heads": 1, "hidden": 12, "norm": "rmsnorm", "position": "rope",
                 "mlp": "swiglu", "tied": True, "bias": False}  # fmt: skip
    (folder / "model.json").write_text(json.dumps({"arguments": arguments}))
    (found,) = read_trainings([folder])
    # by hand: maps 2 * (64 + 32 + 32 + 64 + 3 * 96), head 80; causal attention 6 L d_q n
    assert found.multiplied == 2 * 480 + 80
    assert found.flops_per_token == 6 * 1040 + 6 * 2 * 8 * 16


def test_runs_without_a_model_are_no_trainings(tmp_path):
    folder = write_run(tmp_path / "corpus")
    (folder / "model.json").unlink()
    assert read_trainings([folder]) == []


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_training_without_time_names_its_receipt(tmp_path, seconds):
    used = {"parameters": 504, "tokens": 1000, "training_seconds": seconds}
    with pytest.raises(ValueError, match=r"v1/receipt.json: training_seconds"):
        read_trainings([write_run(tmp_path / "v1", resources=used)])


def test_efficiency_is_interpolated_between_measured_sizes():
    small, large = peer("small"), peer("gpt2")
    between = math.sqrt(small.multiplied * large.multiplied)
    share, runs = efficiency([small, large], "h200_sxm", between, 0.4)
    assert share == pytest.approx(math.sqrt(small.utilization * large.utilization))
    assert runs == 2


def test_beyond_the_measured_sizes_the_last_counts_up_to_ten_times():
    run = peer("gpt2")
    for times in (9.9, 1 / 9.9):
        share, runs = efficiency([run], "h200_sxm", run.multiplied * times, 0.4)
        assert (share, runs) == (pytest.approx(run.utilization), 1)
    assert efficiency([run], "h200_sxm", run.multiplied * 11, 0.4) == (0.4, 0)
    assert efficiency([run], "h200_sxm", run.multiplied / 11, 0.4) == (0.4, 0)


def test_another_gpu_or_kind_of_model_measures_nothing():
    assert efficiency([peer("gpt2")], "rtx4090", 1e8, 0.4) == (0.4, 0)
    assert efficiency([peer("gpt2")], "h200_sxm", 1e8, 0.4, recurrent=True) == (0.4, 0)


def test_published_rates_predict_the_one_between_them_within_15_percent():
    frame = cost_tables.predictions([peer(name) for name in PEERS], 0.4).set_index("run")
    assert abs(frame.loc["middle", "error_percent"]) < 15
    assert frame.loc["middle", "hours_measured"] == 1
    # alone, nothing but the assumed share is left to predict with
    alone = cost_tables.predictions([peer("gpt2")], peer("gpt2").utilization / 2)
    assert alone["error_percent"][0] == pytest.approx(100)


def test_a_cpu_has_rates_but_no_prediction():
    frame = cost_tables.predictions([peer("small", gpu=None)], 0.4)
    assert frame["teraflops"][0] > 0
    assert frame["hours_predicted"][0] is frame["utilization"][0] is None
    assert cost_tables.median_error(frame) is None


def test_median_error_ignores_sign():
    import pandas as pd

    frame = pd.DataFrame({"error_percent": [-30.0, None, 10.0, 5.0]}, dtype=object)
    assert cost_tables.median_error(frame) == 10


def test_costs_of_runs_by_hand():
    card = "NVIDIA GeForce RTX 4090"
    used = [
        {"run": "a", "seconds": 2 * H, "gpu": card},
        {"run": "b", "seconds": H, "gpu": card, "energy_joules": 720_000},
        {"run": "c", "seconds": H, "gpu": None},
    ]
    frame = cost_tables.run_costs(map(receipt_cost, used)).set_index("run")
    assert list(frame["usd"]) == [Decimal("0.60"), Decimal("0.30"), None]
    assert list(frame["kwh"]) == [Decimal("0.9"), Decimal("0.2"), None]  # 450 W; 720 kJ
    assert list(frame["measured"]) == [False, True, None]
    assert frame["kg_co2"].iloc[1] == Decimal("0.2") * Decimal("0.0385")
    assert frame["gpu"].iloc[2] == "CPU"


def test_every_list_that_prices_the_gpu_is_compared():
    used = [{"run": "a", "seconds": 10 * H, "gpu": "NVIDIA H100 80GB HBM3"}]
    frame = cost_tables.price_comparison(used, "ptax_2025_10_31", "pt")
    ours = frame[frame["run"] == "a"].set_index("price_list")
    assert ours.loc["cloud_2024", "usd"] == 80
    assert ours.loc["openrelay_2026_09", "brl"] == Decimal("26") * Decimal("5.3843")
    assert len(ours) == 7
    theirs = frame[(frame["gpu"] == "RTX 4090") & (frame["price_list"] == "vast_ai_p25")]
    assert theirs["hours"].tolist() == [Decimal("35.12")]  # 13.3 + 16.6 + 2.35 + 1.06 + 1.81


def test_where_the_approaches_of_table_5_fit():
    frame = cost_tables.feasibility(["rtx3080", "a100_80gb", "h200_sxm"], "en")
    assert list(frame["RTX 3080"]) == ["no", "yes", "yes", "no"]
    assert list(frame["A100 80 GB SXM"]) == ["no", "yes", "yes", "yes"]
    assert list(frame["H200 SXM"]) == ["yes"] * 4


def case(**changes):
    return Case(**{
        "name": "x", "shape": "llama31_8b", "method": "qlora", "tokens": 1e6, "batch": 1,
        "seq_len": 2048, "gpu": "rtx4090", "count": 1, **changes,
    })  # fmt: skip


def test_plans_say_where_price_and_efficiency_come_from():
    sizes = {"vocab": 50_304, "width": 768, "layers": 12, "heads": 12, "kv_heads": 12,
             "head_dim": 64, "hidden": 3072}  # fmt: skip
    cases = [case(), case(gpu="h200_sxm", count=2, shape=sizes, method="full")]
    args = ([peer("gpt2")], 0.4, "vast_ai_p25", "ptax_2025_10_31", "en")
    frame = cost_tables.plans(cases, *args)
    assert list(frame["price_list"]) == ["vast_ai_p25", "akash_2026_09"]
    assert list(frame["measured_in"]) == ["assumed", 1]
    assert list(frame["gpu"]) == ["RTX 4090", "2 × H200 SXM"]
    assert frame["usd"][1] == Decimal(str(2 * frame["hours"][1])) * Decimal("4.45")
    assert frame["brl"][1] == frame["usd"][1] * Decimal("5.3843")


def test_cost_grows_with_the_square_from_scratch_and_in_proportion_in_adaptation():
    frame = cost_tables.cost_by_size("rtx4090", "vast_ai_p25", 0.4, 20.0, 1e7)
    for method, slope in (("from_scratch", 2), ("fine_tuning", 1)):
        rows = frame[frame["method"] == method]
        (n0, usd0), (n1, usd1) = rows[["parameters", "usd"]].to_numpy(float)[[-4, -1]]
        assert math.log(usd1 / usd0) / math.log(n1 / n0) == pytest.approx(slope, abs=0.12)
    fits = frame.groupby("method")["fits"].sum()
    assert fits["qlora"] > fits["fine_tuning"]


@pytest.fixture
def two_strategies(monkeypatch):
    """One is all of everything, the other nothing: w1 - w2 - w3 - w4 against 0."""

    def matrix(weights, risks):
        w = weights
        return {"all": w["performance"] - w["cost"] - w["time"] - w["risk"], "nothing": 0.0}

    monkeypatch.setattr(cost_tables, "decision_matrix", matrix)


def test_share_of_weights_by_hand(two_strategies):
    # On the simplex of four weights P(w1 > 1/2) = (1/2)^3.
    weights = {"performance": 0.7, "cost": 0.1, "time": 0.1, "risk": 0.1}
    frame = cost_tables.strategies(weights, {}, 40_000, seed=13)
    assert frame["best_share"][0] == pytest.approx(12.5, abs=0.5)  # 3 standard errors
    assert frame["utility"][0] == pytest.approx(0.4)


def test_shares_are_the_same_for_the_same_seed():
    weights = {"performance": 0.4, "cost": 0.3, "time": 0.2, "risk": 0.1}
    risks = {"Alto": 0.8, "Médio": 0.5, "Baixo": 0.2}
    first, second = (cost_tables.strategies(weights, risks, 1000, 13) for _ in range(2))
    assert first.equals(second)
    assert first["best_share"].sum() == pytest.approx(100)
    assert first["utility"][1] == pytest.approx(0.285)  # 0.34 - 0.015 - 0.02 - 0.02


def test_figures_of_runs_with_and_without_price():
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    runs = [peer("small"), peer("gpt2")]
    priced = plots.pareto(runs, {"small": Decimal(1), "gpt2": Decimal(2)}, "en")
    hours = plots.pareto(runs, {"small": Decimal(1), "gpt2": None}, "en")
    labels = [figure.axes[0].get_xlabel() for figure in (priced, hours)]
    assert labels == ["Cost (USD)", "Training time (h)"]
    plt.close("all")
