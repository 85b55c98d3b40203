"""What a chapter says when it opens and when it closes."""

import json
import re
from pathlib import Path

import pytest

from brnb import notices
from brnb.pipeline import Pipeline
from brnb.receipt import Receipt, read_receipt

ROOT = Path(__file__).parents[1]


def test_a_chapter_says_what_it_is_needs_and_makes():
    said = notices.opening(Pipeline("smoke", ROOT), "v1", "pt", 29, {"tokens": 5})
    lines = [line.strip() for line in said.splitlines()]
    assert lines[0].startswith("04 · ")
    assert lines[0].endswith(" · v1")
    assert lines[1] == "Perfil smoke: mostra o mecanismo, não resultados."
    assert re.fullmatch("precisa de +corpus, tokenizer", lines[2])
    assert "fig-v1-loss" in lines[3]
    assert re.search(r"lab \d+,\d\s(s|min|h) \(NVIDIA H200\)", lines[4])  # reports/lab is in git
    assert lines[5].endswith("29; diferem do caderno: tokens = 5")


def test_what_is_made_is_what_the_receipt_of_the_run_lists():
    receipt = json.loads((ROOT / "reports/lab/runs/v1/receipt.json").read_text())
    left = {Path(p).stem for p in receipt["artefacts"] if not p.startswith("runs/")}
    made = notices._made(ROOT / "notebooks/04_v1_char_rnn.ipynb", "v1")
    assert {name for names in made.values() for name in names} >= left


def test_a_chapter_of_nothing_else_and_another_language(done):
    said = notices.opening(Pipeline("smoke"), "first", "en", 5, {})
    assert "needs       no other chapter" in said
    assert re.search(r"takes +smoke \d+\.\d\ss \(\d+ CPU\)", said)
    assert said.endswith("5, those of the notebook")


def test_the_last_output_lists_what_was_written(done):
    result = read_receipt(done / "reports/smoke/runs/first/receipt.json")
    file = result.artefacts["runs/first/text.txt"]
    paths = ("tables/tab-x.csv", "tables/tab-x.tex", "figures/fig-y.pdf", "figures/fig-y.png")
    drawn = dict.fromkeys(paths, file)
    changes = {"artefacts": result.artefacts | drawn, "seconds": 272.0}
    said = notices.closing(
        Receipt(**result.model_dump() | changes), Path("reports/smoke"), "pt"
    ).splitlines()
    assert said[0] == "first concluída em 4,5\N{NO-BREAK SPACE}min. Gravado em reports/smoke:"
    assert [line.split(maxsplit=1) for line in said[1:]] == [
        ["figuras", "fig-y"],
        ["tabelas", "tab-x"],
        ["números", r"1 (\brnb{first.length}…)"],
        ["arquivos", "runs/first: text.txt, receipt.json"],
    ]


@pytest.mark.parametrize(
    ("seconds", "said"), [(26.25, ["26,3", "s"]), (90, ["1,5", "min"]), (47880, ["13,3", "h"])]
)
def test_times_are_in_the_unit_that_fits(seconds, said):
    assert notices._time(seconds, "pt").split() == said
