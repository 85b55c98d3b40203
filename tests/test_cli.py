"""The command line: what it prints for people, and how it helps who mistypes."""

import re

import pytest

import brnb
from brnb import cli


@pytest.fixture
def said(capsys, monkeypatch):
    """``said("status")`` runs a command; returns its exit status, output and errors."""
    monkeypatch.setenv("COLUMNS", "60")

    def run(*arguments):
        status = cli.main(list(arguments))
        return status, *capsys.readouterr()

    return run


def test_version(said):
    assert said("--version") == (0, f"brnb {brnb.__version__}\n", "")


def test_a_mistyped_command_is_guessed(said):
    status, _, errors = said("statsu")
    assert status == 2
    assert "Did you mean 'status'?" in errors


@pytest.mark.parametrize("command", ["status", "report", "export x", "where tab01"])
def test_an_unknown_profile_is_named(project, said, command):
    status, _, errors = said(*command.split(), "--profile", "smok")
    assert status == 2
    assert errors == "brnb: no profile 'smok' in params/; did you mean smoke?\n"


def test_status_has_a_header_causes_that_fit_and_a_total(project, run_chapter, said):
    run_chapter("first")
    run_chapter("second")
    notebook = project / "notebooks/01_first.ipynb"
    notebook.write_text(notebook.read_text().replace("42", "43"))
    (project / "params/smoke/first.yaml").write_text(
        "profile: smoke\nrun_id: first\nseed: 2\nprice_list: b\nlang: en\n"
    )
    said("status")
    status, out, _ = said("status")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].split() == ["run", "state", "seconds"]
    assert re.fullmatch(r"first   stale +\d+\.\d", lines[1])
    assert lines[2] == "    code changed: notebook; parameter changed: lang,"
    assert lines[3] == "    price_list, seed"
    assert re.fullmatch(r"2 runs: 2 stale; \d+\.\d s in all", lines[-1])
    assert max(map(len, lines)) <= 60


def test_a_short_cause_stands_beside_its_run(project, said):
    _, out, _ = said("status")
    assert re.search(r"^first   missing +never ran$", out, re.MULTILINE)
    assert out.endswith("2 runs: 2 missing; 0.0 s in all\n")


def test_help_has_examples_and_completion_can_be_installed(said):
    assert "brnb status --profile lab" in said("status", "--help")[1]
    assert "--install-completion" in said("--help")[1]


@pytest.mark.parametrize(("words", "known"), [("--profile ", "smoke"), ("--run ", "second")])
def test_profiles_and_runs_are_completed(project, said, monkeypatch, words, known):
    line = f"brnb status {words}"
    monkeypatch.setenv("_BRNB_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split())))
    assert known in said()[1].split()


def test_draw_writes_a_drawing_and_names_what_is_wrong(tmp_path, said):
    out = tmp_path / "pair.svg"
    assert said("draw", "llama32_1b", "qwen3_06b", "--out", str(out), "--lang", "en")[0] == 0
    assert b"<svg" in out.read_bytes()
    broken = tmp_path / "config.json"
    broken.write_text('{"model_type": "llama", "hidden_size": -1}')
    status, _, errors = said("draw", str(broken), "--out", str(tmp_path / "x.svg"))
    assert status == 2
    assert errors.startswith(f"brnb: {broken}: ")
    assert not (tmp_path / "x.svg").exists()


def test_an_error_commands_no_terminal(project, said, run_chapter):
    run_chapter("first")
    note = project / "reports/smoke/runs/first/started.json"
    note.write_text('{"error": "x \\u001b]0;PWNED\\u0007 y"}')
    _, out, _ = said("status")
    assert "\x1b" not in out
    assert "\\x1b]0;PWNED\\x07" in " ".join(out.split())


def test_a_disk_that_cannot_be_written_is_one_line(project, said, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "reports/smoke/book/index.html")

    monkeypatch.setattr("brnb.report.assemble.assemble", full)
    status, _, errors = said("report")
    assert status == 2
    assert errors.startswith("brnb: [Errno 28] No space left on device: 'reports")
