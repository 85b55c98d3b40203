"""Every chapter, small, through Snakemake and papermill: what it leaves and how it behaves."""

import json
import re
import shutil
import subprocess

import yaml
from latex import needs_latex
from mini_project import states
from thesis_copy import ENVIRONMENT, ROOT, call

from brnb import cli
from brnb.report.pdf import compile_document
from brnb.report.stamp import read_stamp


def test_all_chapters_are_done(thesis):
    found = states(thesis)
    runs = yaml.safe_load((thesis / "params/pipeline.yaml").read_text())["runs"]
    notebooks = {path.stem for path in (thesis / "notebooks").glob("*.ipynb")}
    assert {runs[run]["notebook"] for run in found} == notebooks
    assert {run: why for run, (state, why) in found.items() if state != "done"} == {}


def test_no_chapter_sets_a_parameter_that_nobody_reads(thesis):
    receipts = (thesis / "reports/smoke/runs").glob("*/receipt.json")
    unread = {path.parent.name: json.loads(path.read_text())["unread"] for path in receipts}
    assert {run: names for run, names in unread.items() if names} == {}


def test_every_artefact_is_rendered_twice(thesis):
    reports = thesis / "reports/smoke"
    tables = {p.stem for p in (reports / "tables").glob("*.tex")}
    figures = {p.stem for p in (reports / "figures").glob("*.pdf")}
    assert tables >= {"tab01", "tab02", "tab03", "tab04", "tab-cleaning", "tab-fragmentation"}
    assert figures >= {"fig-cleaning", "fig-document-lengths", "fig-fragmentation", "fig-v1-loss"}
    assert tables == {p.stem for p in (reports / "tables").glob("*.csv")}
    assert figures == {p.stem for p in (reports / "figures").glob("*.png")}
    drawn = {p.stem: p.read_text("utf-8") for p in (reports / "figures").glob("*.csv")}
    assert figures == drawn.keys()
    assert {id for id, text in drawn.items() if text.count("\n") < 3} == set()  # stamp, head, rows


def test_nothing_runs_again_when_nothing_changed(thesis):
    before = {p: p.stat().st_mtime_ns for p in thesis.glob("reports/smoke/runs/*/receipt.json")}
    done = call(thesis, "snakemake", timeout=1800)
    assert done.returncode == 0
    assert before == {p: p.stat().st_mtime_ns for p in before}


def test_the_document_is_the_same_bytes_when_built_again(thesis):
    reports = thesis / "reports/smoke"
    files = [*reports.glob("*.tex"), *reports.glob("*.bib"), *reports.glob("*.sty")]
    before = {path: path.read_bytes() for path in files}
    assert call(thesis, "brnb", "report").returncode == 0
    assert {path: path.read_bytes() for path in files} == before
    assert len(files) > 3


def test_the_book_has_every_chapter(thesis):
    assert call(thesis, "brnb", "book").returncode == 0
    pages = {path.stem for path in thesis.glob("reports/smoke/book/*.html")}
    assert set(states(thesis)) < pages


def test_a_chapter_executed_again_leaves_the_same_tables_and_figures(thesis):
    reports = thesis / "reports/smoke"
    files = [p for kind in ("tables", "figures") for p in (reports / kind).iterdir()]
    before = {p: p.read_bytes() for p in files}
    for run, notebook in (("corpus", "02_corpus"), ("tokenizer", "03_tokenizer")):
        executed = f"reports/smoke/notebooks/{run}.ipynb"
        values = f"params/smoke/{run}.yaml"
        done = call(thesis, "papermill", f"notebooks/{notebook}.ipynb", executed, "-f", values)
        assert done.returncode == 0, done.stderr[-3000:]
    assert {p: p.read_bytes() for p in before} == before
    # The same results took other times: whoever read them stays done.
    assert {state for state, _ in states(thesis).values()} == {"done"}


