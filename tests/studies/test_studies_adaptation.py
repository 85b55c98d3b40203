"""A small base, adapted and evaluated: the chapter's way and the ablations' way agree."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from brnb.atomic import write_json
from brnb.bases import template
from brnb.bases.load import load_base
from brnb.evaluate.losses import losses
from brnb.finetune import chat
from brnb.finetune.identity import data_identity
from brnb.finetune.loop import finetune
from brnb.finetune.lora import adapt
from brnb.finetune.merge import save_adapter
from brnb.finetune.packing import pack
from brnb.finetune.pairs import draw_pairs
from brnb.finetune.params import SftParams
from brnb.finetune.texts import from_texts
from brnb.studies.adaptation import (
    VARIANTS,
    evaluate_adapter,
    read_training,
    read_variant,
    variant_losses,
)
from brnb.studies.adaptation_params import Ablation, AdaptationParams
from brnb.text import sample
from brnb.text.finished import Document
from brnb.tokenizers.hf import to_hf
from brnb.tokenizers.params import SubwordSpec
from brnb.tokenizers.subword import SubwordTokenizer
from brnb.train.history import History, write_curves

PARAMS = SftParams(
    profile="smoke", run_id="sft", seed=3, lang="pt", base="run:base", revision=None, start=None,
    quantization="nf4", double_quantization=True, rank=4, alpha=8, dropout=0.0,
    target_modules=["q_proj", "v_proj", "down_proj"], seq_len=128, packs_per_step=2, epochs=1,
    learning_rate=1e-2, final_learning_rate=0.1, warmup=0.0, weight_decay=0.0, grad_clip=1.0,
    memory_limit_gib=None, precision="fp32", device="cpu", log_every=1, evaluate_every=100,
    checkpoint_seconds=100.0, near_duplicate=0.8, instructions="sample", pairs=30,
    validation_share=0.2, test_share=0.1,
)  # fmt: skip


NOTE = dict.fromkeys(("run", "notebook", "profile", "fingerprint", "started"), "x") | {
    "state": "done", "seed": 1, "seconds": 10.0, "unclean": [], "unread": [],
    "resources": {"earlier_seconds": 5.0}, "code": {}, "params": {}, "needs": {},
    "needs_content": {}, "inputs": {}, "provenance": {}, "defaults_changed": {}, "metrics": {},
    "numbers": {}, "artefacts": {},
}  # fmt: skip
CHAPTER = AdaptationParams(
    profile="smoke", run_id="x", seed=3, lang="pt", cpt_run="cpt", sft_run="sft", resamples=100,
    confidence=0.95, questions=2, max_new_tokens=5, openings=3, opening_tokens=6, ablations=[],
)  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Folders of two runs: a random base, exported, and adapters trained on it."""
    folder = tmp_path_factory.mktemp("runs")
    rows = sample.documents(20, seed=1)
    texts = ["\n".join(" ".join(p) for p in row["text"]["paragraphs"]) for row in rows]
    spec = SubwordSpec(name="tiny", vocab_size=400, num_threads=1)
    hf = folder / "base/hf"
    to_hf(SubwordTokenizer.train(texts, spec, folder / "spm"), hf)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=400, hidden_size=64, intermediate_size=128, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=128,
        bos_token_id=1, eos_token_id=2, pad_token_id=3,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(hf)
    splits = draw_pairs(PARAMS)
    model, tokenizer = load_base(str(hf), PARAMS, torch.device("cpu"))
    template.ensure_template(tokenizer)
    packs = [
        pack(chat.from_pairs(tokenizer, pairs, 128).examples, 128, PARAMS.seed)
        for pairs in (splits.train, splits.validation)
    ]
    adapted = adapt(model, PARAMS)
    finetune(adapted, *packs, PARAMS, folder / "work", data_identity(str(hf), None, None, *packs))
    save_adapter(adapted, folder / "sft/adapter")
    return folder


@pytest.fixture(scope="module")
def documents():
    return [
        Document(str(n), "", f"A cidade {n} cresceu, e o rio também." * 3, "") for n in range(4)
    ]


