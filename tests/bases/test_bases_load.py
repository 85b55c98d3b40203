"""A base that is not there, or too large."""

import pytest
import tiny
import torch
from transformers import AutoModelForCausalLM

from brnb.bases.assembly import weights_of
from brnb.bases.load import load_base, load_model
from brnb.bases.reading import OutOfBudget


def test_a_base_that_is_nowhere_says_how_to_fetch_it(tmp_path):
    nowhere = str(tmp_path / "nowhere")
    for load in (load_base, load_model):
        with pytest.raises(FileNotFoundError, match="fetch it first with: hf download"):
            load(nowhere, tiny.params(), tiny.CPU)


def test_a_base_too_large_for_one_gpu_says_what_to_do(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("injected")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", full)
    with pytest.raises(OutOfBudget, match=r"one GPU: quantise it .* BRNB_PROCESSES=2"):
        load_model("large", tiny.params(), tiny.CPU)


def test_each_process_loads_onto_its_own_gpu(monkeypatch):
    asked = []

    def load(name, **options):
        asked.append(options["device_map"][""])
        raise OSError

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", load)
    monkeypatch.setenv("LOCAL_RANK", "1")
    for device in ("cuda", "cpu"):
        with pytest.raises(FileNotFoundError):
            load_model("base", tiny.params(), torch.device(device))
    assert [str(device) for device in asked] == ["cuda:1", "cpu"]


def test_the_one_that_starts_the_processes_keeps_a_large_base_on_the_cpu(monkeypatch, tmp_path):
    """Its GPU is one of theirs."""
    asked = []

    def load(name, **options):
        asked.append(str(options["device_map"][""]))
        raise OSError

    tiny.CONFIG.save_pretrained(tmp_path)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", load)
    monkeypatch.setenv("BRNB_PROCESSES", "2")
    for needed in (1, 2):
        with pytest.raises(FileNotFoundError):
            load_model(
                str(tmp_path), tiny.params(), torch.device("cuda"), lambda *_, needed=needed: needed
            )
    assert asked == ["cuda", "cpu"]


def test_a_large_base_needs_plain_weights(tmp_path):
    torch.manual_seed(0)
    tiny.random_base(tiny.CONFIG, False, torch.float32, tiny.CPU).save_pretrained(tmp_path)
    value = weights_of(str(tmp_path), None)
    assert value("model.norm.weight", torch.empty(64)).shape == (64,)
    for name, size in (("model.norm.scale", 64), ("model.norm.weight", 32)):
        with pytest.raises(ValueError, match=f"no {name} of shape .{size},., and is too large"):
            value(name, torch.empty(size))
