"""Models from folders: equal answers, and clear words about what is missing or unsafe."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from brnb.compress.language_models import HuggingFaceLM, other_model, require_weights

CONFIG = LlamaConfig(
    vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
)  # fmt: skip


def test_a_model_of_transformers_continues_from_its_state():
    torch.manual_seed(0)
    model = HuggingFaceLM(LlamaForCausalLM(CONFIG).eval())
    ids = torch.randint(97, (2, 12))
    whole, _ = model(ids)
    _, state = model(ids[:, :5])
    torch.testing.assert_close(model(ids[:, 5:], state)[0], whole[:, 5:], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("files", "error", "says"),
    [([], FileNotFoundError, "config.json: missing"),
     (["config.json"], FileNotFoundError, r"no \*.safetensors"),
     (["config.json", "pytorch_model.bin"], ValueError, "model.bin: a pickle can run code")],
)  # fmt: skip
def test_a_folder_says_what_it_lacks(tmp_path, files, error, says):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(error, match=says):
        require_weights(tmp_path)
    with pytest.raises(error, match=says):
        other_model(str(tmp_path), 64)


def test_weights_beside_a_pickle_are_enough(tmp_path):
    for name in ("config.json", "pytorch_model.bin", "model.safetensors"):
        (tmp_path / name).touch()
    require_weights(tmp_path)


def test_a_gguf_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.gguf: no such file"):
        other_model(str(tmp_path / "none.gguf"), 64)


def test_a_damaged_gguf_is_named(tmp_path):
    (tmp_path / "a.gguf").write_bytes(b"GGUF" + bytes(20))
    with pytest.raises(ValueError, match=r"a\.gguf' cannot be read"):
        other_model(str(tmp_path / "a.gguf"), 64)