@pytest.fixture(scope="module")
def evaluated(runs, documents):
    pairs = draw_pairs(PARAMS).validation
    return evaluate_adapter(
        PARAMS, str(runs / "base/hf"), runs / "sft/adapter", documents, pairs, CHAPTER, 3
    )


def test_the_base_is_the_quantised_one_without_adapters(runs, documents, evaluated):
    model, tokenizer = load_base(str(runs / "base/hf"), PARAMS, torch.device("cpu"))
    expected = losses(model, list(from_texts(tokenizer, documents)), 128)
    np.testing.assert_allclose(evaluated.base["text_cpt"].nats, expected.nats, rtol=1e-5)
    full = LlamaForCausalLM.from_pretrained(runs / "base/hf")
    unquantised = losses(full, list(from_texts(tokenizer, documents)), 128)
    assert not np.allclose(evaluated.base["text_cpt"].nats, unquantised.nats, rtol=1e-5)


def test_adaptation_shows_on_every_text_and_every_answer(evaluated):
    assert evaluated.adapted["text_sft"].loss < evaluated.base["text_sft"].loss
    assert set(evaluated.adapted) == {"text_cpt", "text_sft", "text_english"}
    assert len(evaluated.said_base) == len(evaluated.said_adapted) == 2
    assert len(evaluated.wrote_base) == len(evaluated.wrote_adapted) == 3


def test_the_same_values_again_are_no_ablation_and_others_are(runs, evaluated, tmp_path):
    ablations = [
        Ablation(name="same", changes={}),
        Ablation(name="rank_2", changes={"rank": 2}),
        Ablation(name="twice", changes={"start": "run:sft"}),
    ]
    splits, out = draw_pairs(PARAMS), tmp_path / VARIANTS
    found = variant_losses(PARAMS, ablations, splits, lambda run: runs / run, tmp_path, out)
    reference = evaluated.adapted["text_sft"]
    np.testing.assert_allclose(found["same"].nats, reference.nats, rtol=1e-5)
    assert not np.allclose(found["rank_2"].nats, reference.nats, rtol=1e-5)
    assert found["twice"].loss < reference.loss  # it goes on from the adapters of `sft`
    states = [path for path in tmp_path.glob("*.pt") if "previous" not in path.name]
    assert len(states) == 3

    def forbidden(run):
        raise AssertionError(run)

    again = variant_losses(PARAMS.model_copy(update={"base": str(runs / "base/hf")}), ablations[:1],
                   splits, forbidden, tmp_path, out)  # fmt: skip
    np.testing.assert_array_equal(again["same"].nats, found["same"].nats)
    # chapter 15 finds the adapters of a variant by its name, with its own parameters
    receipt_of(tmp_path, [ablation.model_dump() for ablation in ablations])
    variant, adapter = read_variant(out.parent, PARAMS, "rank_2")
    assert (variant.rank, variant.seed) == (2, PARAMS.seed)
    weights = load_file(adapter / "adapter_model.safetensors")
    assert {min(matrix.shape) for matrix in weights.values()} == {2}
    with pytest.raises(ValueError, match="trained no 'rank_9'; it has same, rank_2, twice"):
        read_variant(out.parent, PARAMS, "rank_9")


def receipt_of(folder: Path, ablations: list) -> Path:
    """A folder whose receipt has these ablations."""
    write_json(folder / "receipt.json", NOTE | {"params": {"ablations": ablations}})
    return folder


def test_a_plain_template_is_saved_for_whoever_loads_the_tokenizer(runs, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(runs / "base/hf")
    assert template.ensure_template(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).chat_template == tokenizer.chat_template


def test_a_training_is_read_back_with_the_time_of_all_its_processes(tmp_path):
    history = History(train=[{"step": 1, "loss": 2.0}], validation=[{"step": 1, "loss": 2.5}])
    write_curves(tmp_path, history)
    write_json(tmp_path / "receipt.json", NOTE)
    found = read_training(tmp_path)
    assert found.seconds == 15.0
    assert found.curves == {"train": history.train, "validation": history.validation}
