"""The guide's own files, run on a second corpus and a model in the hub's format, made here."""

import json
import random
import re
from pathlib import Path

import pytest
import yaml
from thesis_copy import ENVIRONMENT, ROOT, call, copy_project

PLACES = ("casa", "rio", "feira", "escola", "serra", "ponte", "horta", "praça")
WORDS = [
    "a",
    "tarde",
    "chega",
    "devagar",
    "quando",
    "vento",
    "sopra",
    "sobre",
    "telhado",
    "antigo",
    "mercado",
    "abre",
    "cedo",
    "padeiro",
    "vende",
    "pão",
    "quente",
    "menina",
    "lê",
    "carta",
    "barco",
    "volta",
    "porto",
    "cheio",
    "peixe",
    "chuva",
    "molha",
    "rua",
    "pedra",
    "músico",
    "toca",
    "viola",
    "festa",
    "junina",
    "começa",
    "fogueira",
    "acesa",
    "noite",
    "fria",
    "livro",
    "conta",
    "viagem",
    "longe",
    "sertão",
]
# A test's sizes; everything else is as the page says.
SMALL = {
    "tokenizer": {
        "subwords": [{"name": "mine_8k", "cleaning": "v6", "vocab_size": 220}],
        "evaluation_documents": 4,
        "frequent_words": 2,
    },
    "v1": {"hidden_size": 16, "embedding_size": 8, "tokens": 4000, "batch_size": 4, "seq_len": 16,
           "log_every": 20, "evaluate_every": 40, "validation_documents": 2, "sample_tokens": 8},
    "cpt_qlora_llama31_8b_brwac10k": {"rank": 2, "seq_len": 64, "packs_per_step": 8},
    "sft_qlora_llama31_8b_instruct_canarim10k": {"rank": 2, "seq_len": 64, "packs_per_step": 8},
    "eval_intrinsic": {"resamples": 100, "questions": 1, "max_new_tokens": 2},
}  # fmt: skip


def sentence(seed: str) -> str:
    """Words in an order that no other sentence has."""
    words = random.Random(seed).sample(WORDS, 9)
    return f"{' '.join(words).capitalize()} {seed}."


def profile(page: str) -> dict[str, dict]:
    """Parameter files that a page of the guide shows, by run."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    shown = re.findall(r"```yaml\n# params/study/(\w+)\.yaml\n(.*?)```", text, re.DOTALL)
    return {run: yaml.safe_load(values) for run, values in shown}


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """A project with the guide's profile, a corpus of plain text, pairs and a base."""
    project = copy_project(tmp_path / "project")
    (project / "params/study").mkdir()
    for run, values in profile("guide.md").items():
        file = project / f"params/study/{run}.yaml"
        file.write_text(yaml.safe_dump(values | SMALL.get(run, {}), allow_unicode=True))
    documents = [" ".join(sentence(f"{n}.{i}") for i in range(4)) for n in range(150)]
    text, pairs = tmp_path / "text", tmp_path / "pairs.jsonl"
    text.mkdir()
    (text / "other.txt").write_text("\n\n".join(documents), "utf-8")
    asked = [
        {"instruction": f"Onde fica a {a} {i}?", "input": "", "output": f"Perto da {b} {i}."}
        for i, (a, b) in enumerate((a, b) for a in PLACES for b in PLACES)
    ]
    pairs.write_text("".join(json.dumps(pair) + "\n" for pair in asked))
    write_base(tmp_path / "base", documents)
    named = {"DATA": text, "INSTRUCTIONS": pairs, "BASE": tmp_path / "base"}
    for name, path in named.items():
        monkeypatch.setitem(ENVIRONMENT, f"BRNB_{name}", str(path))
    return project


def write_base(folder: Path, texts: list[str]) -> None:
    """A Llama of two layers and its tokenizer, as Transformers saves them."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(texts, 400, special_tokens=["<s>", "</s>"], show_progress=False)
    ends = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
    PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer, **ends).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=bpe.get_vocab_size(), hidden_size=32, intermediate_size=64,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        max_position_embeddings=128, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)


def test_both_languages_show_the_same_files():
    assert profile("guide.md") == profile("guide.pt-BR.md")
    assert len(profile("guide.md")) == 6


def test_another_corpus_and_base_run_by_parameters_alone(study):
    done = call(study, "snakemake", "--config", "profile=study", timeout=5400)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    said = json.loads(call(study, "brnb", "status", "--profile", "study", "--json").stdout)
    assert {state["run"]: state["state"] for state in said} == dict.fromkeys(
        profile("guide.md"), "done"
    )
    runs = study / "reports/study/runs"
    corpus = json.loads((runs / "corpus/receipt.json").read_text())
    assert corpus["metrics"]["documents_read"] == 150
    merged = runs / "sft_qlora_llama31_8b_instruct_canarim10k/hf/config.json"
    assert json.loads(merged.read_text())["hidden_size"] == 32
    assert (study / "reports/study/tables/tab12.csv").is_file()
