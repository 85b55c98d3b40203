"""GGUF and llama.cpp against transformers, and against the gguf package's own NumPy formats."""

import copy
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFReader
from transformers import LlamaConfig, LlamaForCausalLM

from brnb.compress import llama_cpp
from brnb.compress.gguf_file import SCHEMES, map_bits_of_file, write_gguf
from brnb.compress.gguf_model import GgufModel
from brnb.compress.llama_cpp import LlamaCpp, LlamaCppUnavailable, quantise_rows
from brnb.tokenizers.params import SubwordSpec
from brnb.tokenizers.subword import SubwordTokenizer

CONFIG = {
    "vocab_size": 97, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "tie_word_embeddings": True, "bos_token_id": None, "eos_token_id": 1,
}  # fmt: skip
IDS = torch.randint(97, (3, 20), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def llama():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**CONFIG)).eval()


def logits(model):
    with torch.no_grad():
        return model(IDS).logits.numpy()


def said(file):
    with LlamaCpp(file, 64, 1, 3) as model:
        return model.read(IDS.tolist(), every=True)


def test_llama_cpp_computes_what_transformers_computes(llama, tmp_path):
    np.testing.assert_allclose(
        said(write_gguf(llama, tmp_path / "a.gguf")), logits(llama), atol=3e-3
    )


def test_heads_of_their_own_and_an_untied_head_too(tmp_path):
    torch.manual_seed(1)
    changed = {"tie_word_embeddings": False, "num_key_value_heads": 4, "num_attention_heads": 8}
    other = LlamaForCausalLM(LlamaConfig(**(CONFIG | changed))).eval()
    np.testing.assert_allclose(
        said(write_gguf(other, tmp_path / "a.gguf")), logits(other), atol=3e-3
    )


def test_a_text_read_in_parts_is_the_same(llama, tmp_path):
    with GgufModel(write_gguf(llama, tmp_path / "a.gguf"), 64, 1) as model:
        whole, _ = model(IDS)
        _, state = model(IDS[:, :7])
        rest, _ = model(IDS[:, 7:], state)
    torch.testing.assert_close(rest, whole[:, 7:], atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("scheme", [s for s in SCHEMES if s != "f32"])
def test_the_quantised_file_answers_as_its_weights_say(llama, tmp_path, scheme):
    file = write_gguf(llama, tmp_path / "a.gguf", scheme)
    restored = copy.deepcopy(llama)
    weights = {t.name: gguf.dequantize(t.data, t.tensor_type) for t in GGUFReader(file).tensors}
    down = torch.from_numpy(weights["blk.1.ffn_down.weight"].copy())
    assert (down - llama.model.layers[1].mlp.down_proj.weight).abs().max() > 0
    for i, layer in enumerate(restored.model.layers):
        for name, module in (
            ("attn_v", layer.self_attn.v_proj), ("attn_output", layer.self_attn.o_proj),
            ("ffn_gate", layer.mlp.gate_proj), ("ffn_up", layer.mlp.up_proj),
            ("ffn_down", layer.mlp.down_proj),
        ):  # fmt: skip
            module.weight.data = torch.from_numpy(weights[f"blk.{i}.{name}.weight"].copy())
        for name, module, heads in (
            ("attn_q", layer.self_attn.q_proj, 4), ("attn_k", layer.self_attn.k_proj, 2),
        ):  # fmt: skip
            value = torch.from_numpy(weights[f"blk.{i}.{name}.weight"].copy())
            module.weight.data = value.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)
    restored.model.embed_tokens.weight.data = torch.from_numpy(weights["token_embd.weight"].copy())
    restored.tie_weights()
    exact, whole = logits(restored), logits(llama)
    error = np.abs(said(file) - exact).max()  # llama.cpp rounds the activations to 8 bits as well
    assert error < 0.03
    assert error < np.abs(exact - whole).max()


