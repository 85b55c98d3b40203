"""The Transformer against GPT-2 and Llama of transformers, and its export."""

import json

import pytest
import torch
from model_forms import FORMS, build, ids_for

from brnb.generate.samples import sample
from brnb.models.export import to_llama
from brnb.models.transformer import TransformerLM
from brnb.tokenizers.char import CharTokenizer
from brnb.tokenizers.params import SubwordSpec
from brnb.tokenizers.subword import SubwordTokenizer

TEXTS = [
    "Água mole em pedra dura, tanto bate até que fura.",
    "De grão em grão, a galinha enche o papo. Cão que ladra não morde.",
    "Mais vale um pássaro na mão do que dois voando.",
]


@torch.no_grad()
def test_v5_is_gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=61, n_positions=16, n_embd=24, n_layer=3, n_head=4, n_inner=40)
    gpt2 = GPT2LMHeadModel(config).eval()
    for parameter in gpt2.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.3)
    theirs, weights = gpt2.transformer.state_dict(), {}
    names = {
        "attention_norm": "ln_1", "mlp_norm": "ln_2",
        "attention.out": "attn.c_proj", "mlp.up": "mlp.c_fc", "mlp.down": "mlp.c_proj",
    }  # fmt: skip
    for i in range(3):
        for kind in ("weight", "bias"):
            for ours, name in names.items():
                weights[f"blocks.{i}.{ours}.{kind}"] = theirs[f"h.{i}.{name}.{kind}"].t()
            parts = theirs[f"h.{i}.attn.c_attn.{kind}"].t().split(24)
            for ours, part in zip(("query", "key", "value"), parts, strict=True):
                weights[f"blocks.{i}.attention.{ours}.{kind}"] = part
    weights |= {f"norm.{kind}": theirs[f"ln_f.{kind}"] for kind in ("weight", "bias")}
    weights["embedding.weight"] = theirs["wte.weight"]
    weights["position_embedding.weight"] = theirs["wpe.weight"]
    model = TransformerLM(**FORMS["v5"]).eval()
    model.load_state_dict(weights)
    ids = ids_for(model)
    torch.testing.assert_close(model(ids)[0], gpt2(ids).logits, rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("change", [{}, {"tied": False, "kv_heads": 4, "rope_theta": 500_000.0}])
def test_v6_is_llama(change, tmp_path, capfd):
    from transformers import AutoModelForCausalLM

    model = build(**FORMS["v6"] | change)
    llama = to_llama(model, tmp_path)
    assert capfd.readouterr().err == ""  # no bar of transformers
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(again).__name__ == "LlamaForCausalLM"
    ids = ids_for(model, tokens=16)
    for theirs in (llama, again):
        torch.testing.assert_close(model(ids)[0], theirs(ids).logits, rtol=0, atol=1e-5)


def test_the_export_leaves_the_random_state_alone(tmp_path):
    model, before = build(**FORMS["v6"]), torch.random.get_rng_state()
    to_llama(model, tmp_path)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(("form", "named"), [
    ("v5", ["norm = 'layernorm'", "position = 'learned'", "mlp = 'gelu'", "bias = True"]),
    ("v7", ["mlp = 'relu2'", "qk_norm = True", "attention_gate = True", "input_skip = True"]),
])  # fmt: skip
def test_what_llama_cannot_express_is_named(form, named, tmp_path):
    with pytest.raises(ValueError, match="cannot express") as error:
        to_llama(build(**FORMS[form]), tmp_path)
    assert all(name in str(error.value) for name in named)
    assert not any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    spec = SubwordSpec(name="small", kind="bpe", vocab_size=200)
    SubwordTokenizer.train(TEXTS * 3, spec, folder)
    return folder


def test_the_exported_folder_goes_on_as_the_model_does(tokenizer_folder, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = SubwordTokenizer.load(tokenizer_folder)
    model = build(**FORMS["v6"] | {"vocab_size": tokenizer.vocab_size, "context": 64})
    to_llama(model, tmp_path, tokenizer_folder)
    llama = AutoModelForCausalLM.from_pretrained(tmp_path)
    fast = AutoTokenizer.from_pretrained(tmp_path)
    prompt = fast(TEXTS[2], return_tensors="pt")
    assert prompt["input_ids"].tolist() == [tokenizer.encode(TEXTS[2])]
    assert (fast.bos_token_id, fast.eos_token_id, fast.pad_token_id) == (1, 2, 3)
    written = json.loads((tmp_path / "generation_config.json").read_text("utf-8"))
    assert [written[f"{name}_token_id"] for name in ("bos", "eos", "pad")] == [1, 2, 3]
    theirs = llama.generate(**prompt, max_new_tokens=12, do_sample=False, eos_token_id=None)
    (ours,) = sample(model, tokenizer, [TEXTS[2]], [0], 12, temperature=1.0, top_p=1e-9)
    drawn = theirs[0, prompt["input_ids"].shape[1] :].tolist()
    assert ours.ids == (drawn[: drawn.index(2)] if 2 in drawn else drawn)


def test_a_tokenizer_of_another_model_is_refused(tokenizer_folder, tmp_path):
    with pytest.raises(ValueError, match="200 ids, the model only 61"):
        to_llama(build(**FORMS["v6"]), tmp_path, tokenizer_folder)


def test_a_character_tokenizer_is_refused(tmp_path):
    CharTokenizer("abc ").save(tmp_path)
    with pytest.raises(ValueError, match="only subword tokenizers"):
        to_llama(build(**FORMS["v6"]), tmp_path / "llama", tmp_path)
