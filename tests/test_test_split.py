"""The test split is read where results are reported, and by no other code."""

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READERS = {"texts", "corpus_documents", "split_file", "_content"}
WHERE = {
    "brnb/text/corpus.py": "writes it",
    "brnb/train/rows.py": "load_result_text, of results",
    "brnb/compress/texts.py": "held_out_row, of results",
    "brnb/finetune/data.py": "of Table 12",
    "notebooks/17_moe_dense.ipynb": "text of results: mixtures beside dense models",
}
"""Modules that may name the split of a corpus, and what for."""


def modules():
    for path in sorted((ROOT / "brnb").rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        yield path.relative_to(ROOT).as_posix(), ast.parse(code)


def called(node):
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


@pytest.fixture(scope="module")
def trees():
    return list(modules())


def test_the_split_is_named_only_where_it_is_written_or_reported(trees):
    named = {
        where
        for where, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) in READERS
        if any(isinstance(a, ast.Constant) and a.value == "test" for a in node.args)
    }
    assert named <= set(WHERE)


def test_a_loop_over_all_splits_reads_no_corpus_of_ours(trees):
    loops = {
        where
        for where, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
        if getattr(node, "id", getattr(node, "attr", "")) == "SPLITS"
    }
    # the sample's pairs and Track 2's own splits have the same names, and no corpus behind them
    assert loops <= {
        "brnb/text/corpus.py", "brnb/text/finished.py", "brnb/finetune/data.py",
        "brnb/text/sample/world.py", "brnb/text/sample/pairs.py", "brnb/finetune/pairs.py",
        "brnb/extrinsic/contamination.py",
        "notebooks/14_eval_intrinsic.ipynb", "notebooks/15_eval_extrinsic.ipynb",
    }  # fmt: skip


def test_the_text_of_results_is_loaded_after_the_training(trees):
    for where, tree in trees:
        lines = {called(n): n.lineno for n in ast.walk(tree) if isinstance(n, ast.Call)}
        if where.startswith("notebooks/") and "load_result_text" in lines and "train" in lines:
            assert lines["load_result_text"] > lines["train"], where
        elif "load_result_text" in lines:
            assert where.startswith(("notebooks/", "brnb/evaluate/", "brnb/studies/")), where
