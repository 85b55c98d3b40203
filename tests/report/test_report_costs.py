"""Costs of runs and receipts, against hand calculation and published prices."""

import json
from decimal import Decimal

import pytest

from brnb import receipt
from brnb.report import cost_tables
from brnb.report.plots import costs as plots
from brnb.theory.costs import receipt_cost, usage
from brnb.theory.trainings import Training, read_adaptations, read_trainings

H = 3600
H200 = "NVIDIA H200"


def training(name, bits=1.0):
    """A recurrent training of an hour."""
    return Training(
        run=name, device=H200, gpu="h200_sxm", tokens=10**9, seconds=H,
        tokens_per_second=10**9 / H, multiplied=10**6, flops_per_token=6e6, layers=1, batch=8,
        shape=None, step=None, peak_bytes=2**31, bits_per_byte=bits, cleaning="v6",
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
        "resources": {"parameters": 4 * 10 + 384 + 80, "tokens": 1000, "training_seconds": 10.5,
                      "tokens_per_second": 100.0},
        "metrics": {"bits_per_byte": 2.0},
    } | changes  # fmt: skip
    receipt.write_json(folder / "receipt.json", values)
    return folder


def test_a_receipt_becomes_a_training(tmp_path):
    (found,) = read_trainings([write_run(tmp_path / "v1")])
    assert (found.run, found.gpu, found.shape) == ("v1", "h200_sxm", None)
    assert found.flops_per_token == 6 * (384 + 80)
    known = found.fact()
    assert (known.measured.kind, known.measured.seconds) == ("recurrent", 0.01)
    assert known.measured.work.terms[0] == pytest.approx(6 * 464 / 989.4e12)


def test_a_transformers_receipt_has_its_shape(tmp_path):
    folder = write_run(tmp_path / "v6")
    arguments = {"vocab_size": 10, "context": 16, "width": 8, "layers": 2, "heads": 2,
                 "kv_heads": 1, "hidden": 12, "norm": "rmsnorm", "position": "rope",
                 "mlp": "swiglu", "tied": True, "bias": False}  # fmt: skip
    (folder / "model.json").write_text(
        json.dumps({"kind": "TransformerLM", "arguments": arguments})
    )
    (found,) = read_trainings([folder])
    # by hand: maps 2 * (64 + 32 + 32 + 64 + 3 * 96), head 80; causal attention 6 L d_q n
    assert found.multiplied == 2 * 480 + 80
    assert found.flops_per_token == 6 * 1040 + 6 * 2 * 8 * 16
    assert found.fact().measured.kind == "scratch"


def test_a_training_on_several_gpus_says_what_one_did(tmp_path):
    used = {"parameters": 504, "tokens": 1000, "training_seconds": 10.5, "tokens_per_second": 100.0}
    (found,) = read_trainings([write_run(tmp_path / "v1", resources=used | {"processes": 2})])
    assert (found.tokens, found.seconds, found.tokens_per_second) == (500, 10.5, 50.0)
    assert (found.batch, found.fact().measured.seconds) == (1, 0.02)


def test_a_run_on_a_processor_without_a_known_peak_is_no_fact(tmp_path):
    (found,) = read_trainings([write_run(tmp_path / "v1", provenance={"gpu": None})])
    assert found.fact() is None


def test_a_training_of_adapters_is_a_fact(tmp_path):
    used = {
        "plan_tokens": 4096,
        "plan_recomputed": 0,
        "plan_dequantised": 12,
        "plan_processes": 1,
        "replayed": True,
        "tokens": 10**6,
        "training_seconds": 100.0,
        "tokens_per_second": 1e4,
    }
    params = {"quantization": "nf4", "seq_len": 2048, "rank": 8, "target_modules": ["q_proj"]}
    folder = write_run(tmp_path / "cpt", resources=used, params=params)
    assert read_adaptations([folder]) == []  # no configuration beside it
    (folder / "hf").mkdir()
    config = {"vocab_size": 128256, "hidden_size": 4096, "num_hidden_layers": 32,
              "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
              "tie_word_embeddings": False}  # fmt: skip
    (folder / "hf" / "config.json").write_text(json.dumps(config))
    (found,) = read_adaptations([folder])
    assert found.shape.parameters == 8_030_261_248  # Llama 3.1 8B, as its card says
    step = found.step
    assert (step.batch, step.recomputed, step.rank, step.maps) == (2, 0, 8, ["query"])
    assert (step.kernels, step.head, step.dequantised) == ("replayed", "frozen", 12)
    # of 32 layers 12 move bf16 in both passes, 20 half a byte of NF4 besides
    bytes_moved = 2 * 6_979_321_856 * (12 * 2.0 + 20 * 2.5) / 32
    assert found.measured.work.terms[2] == pytest.approx(bytes_moved / 4.8e12 / 4096)
    assert (found.measured.kind, found.measured.seconds) == ("adapters", 1e-4)


