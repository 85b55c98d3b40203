"""The document has the dissertation's order, and every artefact exactly once."""

import json
from pathlib import Path

import yaml

from brnb import data
from brnb.pipeline import Pipeline
from brnb.report.outline import outline

ROOT = Path(__file__).parents[2]
DECLARED = yaml.safe_load((ROOT / "params/pipeline.yaml").read_text("utf-8"))["runs"]


def test_every_run_has_a_name_and_every_notebook_a_chapter():
    assert DECLARED.keys() <= data.read("report/run_names.yaml").keys()
    placed = [name for chapter in data.read("report/outline.yaml") for name in chapter["notebooks"]]
    assert sorted(placed) == sorted({spec["notebook"] for spec in DECLARED.values()})


def test_every_heading_has_an_english_title_and_no_title_is_left_over():
    headings = {
        line[3:].replace("*", "")
        for path in (ROOT / "notebooks").glob("*.ipynb")
        for cell in json.loads(path.read_text("utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
        for line in "".join(cell["source"]).splitlines()
        if line.startswith("## ")
    }
    assert headings == data.read("report/headings.yaml").keys()


def test_an_english_document_has_english_headings(tmp_path):
    pipeline = Pipeline("smoke")
    pipeline.reports = tmp_path
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/tab-cleaning.tex").write_text("x")
    (chapter,) = outline(pipeline, "en")
    assert [section.title for section in chapter.sections] == ["What cleaning removed"]


def test_published_tables_come_in_their_order():
    first = [id for chapter in data.read("report/outline.yaml") for id in chapter.get("first", [])]
    assert [id for id in first if id.startswith("tab")] == [f"tab{n:02d}" for n in range(1, 22)]


def test_artefacts_stand_under_the_headings_of_their_cells_and_nothing_is_lost(tmp_path):
    pipeline = Pipeline("smoke")
    pipeline.reports = tmp_path
    for id in ("tab07", "tab-v1", "tab-v1-samples", "tab-cleaning", "tab-new", "tab01"):
        (tmp_path / "tables").mkdir(exist_ok=True)
        (tmp_path / "tables" / f"{id}.tex").write_text("x")
    chapters = {chapter.title: chapter for chapter in outline(pipeline, "pt")}
    assert [s.ids for s in chapters["Trilha 1: caracteres (v1–v3)"].sections] == [
        ["tab07"],
        ["tab-v1", "tab-v1-samples"],
    ]
    assert chapters["Trilha 1: caracteres (v1–v3)"].sections[1].title == "v1"
    corpus = chapters["Corpus"].sections
    assert [(s.ids, s.title is not None) for s in corpus] == [(["tab-cleaning"], True)]
    assert chapters["Demais resultados"].sections[0].ids == ["tab-new"]
    assert len({id for c in chapters.values() for s in c.sections for id in s.ids}) == 6


def test_artefacts_of_a_run_that_repeats_a_chapter_stand_under_its_name(tmp_path):
    pipeline = Pipeline("smoke")
    pipeline.reports = tmp_path
    (tmp_path / "tables").mkdir()
    for id in ("tab-sft-data", "tab-sft-data-instruct"):
        (tmp_path / "tables" / f"{id}.tex").write_text("x")
    (chapter,) = outline(pipeline, "pt")
    names = data.read("report/run_names.yaml")
    ids = {section.title: section.ids for section in chapter.sections}
    assert ids[names["sft_v6_instruct"]["pt"]] == ["tab-sft-data-instruct"]
    assert ["tab-sft-data"] in ids.values()
