"""The front page of a profile: numbers of the receipts, sums by device, chapter 23's verdicts."""

import json

import pytest
from book_project import project

from brnb.receipt import read_receipt, write_receipt
from brnb.report.overview import write_overview

VERDICTS = """# brnb receipt: claims_audit 1
place,finding,published,ours,ci_low,ci_high,verdict
Tabela 7: v1,perplexidade,4.58,4.5,,,reproduzido
Tabela 8: v4,perplexidade,75.83,32.4561,,,difere
Tabela 9: v5,a | b,4,5,,,não comparável: porque o texto é outro
"""


@pytest.fixture
def pipeline(tmp_path):
    """Two runs of one hour, 2 kWh and 1.25 dollars on a GPU, of which one says no tokens."""
    made = project(tmp_path, runs=("v1", "v2"))
    for run, tokens in (("v1", 1_234_567), ("v2", None)):
        path = made.folder(run) / "receipt.json"
        used = {"tokens": tokens, "energy_joules": 7.2e6, "usd": 1.25, "peak_memory": 3_000_000_000}
        where = {"gpu": "NVIDIA H200", "git_commit": "0123456789", "git_dirty": run == "v2"}
        changes = {"seconds": 3600.0, "resources": used, "provenance": where}
        write_receipt(path, read_receipt(path).model_copy(update=changes))
    (made.reports / "tables/tab-reproduces.csv").write_text(VERDICTS, "utf-8")
    return made


def test_a_run_is_a_row_that_leads_to_its_notebook_and_receipt(pipeline):
    text = write_overview(pipeline, "pt").read_text("utf-8")
    v1 = (
        "| [v1](notebooks/v1.ipynb) | NVIDIA H200 | 1.234.567 | 3600 | 3,00 | 2000,0 | 1,2500 | "
        "[0123456](runs/v1/receipt.json) |"
    )
    assert v1 in text
    assert "| – | 3600 | 3,00 |" in text
    assert "[0123456*](runs/v2/receipt.json)" in text


def test_a_device_has_the_sums_of_its_runs(pipeline):
    text = write_overview(pipeline, "en").read_text("utf-8")
    assert "| NVIDIA H200 | 2 | 2.000 | 4.000 | 2.500 |" in text


def test_what_no_receipt_has_is_a_dash_and_no_zero(pipeline):
    for run in ("v1", "v2"):
        path = pipeline.folder(run) / "receipt.json"
        write_receipt(path, read_receipt(path).model_copy(update={"resources": {}}))
    assert "| NVIDIA H200 | 2 | 2,000 | – | – |" in write_overview(pipeline, "pt").read_text(
        "utf-8"
    )


def test_verdicts_are_counted_and_what_was_compared_is_listed(pipeline):
    text = write_overview(pipeline, "pt").read_text("utf-8")
    assert "reproduzido: 1, difere: 1, não comparável: 1." in text
    assert "| Tabela 8: v4 | perplexidade | 75,83 | 32,5 | difere |" in text
    assert "o texto é outro" not in text


def test_a_run_without_a_readable_receipt_is_named(pipeline):
    (pipeline.folder("v2") / "receipt.json").write_text(json.dumps({"run": "v2"}))
    assert "Ainda sem recibo: v2." in write_overview(pipeline, "pt").read_text("utf-8")


def test_a_demonstration_says_that_it_is_one(pipeline):
    text = write_overview(pipeline, "pt").read_text("utf-8")
    assert "mostra o mecanismo, não resultados" in text
