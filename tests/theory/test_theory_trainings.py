"""Receipts as trainings to learn speeds from, against hand calculation."""

import json

import pytest

from brnb import atomic, receipt
from brnb.theory.costs import usage
from brnb.theory.trainings import read_adaptations, read_trainings

H200 = "NVIDIA H200"


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
    atomic.write_json(folder / "receipt.json", values)
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


def test_energy_of_an_interrupted_run_grows_with_its_seconds_as_an_estimate(tmp_path):
    used = {"earlier_seconds": 60.0, "energy_joules": 1000, "energy_method": "codecarbon 3.3.2"}
    found = usage(receipt.read_receipt(write_run(tmp_path / "v1", resources=used) / "receipt.json"))
    assert (found["seconds"], found["energy_joules"]) == (80, 4000)  # 20 s of 80 s were counted
    assert (found["energy_measured"], found["energy_method"]) == (False, "codecarbon")
