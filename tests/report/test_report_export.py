"""Export never overwrites what it did not write."""

import json

import pytest

from brnb import cli
from brnb.pipeline import Pipeline
from brnb.report import export as exporting
from brnb.report.export import MANIFEST, vouched

FILES = {"tables/tab01.tex": "one", "tables/tab01.csv": "a,b\n", "figures/fig-x.pdf": "%PDF",
         "numbers.tex": "% numbers"}  # fmt: skip


@pytest.fixture
def profile(tmp_path):
    folder = tmp_path / "reports" / "smoke"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "runs").mkdir()
    return folder


@pytest.fixture
def dest(tmp_path):
    return tmp_path / "dissertation" / "resultados"


def export(profile, dest):
    """Copy what lies in a profile's folder, as if receipts vouched for all of it."""
    return exporting.export(content(profile) | {"brnb.sty": b"style"}, dest)


def content(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_the_first_export_copies_all(profile, dest):
    report = export(profile, dest)
    assert report.ok
    assert set(content(dest)) == {*FILES, "brnb.sty", MANIFEST}
    assert set(report.written) == {*FILES, "brnb.sty"}
    assert set(json.loads((dest / MANIFEST).read_text())) == {*FILES, "brnb.sty"}


def test_again_changes_nothing(profile, dest):
    export(profile, dest)
    before = content(dest)
    report = export(profile, dest)
    assert (report.written, report.removed) == ([], [])
    assert content(dest) == before


def test_a_changed_result_replaces_its_own_copy(profile, dest):
    export(profile, dest)
    (profile / "numbers.tex").write_text("% new", encoding="utf-8")
    assert export(profile, dest).written == ["numbers.tex"]
    assert (dest / "numbers.tex").read_text() == "% new"


@pytest.mark.parametrize("name", ["numbers.tex", "tables/tab01.tex", "brnb.sty"])
def test_a_file_of_the_author_stops_everything(profile, dest, name):
    path = dest / name
    path.parent.mkdir(parents=True)
    path.write_text("mine", encoding="utf-8")
    report = export(profile, dest)
    assert not report.ok
    assert report.conflicts == [name]
    assert content(dest) == {name: b"mine"}
    assert name in str(report)
    assert "move or delete them" in str(report)


def test_an_edited_copy_is_a_conflict_even_if_others_changed(profile, dest):
    export(profile, dest)
    (dest / "tables" / "tab01.tex").write_text("edited by hand", encoding="utf-8")
    (profile / "numbers.tex").write_text("% new", encoding="utf-8")
    (profile / "tables" / "tab01.tex").write_text("two", encoding="utf-8")
    before = content(dest)
    assert export(profile, dest).conflicts == ["tables/tab01.tex"]
    assert content(dest) == before


def test_links_are_never_written_through(profile, dest, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    dest.mkdir(parents=True)
    (dest / "tables").symlink_to(outside)
    (tmp_path / "thesis.tex").write_text("the thesis", encoding="utf-8")
    (dest / "numbers.tex").symlink_to(tmp_path / "thesis.tex")
    assert set(export(profile, dest).conflicts) == {
        "tables/tab01.tex", "tables/tab01.csv", "numbers.tex",
    }  # fmt: skip
    assert not list(outside.iterdir())


def test_an_export_cut_short_before_its_manifest_can_be_repeated(profile, dest):
    export(profile, dest)
    (dest / MANIFEST).unlink()
    assert export(profile, dest).ok


def test_stale_copies_go_unless_they_were_edited(profile, dest):
    export(profile, dest)
    (profile / "tables" / "tab01.tex").unlink()
    (profile / "tables" / "tab01.csv").unlink()
    (dest / "tables" / "tab01.csv").write_text("edited", encoding="utf-8")
    (dest / "tables" / "mine.tex").write_text("mine", encoding="utf-8")
    assert export(profile, dest).removed == ["tables/tab01.tex"]
    assert {p.name for p in (dest / "tables").iterdir()} == {"tab01.csv", "mine.tex"}


@pytest.mark.parametrize("manifest", [
    "[]", "{", '{"../thesis.tex": "00"}', '{"/etc/x": "00"}', '{"tables/..": "00"}',
    '{"tables/a/../../../x": "00"}', '{"tables/a": 1}',
])  # fmt: skip
def test_a_foreign_manifest_is_refused(profile, dest, manifest):
    dest.mkdir(parents=True)
    (dest / MANIFEST).write_text(manifest, encoding="utf-8")
    with pytest.raises(ValueError, match="not a manifest of brnb export"):
        export(profile, dest)
    assert set(content(dest)) == {MANIFEST}


def test_a_profile_without_results_is_named(project):
    with pytest.raises(FileNotFoundError, match="run the chapters"):
        vouched(Pipeline("smoke", project))


@pytest.fixture
def done(project, run_chapter):
    """The first chapter draws a table."""
    path = project / "notebooks/01_first.ipynb"
    draw = "import pandas as pd\nrun.table('tab-x', pd.DataFrame({'A': [1]}), caption='x')\n"
    cells = json.loads(path.read_text())
    cells["cells"][3]["source"] += "\n" + draw
    path.write_text(json.dumps(cells))
    run_chapter("first")
    return project


def test_what_a_failed_run_has_torn_is_not_handed_over(done, dest, capsys):
    table = done / "reports/smoke/tables/tab-x.tex"
    assert b"tabular" in vouched(Pipeline("smoke", done))["tables/tab-x.tex"]
    table.write_bytes(table.read_bytes()[:20])
    (table.parent / "tab-old.tex").write_text("of a chapter that is no more")
    assert cli.main(["export", str(dest)]) == 1
    assert "  first: stale" in capsys.readouterr().out
    assert not dest.exists()
    assert cli.main(["export", str(dest), "--anyway"]) == 0
    assert set(content(dest)) == {
        *("brnb.sty", "brnbthesis.sty", "numbers.tex", "published.tex"),
        *("bibliography.tex", "references.bib", "tables/tab-x.csv"),
        MANIFEST,
    }
    assert r"\brnbdefine{first.length}{3,14}" in (dest / "numbers.tex").read_text()


def test_numbers_are_those_that_the_runs_gathered(done):
    numbers = (done / "reports/smoke/numbers.tex").read_bytes()
    assert vouched(Pipeline("smoke", done))["numbers.tex"] == numbers


def test_a_read_only_folder_is_named_and_nothing_is_copied(profile, dest, monkeypatch):
    export(profile, dest)
    before = content(dest)
    (profile / "numbers.tex").write_text("% new", encoding="utf-8")
    monkeypatch.setattr(exporting.os, "access", lambda path, mode: path != dest / "tables")
    with pytest.raises(PermissionError, match=r"tables is read-only and nothing was copied: chmod"):
        export(profile, dest)
    assert content(dest) == before


def test_watching_copies_what_changes_and_tells_a_conflict_once(profile, dest):
    def results():
        return content(profile) | {"brnb.sty": b"style"}

    reports = exporting.watch(results, dest, seconds=0, rounds=6)
    assert len(next(reports).written) == len(FILES) + 1
    (profile / "numbers.tex").write_text("% new", encoding="utf-8")
    assert next(reports).written == ["numbers.tex"]
    (dest / "numbers.tex").write_text("edited", encoding="utf-8")
    assert next(reports).conflicts == ["numbers.tex"]
    assert list(reports) == []
    assert (dest / "numbers.tex").read_text() == "edited"
