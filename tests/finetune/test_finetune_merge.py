"""Adapters saved, loaded, merged and exported."""

import json
import warnings

import pytest
import tiny
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from brnb.bases.load import random_base
from brnb.bases.maps import quantised
from brnb.finetune import merge
from brnb.finetune.lora import adapt, adapted_layers, trained

IDS = tiny.pack((20,)).ids


def logits(model):
    with torch.no_grad():
        return model.eval()(input_ids=IDS[None]).logits[0]


def base(nf4=True):
    torch.manual_seed(0)
    return random_base(tiny.CONFIG, nf4, torch.float32, tiny.CPU)


@pytest.mark.parametrize("nf4", [True, False])
@pytest.mark.parametrize("maps", [tiny.MAPS, ["q_proj", "v_proj"]])
def test_merged_onto_what_it_was_trained_on(nf4, maps):
    model = tiny.model(nf4, target_modules=maps)
    expected = logits(model)
    merged = merge.merge_adapters(model, torch.float32)
    assert not any(quantised(m) for m in merged.modules())
    assert not list(adapted_layers(merged))
    torch.testing.assert_close(logits(merged), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`")  # of peft alone
def test_saved_and_loaded_it_is_the_same_model(tmp_path):
    model = tiny.model()
    expected = logits(model)
    files = merge.save_adapter(model, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in files)
    assert json.loads(files[0].read_text())["target_modules"] == sorted(tiny.MAPS)
    loaded = merge.load_adapted(base(), tmp_path, torch.float32)
    torch.testing.assert_close(logits(loaded), expected, rtol=1e-4, atol=1e-4)
    theirs = PeftModel.from_pretrained(base(), tmp_path)  # peft reads it too
    torch.testing.assert_close(logits(theirs), expected)


def test_saved_adapters_are_trained_on(tmp_path):
    model = tiny.model()
    merge.save_adapter(model, tmp_path)
    again = adapt(base(), tiny.params(seed=9), start=tmp_path)
    for ours, saved in zip(trained(again), trained(model), strict=True):
        assert torch.equal(ours, saved)


def test_without_an_adapter_it_is_the_dequantised_base():
    expected = logits(base())
    plain = merge.load_adapted(base(), None, torch.float32)
    torch.testing.assert_close(logits(plain), expected)


def test_a_folder_without_an_adapter_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no adapter"):
        merge.load_adapted(base(), tmp_path, torch.float32)


class Tokenizer:
    def save_pretrained(self, folder):
        (folder / "tokenizer.json").write_text("{}")


def test_the_export_is_what_transformers_loads(tmp_path):
    model = tiny.model()
    expected = logits(model)
    difference = merge.export_merged(model, Tokenizer(), tmp_path, torch.float32, IDS)
    assert difference < 1e-5
    assert "quantization_config" not in json.loads((tmp_path / "config.json").read_text())
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(logits(loaded), expected, rtol=1e-4, atol=1e-4)


def test_no_warnings_no_bars_and_files_that_others_may_read(tmp_path, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = tiny.model()
        merge.save_adapter(model, tmp_path / "adapter")
        adapt(base(), tiny.params(), start=tmp_path / "adapter")
        merge.load_adapted(base(), tmp_path / "adapter", torch.float32)
        merge.export_merged(model, Tokenizer(), tmp_path / "hf", torch.float32, IDS)
    assert capfd.readouterr().err == ""
    plain = tmp_path / "plain"
    plain.touch()
    for file in tmp_path.glob("*/*.*"):
        assert file.stat().st_mode == plain.stat().st_mode, file


def test_gguf_needs_the_converter(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(merge.GgufUnavailable, match="git clone"):
        merge.to_gguf(tmp_path, tmp_path / "model.gguf")
    script = tmp_path / merge.CONVERTER
    script.write_text("import sys; open(sys.argv[3], 'w').write(sys.argv[1])")
    assert merge.to_gguf(tmp_path, tmp_path / "model.gguf").read_text() == str(tmp_path)
    script.write_text("raise SystemExit('unknown architecture')")
    with pytest.raises(merge.GgufUnavailable, match="unknown architecture"):
        merge.to_gguf(tmp_path, tmp_path / "model.gguf")


def test_a_chapter_goes_on_without_the_converter(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    file = tmp_path / "model.gguf"
    assert not merge.try_gguf(tmp_path, file).installed
    (tmp_path / merge.CONVERTER).write_text("import sys; open(sys.argv[3], 'wb').truncate(2**20)")
    assert merge.try_gguf(tmp_path, file) is None
    assert file.stat().st_size == 2**20
    (tmp_path / merge.CONVERTER).write_text("raise SystemExit('unknown architecture')")
    assert merge.try_gguf(tmp_path, file).installed
