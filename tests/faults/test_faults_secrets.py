"""Nothing that we publish names a user or holds a token; what starts Jupyter keeps it to itself."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRETS = {
    "token of the hub": r"\bhf_[A-Za-z0-9]{30,}\b",
    "token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{40,})\b",
    "key of a cloud": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{35}\b",
    "key of a service": r"\bsk-[A-Za-z0-9_-]{32,}\b|\bxox[abprs]-[\w-]{10,}\b",
    "private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "home folder": r"(?<![\w.<])/(?:home|Users)/(?!alice\b|user\b|runner\b)[a-z][\w.-]*/|/root/",
    "home on Windows": r"\b[A-Z]:\\\\?Users\\\\?\w+",
}
PUBLISHED = ("notebooks", "params", "reports", "docs", "README.md", "README.pt-BR.md", "brnb")
PATTERNS = {name: re.compile(pattern) for name, pattern in SECRETS.items()}


def secrets(text: str) -> list[str]:
    """What a text should not hold, by name."""
    return [name for name, pattern in PATTERNS.items() if pattern.search(text)]


def published() -> list[Path]:
    """Files that git follows and that go out: notebooks, receipts, results, documents."""
    command = ["git", "ls-files", "-z", "--", *PUBLISHED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0 and done.stdout:
        return [ROOT / name for name in done.stdout.split("\0") if name]
    return [p for name in PUBLISHED for p in (ROOT / name).rglob("*") if p.is_file()]


def test_nothing_published_holds_a_token_or_a_home_folder(tally):
    kinds = {".ipynb", ".json", ".jsonl", ".tex", ".csv", ".md", ".yaml", ".html", ".py", ".sty"}
    files = [path for path in published() if path.suffix in kinds and path.is_file()]
    assert len(files) > 100
    found = {
        path.relative_to(ROOT).as_posix(): kinds_found
        for path in files
        if (kinds_found := secrets(path.read_text("utf-8", "replace")))
    }
    tally("published files without secrets", lost=len(found), tried=len(files))
    assert found == {}


def test_a_run_leaves_no_secret_of_its_environment(project, run_chapter, monkeypatch, tally):
    token = "hf_" + "Q" * 34
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setenv("BRNB_DATA", str(project / "data"))
    run_chapter("first")
    left = "".join(p.read_text("utf-8", "replace") for p in project.rglob("*") if p.is_file())
    tally("environment in what a run leaves", lost=token in left)
    assert token not in left
    receipt = json.loads((project / "reports/smoke/runs/first/receipt.json").read_text())
    assert str(Path.home()) not in json.dumps(receipt)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("export HF_TOKEN=hf_" + "a1B2" * 9, "token of the hub"),
        ("ghp_" + "a" * 36, "token of GitHub"),
        ("AKIA" + "A1" * 8, "key of a cloud"),
        ("sk-proj-" + "a1" * 20, "key of a service"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private key"),
        ('"corpus": "/home/maria/corpora"', "home folder"),
        (r"C:\\Users\\maria", "home on Windows"),
    ],
)
def test_the_scanner_sees_what_it_is_for(text, kind):
    assert secrets(text) == [kind]
    assert secrets("${BRNB_DATA}/x, ~/corpora, https://hf.co/home, hf_hub_download") == []


def test_jupyter_is_started_for_this_machine_alone():
    command = (ROOT / "Makefile").read_text().partition("\nlab:")[2].partition("\n\n")[0]
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "token" not in command.lower()  # which would replace the one that Jupyter draws
    for name in ("Makefile", "README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text("utf-8")
        assert "--ip=0.0.0.0" not in text
        assert "token=''" not in text.replace('"', "'")


def test_the_lock_files_pin_every_package_by_hash():
    for path in ROOT.glob("requirements*.lock"):
        text = path.read_text("utf-8").replace("\\\n", " ")
        pins = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9._-]+==", line)]
        assert pins
        assert [line.split()[0] for line in pins if "--hash=sha256:" not in line] == []
    assert (ROOT / "Makefile").read_text().count("--require-hashes") == 2
