"""Every reader of files from outside, with a small file that it accepts, for the fuzz tests.

`READERS[name]` is a file name, its content, and a function of a folder that reads the file in it.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from mini_project import FIRST, write_notebook
from transformers import LlamaConfig, LlamaForCausalLM

from brnb import yaml_file
from brnb.audit import claims
from brnb.bases.load import load_base
from brnb.book.executed import read_executed
from brnb.compress.gguf_file import write_gguf
from brnb.compress.language_models import other_model
from brnb.evaluate import records
from brnb.extrinsic import predictions, testsets
from brnb.finetune.data import read_split
from brnb.fingerprint import notebook_cells
from brnb.models.load import load_language_model
from brnb.models.recurrent import RecurrentLM
from brnb.models.store import save
from brnb.pipeline import Pipeline, _read_note
from brnb.rarity.configs import row_from_config
from brnb.rarity.table import MODELS, read_models
from brnb.receipt import Artefact, Receipt, Verifier, read_receipt, write_receipt
from brnb.report import export
from brnb.text import finished
from brnb.text.pairs import Pair, read_pairs
from brnb.text.reader import Quarantine, read_documents
from brnb.tokenizers.char import CharTokenizer
from brnb.tokenizers.hf import to_hf
from brnb.tokenizers.params import SubwordSpec
from brnb.tokenizers.subword import SubwordTokenizer
from brnb.train import sealed
from brnb.train.checkpoint import Checkpoint
from brnb.train.rows import encode

CPU = torch.device("cpu")
BASE = SimpleNamespace(
    precision="fp32", quantization="none", revision=None, double_quantization=False
)
Read = Callable[[Path], object]


class Reader(NamedTuple):
    """A file that is accepted, and how it is read."""

    file: str
    content: bytes
    read: Read


def _made(folder: Path) -> Iterator[tuple[str, Reader]]:
    """All readers; files that libraries write are made in a folder."""
    yield from _texts(folder)
    yield from _records(folder)
    yield from _settings(folder)
    yield from _weights(folder)
    yield from _foreign(folder)


def _lines(*rows: object) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _corpus(folder: Path, file: str) -> list[object]:
    with Quarantine(folder / "quarantine.jsonl", 1.0) as quarantine:
        path = str(folder / file)
        return list(read_documents(path, documents=None, seed=0, quarantine=quarantine))


def _texts(folder: Path) -> Iterator[tuple[str, Reader]]:
    flat = {"doc_id": "a", "title": "Título", "text": "São Paulo, 2019.\nFim."}
    brwac = {"doc_id": "b", "text": {"title": "t", "paragraphs": [["Uma.", "Duas."]]}}
    rows = _lines(flat, brwac, flat)
    pq.write_table(pa.Table.from_pylist([flat] * 20), folder / "a.parquet")
    contents = {
        "a.jsonl": rows, "a.json.gz": gzip.compress(rows, mtime=0), "a.txt": b"Um.\n\nDois.\n",
        "a.parquet": (folder / "a.parquet").read_bytes(),
    }  # fmt: skip
    for file, content in contents.items():
        yield f"corpus {file}", Reader(file, content, lambda f, file=file: _corpus(f, file))
    pair = {"instruction": "Resuma.", "input": "Um texto.", "output": "Um."}
    yield (
        "pairs",
        Reader("p.jsonl", _lines(pair, pair), lambda f: list(read_pairs(str(f / "p.jsonl")))),
    )
    item = {"question": "Capital?", "answers": {"text": ["Brasília"]}, "task": "qa"}
    yield "test set", Reader("t.jsonl", _lines(item), lambda f: testsets.read_items(f / "t.jsonl"))
    document = {"doc_id": "a", "title": "t", "text": "x"}

    def split(folder: Path) -> object:
        (folder / "report.json").touch()
        return list(finished.corpus_documents(folder, "v6", "train"))

    yield "split", Reader("v6/train.jsonl", _lines(document, document), split)
    own = {"key": "a", "instruction": "i", "input": "", "output": "o"}
    yield (
        "split of pairs",
        Reader("train.jsonl", _lines(own), lambda f: read_split(f, "train", Pair)),
    )


def _receipt() -> Receipt:
    fields: dict[str, object] = {name: {} for name in Receipt.model_fields}
    fields |= {"run": "first", "notebook": "01_first", "profile": "smoke", "state": "done"}
    fields |= {"fingerprint": "f", "unclean": [], "seed": 1, "unread": [], "started": "now"}
    fields |= {
        "seconds": 1.5,
        "seal": None,
        "artefacts": {"runs/first/a": Artefact(bytes=1, sha256="0")},
    }
    fields["metrics"] = {"loss": 1.0, "perplexity": 2.0, "accuracy": 0.5, "bits_per_byte": 1.0}
    fields["metrics"] |= {"tokens": 10, "documents": 2}  # type: ignore[operator]
    fields["resources"] = {"training_seconds": 1.0, "tokens": 10}
    return Receipt(**fields)


def _records(folder: Path) -> Iterator[tuple[str, Reader]]:
    write_receipt(folder / "receipt.json", _receipt())
    receipt = (folder / "receipt.json").read_bytes()
    yield "receipt", Reader("receipt.json", receipt, lambda f: read_receipt(f / "receipt.json"))
    yield (
        "started.json",
        Reader(
            "started.json", b'{"started": "x", "pid": 3}', lambda f: _read_note(f / "started.json")
        ),
    )
    yield (
        "hashes.json",
        Reader("hashes.json", b'{"a:1:2:3": "0"}', lambda f: Verifier(f / "hashes.json")),
    )
    yield (
        "manifest",
        Reader(export.MANIFEST, b'{"tables/a.tex": "00"}', lambda f: export._read_manifest(f)),
    )

    def record(folder: Path) -> object:
        (folder / "receipt.json").write_bytes(receipt)
        return records.read_record(folder)

    sample = {"prompt": "p", "seed": 1, "text": "t", "ids": [1, 2]}
    yield (
        "curves",
        Reader("curves.json", b'{"train": [{"step": 1, "loss": 2.0}], "validation": []}', record),
    )
    yield "samples", Reader("samples.jsonl", _lines(sample), record)
    yield "documents.csv", Reader("documents.csv", b"nats,bytes\n1.5,3\n2.5,4\n", record)
    answer = {"id": "a", "hash": "h", "text": "t", "tokens": [1], "ended": True, "seconds": 0.5}
    yield (
        "answers",
        Reader(
            "answers.jsonl",
            _lines(answer, answer),
            lambda f: predictions._read(f / "answers.jsonl"),
        ),
    )


def _settings(folder: Path) -> Iterator[tuple[str, Reader]]:
    params = b"profile: smoke\nrun_id: first\nseed: 1\nlist: [1, 2.5, null, {a: b}]\n"
    yield (
        "parameters",
        Reader("first.yaml", params, lambda f: yaml_file.read_parameters(f / "first.yaml")),
    )
    pipeline = b"runs:\n  first: {notebook: 01_first}\n  second: {notebook: 02, needs: [first]}\n"

    def runs(folder: Path) -> object:
        (folder / "params/smoke").mkdir(parents=True, exist_ok=True)
        for run in ("first", "second"):
            (folder / f"params/smoke/{run}.yaml").write_text(f"run_id: {run}\n")
        return Pipeline("smoke", folder).runs

    yield "pipeline.yaml", Reader("params/pipeline.yaml", pipeline, runs)
    values = {"profile": "smoke", "run_id": "first", "seed": 1, "lang": "pt", "price_list": "x"}
    write_notebook(folder / "01.ipynb", FIRST, values)
    notebook = (folder / "01.ipynb").read_bytes()
    yield "notebook", Reader("01.ipynb", notebook, lambda f: notebook_cells(f / "01.ipynb"))
    yield (
        "executed notebook",
        Reader("01.ipynb", notebook, lambda f: read_executed("v1", "01_v1", f / "01.ipynb")),
    )
    config = {"model_type": "llama", "num_attention_heads": 32, "num_key_value_heads": 8}
    config |= {"max_position_embeddings": 8192, "vocab_size": 100, "sliding_window": None}
    yield (
        "config.json",
        Reader(
            "config.json", json.dumps(config).encode(), lambda f: row_from_config(f / "config.json")
        ),
    )
    lines = MODELS.read_text("utf-8").splitlines(keepends=True)
    yield (
        "models.csv",
        Reader("models.csv", "".join(lines[:4]).encode(), lambda f: read_models(f / "models.csv")),
    )
    claim = (claims.FOLDER / sorted(p.name for p in claims.FOLDER.glob("*.yaml"))[0]).read_bytes()
    yield (
        "claims",
        Reader(
            "claims.yaml",
            claim[:1500].rpartition(b"\n- ")[0],
            lambda f: list(claims._items(f / "claims.yaml", [])),
        ),
    )


def _weights(folder: Path) -> Iterator[tuple[str, Reader]]:
    model = RecurrentLM(vocab_size=5, hidden_size=3, layers=1, embedding_size=2, cell="gru")
    save(model, folder)
    form, weights = ((folder / n).read_bytes() for n in ("model.json", "model.safetensors"))

    def load(folder: Path) -> object:
        for name, content in (("model.json", form), ("model.safetensors", weights)):
            if not (folder / name).is_file():
                (folder / name).write_bytes(content)
        return load_language_model(folder)

    yield "model.json", Reader("model.json", form, load)
    yield "model.safetensors", Reader("model.safetensors", weights, load)
    CharTokenizer.train(["ação"], "char").save(folder)
    characters = (folder / CharTokenizer.FILE).read_bytes()
    yield "characters", Reader(CharTokenizer.FILE, characters, CharTokenizer.load)
    texts = [f"um texto número {number} de São Paulo" for number in range(200)]
    spec = SubwordSpec(name="t", kind="bpe", vocab_size=200, num_threads=1)
    SubwordTokenizer.train(texts, spec, folder)
    pieces, settings = (
        (folder / n).read_bytes() for n in ("tokenizer.model", "tokenizer_spec.json")
    )

    def subwords(folder: Path) -> object:
        for name, content in (("tokenizer.model", pieces), ("tokenizer_spec.json", settings)):
            if not (folder / name).is_file():
                (folder / name).write_bytes(content)
        return SubwordTokenizer.load(folder)

    yield "tokenizer.model", Reader("tokenizer.model", pieces, subwords)
    yield "tokenizer_spec.json", Reader("tokenizer_spec.json", settings, subwords)
    sealed.write(folder / "a.pt", lambda f: torch.save({"state": {"step": 1}, "best": None}, f))
    state = (folder / "a.pt").read_bytes()
    yield "checkpoint", Reader("a.pt", state, lambda f: Checkpoint(f, "a").load(CPU))
    tokenizer = CharTokenizer.train(["ação"], "char")
    encode(["ação"], tokenizer, folder / "row", "a")
    for suffix in (".ids", ".bytes", ".json"):
        content = (folder / "row").with_suffix(suffix).read_bytes()
        yield (
            f"rows{suffix}",
            Reader(f"row{suffix}", content, lambda f: encode(["ação"], tokenizer, f / "row", "a")),
        )


SMALL = LlamaConfig(
    vocab_size=200, hidden_size=8, intermediate_size=16, num_hidden_layers=1,
    num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=16,
    bos_token_id=None, eos_token_id=1,
)  # fmt: skip


def _foreign(folder: Path) -> Iterator[tuple[str, Reader]]:
    """A small Llama as others hand it over: Hugging Face's folder, and a GGUF with its pieces."""
    torch.manual_seed(0)
    llama, pieces = LlamaForCausalLM(SMALL), SubwordTokenizer.load(folder)
    llama.save_pretrained(folder / "hf")
    to_hf(pieces, folder / "hf")
    whole = {path.name: path.read_bytes() for path in (folder / "hf").iterdir()}

    def load(folder: Path) -> object:
        for name in whole.keys() - {path.name for path in folder.iterdir()}:
            (folder / name).write_bytes(whole[name])
        return load_base(str(folder), BASE, CPU)

    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        yield f"base {name}", Reader(name, whole[name], load)
    gguf = write_gguf(llama, folder / "a.gguf", tokenizer=pieces).read_bytes()
    yield "GGUF", Reader("a.gguf", gguf, lambda f: other_model(str(f / "a.gguf"), 16))


def make_readers(folder: Path) -> dict[str, Reader]:
    """All readers by name."""
    return dict(_made(folder))