@pytest.mark.parametrize("kind", [Kind.Q8_0, Kind.Q4_0, Kind.Q5_0, Kind.Q5_1])
def test_rows_are_those_of_the_gguf_package(kind):
    values = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    ours, theirs = quantise_rows(values, kind), gguf.quantize(values, kind)
    got, expected = gguf.dequantize(ours, kind), gguf.dequantize(theirs, kind)
    np.testing.assert_allclose(got, expected, atol=0.02)


def test_what_is_important_is_rounded_better():
    values = np.random.default_rng(0).normal(size=(8, 256)).astype(np.float32)
    weight = np.ones(256, np.float32)
    weight[:32] = 100
    errors = [
        np.square(gguf.dequantize(quantise_rows(values, Kind.Q3_K, w), Kind.Q3_K) - values)[:, :32]
        for w in (None, weight)
    ]
    assert errors[1].mean() < errors[0].mean()


def test_bits_are_those_of_the_formats(llama, tmp_path):
    bits = {s: map_bits_of_file(write_gguf(llama, tmp_path / "a.gguf", s)) for s in SCHEMES}
    published = {"f32": 32, "q8_0": 8.5, "q6_k": 6.5625, "q5_k": 5.5, "q4_k": 4.5, "q3_k": 3.4375}
    assert bits == pytest.approx(published | {"q2_k": 2.625})  # llama.cpp's README


def test_rows_that_fit_no_k_quant_have_an_older_type(tmp_path):
    torch.manual_seed(0)
    narrow = LlamaForCausalLM(
        LlamaConfig(**(CONFIG | {"hidden_size": 64, "intermediate_size": 96}))
    )
    tensors = GGUFReader(write_gguf(narrow.eval(), tmp_path / "a.gguf", "q4_k")).tensors
    types = {tensor.name: tensor.tensor_type.name for tensor in tensors}
    assert {types["blk.0.ffn_down.weight"], types["token_embd.weight"]} == {"Q5_0", "Q8_0"}
    np.testing.assert_allclose(said(tmp_path / "a.gguf"), logits(narrow), atol=0.3)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_the_file_holds_the_vocabulary(tmp_path, kind):
    texts = ["O gato não dormiu; a ação começou às 10h30.\nE o coração?", "Pão, maçã e café."] * 50
    spec = SubwordSpec(name="t", vocab_size=408, kind=kind, byte_fallback=True)
    tokenizer = SubwordTokenizer.train(texts, spec, tmp_path / "t")
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**(CONFIG | {"vocab_size": 408}))).eval()
    with LlamaCpp(write_gguf(model, tmp_path / "a.gguf", "f32", tokenizer), 64, 1) as engine:
        for text in ("O gato não dormiu; a ação", "Pão e café.", "maçã às 10h30"):
            assert engine.tokenize(text) == tokenizer.encode(text)


def test_other_models_are_refused_and_nothing_is_left(llama, tmp_path):
    other = SimpleNamespace(
        config=SimpleNamespace(model_type="gpt2", rope_parameters={}, hidden_act="")
    )
    with pytest.raises(ValueError, match=r"config.json: model_type = 'gpt2'"):
        write_gguf(other, tmp_path / "a.gguf")
    with pytest.raises(ValueError, match=r"scheme = 'q4_z'.*known: f32, q8_0"):
        write_gguf(llama, tmp_path / "a.gguf", "q4_z")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_none_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"b.gguf: no such GGUF"):
        LlamaCpp(tmp_path / "b.gguf", 64, 1)
    (tmp_path / "b.gguf").write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(ValueError, match=r"b.gguf: llama.cpp cannot read this file"):
        LlamaCpp(tmp_path / "b.gguf", 64, 1)


def test_without_the_library_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(llama_cpp.FUNCTIONS, "llama_no_such_function", (None,))
    llama_cpp.library.cache_clear()
    with pytest.raises(LlamaCppUnavailable, match="pip install xllamacpp"):
        llama_cpp.library()
    monkeypatch.undo()
    llama_cpp.library.cache_clear()