@needs_latex
def test_the_document_compiles_and_holds_every_number(thesis):
    reports = thesis / "reports/smoke"
    compiled = compile_document(reports)
    assert compiled.problems == []
    assert "Float too large" not in (reports / "document.log").read_text("latin-1")
    stamped = {read_stamp(path) for path in (reports / "tables").glob("*.tex")}
    receipts = [json.loads(p.read_text()) for p in reports.glob("runs/*/receipt.json")]
    assert stamped <= {(receipt["run"], receipt["fingerprint"]) for receipt in receipts}
    text = call(reports, "pdftotext", "-layout", "document.pdf", "-").stdout
    value = re.search(r"costs\.track2_usd\}\{([^}]*)\}", (reports / "numbers.tex").read_text())[1]
    assert value == "1,57"
    assert value in text


def test_export_copies_and_never_overwrites_what_it_did_not_write(
    thesis, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(thesis)
    dest = tmp_path / "dissertacao"
    assert cli.main(["export", str(dest)]) == 0
    assert (dest / "brnb.sty").is_file()
    assert (dest / "tables/tab03.tex").is_file()
    assert cli.main(["export", str(dest)]) == 0
    (dest / "tables/tab03.tex").write_text("edited")
    assert cli.main(["export", str(dest)]) == 1
    assert "tab03.tex" in capsys.readouterr().out
    assert (dest / "tables/tab03.tex").read_text() == "edited"


def test_a_changed_function_makes_stale_exactly_who_reaches_it(thesis, tmp_path):
    package = tmp_path / "brnb"
    shutil.copytree(ROOT / "brnb", package, ignore=shutil.ignore_patterns("__pycache__"))
    environment = ENVIRONMENT | {"PYTHONPATH": str(tmp_path)}

    def states_by_copy():
        command = ["brnb", "status", "--json"]
        out = subprocess.run(command, cwd=thesis, env=environment, capture_output=True, check=True)
        return {s["run"]: (s["state"], s["why"]) for s in json.loads(out.stdout)}

    module = package / "tokenizers/formatting.py"
    module.write_text("# a comment\n" + module.read_text() + "\n")
    assert {state for state, _ in states_by_copy().values()} == {"done"}
    module.write_text(module.read_text().replace("1 - self.unformatted", "2 - self.unformatted"))
    found = states_by_copy()
    assert found["corpus"] == ("done", "")
    assert found["tokenizer"] == ("stale", "code changed: brnb.tokenizers.formatting")
    assert found["v1"] == ("stale", "needs tokenizer, which is not done")


def test_a_second_snakemake_at_the_same_time_is_told_who_is_at_work(thesis):
    holder = "import sys; from pathlib import Path; from brnb.locks import hold_lock\n"
    holder += "hold_lock(Path('work/smoke/thesis.lock'), 'x'); print('held', flush=True)\n"
    holder += "sys.stdin.read()"
    with subprocess.Popen(
        ["python", "-c", holder],
        cwd=thesis,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"held\n"
        refused = call(thesis, "snakemake", timeout=1800)
        other.kill()
    assert refused.returncode != 0
    assert "already being executed by pid" in refused.stderr


def test_labels_switch_to_english_in_a_folder_of_their_own(thesis, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(thesis, project)
    published = (project / "reports/smoke/tables/tab02.tex").read_bytes()
    values, executed = "params/smoke/costs.yaml", "reports/smoke/notebooks/costs.ipynb"
    command = ["papermill", "notebooks/16_cost_tables.ipynb", executed, "-f", values]
    done = call(project, *command, "-p", "lang", "en")
    assert done.returncode == 0, done.stderr[-3000:]
    (scratch,) = (project / "reports/smoke/scratch").iterdir()
    table = (scratch / "tables/tab02.tex").read_text()
    assert "Reference prices per hour" in table
    assert "0.07" in table
    assert "0,07" not in table
    assert (project / "reports/smoke/tables/tab02.tex").read_bytes() == published
    assert {state for state, _ in states(project).values()} == {"done"}