def test_runs_without_a_model_are_no_trainings(tmp_path):
    folder = write_run(tmp_path / "corpus")
    (folder / "model.json").unlink()
    assert read_trainings([folder]) == []


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_training_without_time_names_its_receipt(tmp_path, seconds):
    used = {"parameters": 504, "tokens": 1000, "training_seconds": seconds}
    with pytest.raises(ValueError, match=r"v1/receipt.json: training_seconds"):
        read_trainings([write_run(tmp_path / "v1", resources=used)])


def test_costs_of_runs_by_hand():
    card = "NVIDIA GeForce RTX 4090"
    used = [
        {"run": "a", "seconds": 2 * H, "gpu": card},
        {"run": "b", "seconds": H, "gpu": card, "energy_joules": 720_000},
        {"run": "c", "seconds": H, "gpu": None},
    ]
    costs = [receipt_cost(row) for row in used]
    frame = cost_tables.run_costs(costs, "en").set_index("run")
    assert list(frame["usd"]) == [Decimal("0.60"), Decimal("0.30"), None]
    assert list(frame["kwh"]) == [Decimal("0.9"), Decimal("0.2"), None]  # 450 W; 720 kJ
    assert list(frame["energy_method"]) == ["power limit (estimated)", "NVML counter", None]
    assert frame["kg_co2"].iloc[1] == Decimal("0.2") * Decimal("0.0385")
    assert frame["gpu"].iloc[2] == "CPU"
    assert cost_tables.unpriced(costs) == ["no GPU: CPU time has no price: c"]


def test_two_gpus_cost_twice_and_are_named():
    card = "NVIDIA GeForce RTX 4090"
    cost = receipt_cost({"run": "a", "seconds": H, "gpu": card, "gpus": 2})
    assert (cost.usd, cost.kwh) == (Decimal("0.60"), Decimal("0.9"))
    assert cost_tables.run_costs([cost], "pt")["gpu"][0] == "2 × RTX 4090"


def test_the_grid_is_a_choice():
    cost = receipt_cost({"run": "a", "seconds": H, "gpu": None, "energy_joules": 3_600_000})
    both = [
        cost_tables.run_costs([cost], "pt", grid)["kg_co2"][0]
        for grid in ("brazil_sin_2023", "brazil_codecarbon")
    ]
    assert both == [Decimal("0.0385"), Decimal("0.098348")]


def test_energy_of_an_interrupted_run_grows_with_its_seconds_as_an_estimate(tmp_path):
    used = {"earlier_seconds": 60.0, "energy_joules": 1000, "energy_method": "codecarbon 3.3.2"}
    found = usage(receipt.read(write_run(tmp_path / "v1", resources=used) / "receipt.json"))
    assert (found["seconds"], found["energy_joules"]) == (80, 4000)  # 20 s of 80 s were counted
    assert (found["energy_measured"], found["energy_method"]) == (False, "codecarbon")


def test_every_list_that_prices_the_gpu_is_compared():
    used = [{"run": "a", "seconds": 10 * H, "gpu": "NVIDIA H100 80GB HBM3"}]
    frame = cost_tables.price_comparison(used, "ptax_2025_10_31", "pt")
    ours = frame[frame["run"] == "a"].set_index("price_list")
    assert ours.loc["cloud_2024", "usd"] == 80
    assert ours.loc["openrelay_2026_09", "brl"] == Decimal("26") * Decimal("5.3843")
    assert len(ours) == 11
    theirs = frame[(frame["gpu"] == "RTX 4090") & (frame["price_list"] == "vast_ai_p25")]
    assert theirs["hours"].tolist() == [Decimal("35.12")]  # 13.3 + 16.6 + 2.35 + 1.06 + 1.81


def test_where_the_approaches_of_table_5_fit():
    frame = cost_tables.feasibility(["rtx3080", "a100_80gb", "h200_sxm"], "en")
    assert list(frame["RTX 3080"]) == ["no", "yes", "yes", "no"]
    assert list(frame["A100 80 GB SXM"]) == ["no", "yes", "yes", "yes"]
    assert list(frame["H200 SXM"]) == ["yes"] * 4


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
    runs = [training("small", 2.0), training("large")]
    priced = plots.pareto(runs, {"small": Decimal(1), "large": Decimal(2)}, "en")
    hours = plots.pareto(runs, {"small": Decimal(1), "large": None}, "en")
    labels = [figure.axes[0].get_xlabel() for figure in (priced, hours)]
    assert labels == ["Cost (USD)", "Training time (h)"]
    same = plots.pareto([training("a", 1.8), training("b", 1.80001)], {}, "en")
    low, high = same.axes[0].get_ylim()
    assert high - low == pytest.approx(0.2)
    plt.close("all")
