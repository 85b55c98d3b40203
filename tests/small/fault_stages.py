"""The stages of the work, each small: `STAGES[name](folder)` leaves its artefacts in a folder.

A stage that was killed is called again in the same folder, and goes on or begins anew, as it would
in its chapter.
"""

import hashlib
import json
import os
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from mini_project import FIRST, SECOND, execute, write_notebook
from nbformat import v4
from tiny_training import TRAIN, VALIDATION, prepare

from brnb.atomic import PARTIAL, write_atomic
from brnb.book.chapter import chapter_page
from brnb.book.executed import read_executed
from brnb.book.exhibits import Catalogue
from brnb.book.site import write_pages
from brnb.evaluate.intrinsic import DocumentNats
from brnb.evaluate.records import write_record
from brnb.finetune.packing import Example, pack
from brnb.models.store import save
from brnb.report.document import write_document
from brnb.report.tables import write_table
from brnb.text import corpus, finished
from brnb.text.params import CorpusParams
from brnb.text.shard import ShardRules
from brnb.text.shards import clean_shards
from brnb.tokenizers.params import SubwordSpec
from brnb.tokenizers.subword import SubwordTokenizer
from brnb.train.history import History
from brnb.train.loop import train
from brnb.train.rows import encode

CORPUS = {
    "profile": "test", "run_id": "corpus", "seed": 3, "lang": "pt", "corpus": "sample",
    "documents": 150, "sample_share": 1.0, "min_chars": 20, "min_letters": 0.5,
    "validation_share": 0.1, "test_share": 0.1, "mask_personal_data": True,
    "near_duplicate": 0.8, "part": None, "registers": {},
    "max_malformed_share": 0.0,
}  # fmt: skip
SPEC = SubwordSpec(name="t", kind="bpe", vocab_size=600, byte_fallback=True, num_threads=1)


def cleaning(folder: Path) -> None:
    corpus.build(folder, CorpusParams(**CORPUS), progress=False)


def shards(folder: Path) -> None:
    """A large source, of four files with repeated documents."""
    source = folder / "in"
    for number in range(4):
        rows = [{"text": f"Um texto sobre o assunto {n % 150} da cidade."} for n in range(300)]
        lines = "".join(json.dumps(row) + "\n" for row in rows[50 * number :])
        write_atomic(source / f"{number}.jsonl", lines)
    clean_shards(str(source), folder / "clean", ShardRules())


def _texts(folder: Path) -> list[str]:
    if not (folder / "corpus/report.json").is_file():
        cleaning(folder / "corpus")
    return list(finished.texts(folder / "corpus", "v6", "train"))


def tokenizer(folder: Path) -> None:
    SubwordTokenizer.train(_texts(folder), SPEC, folder / "tokenizer")


def rows(folder: Path) -> None:
    tokenizer(folder)
    made = SubwordTokenizer.load(folder / "tokenizer")
    encode(_texts(folder), made, folder / "rows" / "train", "one text")


def training(folder: Path) -> None:
    model, params = prepare("v6")
    history = train(model, TRAIN, VALIDATION, params, folder / "checkpoints", "data", keep="best")
    save(model, folder / "model")
    write_atomic(folder / "curves.json", json.dumps([history.train, history.validation]))


def packing(folder: Path) -> None:
    drawn = np.random.default_rng(5)
    lengths = drawn.integers(2, 30, size=400)
    examples = [
        Example(str(place), np.arange(length), np.arange(length), int(length))
        for place, length in enumerate(lengths)
    ]
    packs = pack(examples, 64, seed=1)
    text = "".join(json.dumps(part.ids.tolist()) + "\n" for part in packs)
    write_atomic(folder / "packs.jsonl", text)


def evaluation(folder: Path) -> None:
    nats = DocumentNats(np.linspace(1, 2, 500), np.arange(1, 501))
    history = History(train=[{"step": 1, "loss": 0.5}], validation=[{"step": 1, "loss": 0.4}])
    write_record(folder, history, [], nats)


def rendering(folder: Path) -> None:
    frame, folder = pd.DataFrame({"A": range(50)}), folder / "smoke"  # whose name is printed
    for number in range(4):
        write_table(folder / "tables", f"tab-{number}", frame, lang="pt", caption="x")
    (folder / "executed").mkdir(parents=True, exist_ok=True)
    path = folder / "executed/v1.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# Um", id="a")]), path)
    page = chapter_page(
        read_executed("v1", "04_v1", path), "Um", "done", Catalogue(folder, {}, "pt")
    )
    write_pages(folder / "pages", [page], [page], "pt")
    write_document(folder, "pt")


def chapters(folder: Path) -> None:
    """Two chapters of the small project, through the whole life of a run."""
    for name in ("notebooks", "params/smoke"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    common = {"profile": "smoke", "seed": 1, "lang": "pt", "price_list": "vast_ai_p25"}
    for run, code in (("first", FIRST), ("second", SECOND)):
        number = {"first": "01", "second": "02"}[run]
        path = folder / f"notebooks/{number}_{run}.ipynb"
        write_notebook(path, code, common | {"run_id": run})
        (folder / f"params/smoke/{run}.yaml").write_text(f"profile: smoke\nrun_id: {run}\n")
    (folder / "params/pipeline.yaml").write_text(
        "runs:\n  first: {notebook: 01_first}\n  second: {notebook: 02_second, needs: [first]}\n"
    )
    before = Path.cwd()
    os.chdir(folder)
    try:
        for path in sorted((folder / "notebooks").glob("*.ipynb")):
            execute(path)
    finally:
        os.chdir(before)


STAGES = {
    "cleaning": cleaning, "shards": shards, "tokenizer": tokenizer, "rows": rows,
    "training": training, "packing": packing, "evaluation": evaluation, "rendering": rendering,
    "chapters": chapters,
}  # fmt: skip
TIMED = {"receipt.json", "hashes.json", "lock"}  # hold seconds, dates, process numbers


def artefacts(folder: Path) -> dict[str, str]:
    """SHA-256 of what a stage is to leave, by path: neither caches nor what holds the time."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    results = (p for p in files if p.name not in TIMED and p.suffix not in (".pt", ".lock"))
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in results
        if not PARTIAL.fullmatch(p.name)  # which go when the run starts again
    }
