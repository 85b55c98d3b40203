"""A base that is not there, or too large."""

import pytest
import tiny
import torch
from transformers import AutoModelForCausalLM

from brnb.finetune.base import load_base, load_model
from brnb.finetune.budget import OutOfBudget


def test_a_base_that_is_nowhere_says_how_to_fetch_it(tmp_path):
    nowhere = str(tmp_path / "nowhere")
    for load in (load_base, load_model):
        with pytest.raises(FileNotFoundError, match="fetch it first with: hf download"):
            load(nowhere, tiny.params(), tiny.CPU)


def test_a_base_too_large_for_one_gpu_says_what_to_do(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("injected")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", full)
    with pytest.raises(OutOfBudget, match=r"not spread over several: quantise it"):
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
