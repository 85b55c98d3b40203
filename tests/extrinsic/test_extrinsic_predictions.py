"""Answers of an examination: written line by line, kept across a kill, asked once."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from answering import GREEDY, ask_two_at_a_time, items, model, word_tokenizer

from brnb.extrinsic.examine import answers_identity
from brnb.extrinsic.params import ExtrinsicParams
from brnb.extrinsic.predictions import TestSetChanged, answer_items, encode_prompt, write_answers
from brnb.extrinsic.testsets import Item
from brnb.generate.engine import Batching


@pytest.fixture
def tokenizer():
    return word_tokenizer()


def ask(net, tokenizer, asked, path):
    shape = lambda length: Batching(4, length, 128)  # noqa: E731
    return answer_items(net, tokenizer, asked, path, GREEDY, shape, progress=False)


def test_prompts_are_written_by_the_chat_template(tokenizer):
    assert tokenizer.decode(encode_prompt(tokenizer, items()[0])) == "w3 w4 w9 w1"
    tokenizer.chat_template = None
    with pytest.raises(ValueError, match="no chat template"):
        encode_prompt(tokenizer, items()[0])


def test_a_prompt_that_spells_a_special_token_is_an_error(tokenizer):
    with pytest.raises(ValueError, match="'x' spells the special token '</s>'"):
        encode_prompt(tokenizer, Item("x", "qa", "w3 </s> w4", "", ("w5",)))


def test_answers_of_other_settings_are_not_taken_for_these():
    values = {"precision": "fp32", "max_new_tokens": 96, "slots": 128, "prefill_tokens": 8192}
    p = ExtrinsicParams.model_construct(**values, resamples=100)
    name = answers_identity("training", p)
    assert answers_identity("training", p.model_copy(update={"resamples": 200})) == name
    assert answers_identity("another", p) != name
    for other in ({"precision": "bf16"}, {"max_new_tokens": 32}, {"slots": 64}):
        assert answers_identity("training", p.model_copy(update=other)) != name


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_killed_evaluation_goes_on_and_ends_alike(tokenizer, tmp_path, cut):
    net, asked = model(), items()
    whole = ask(net, tokenizer, asked, tmp_path / "whole.jsonl")
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(b"".join(lines[:cut]) + lines[cut][:20])  # the last line is half there
    again = ask(net, tokenizer, asked, torn)
    assert again.predictions == whole.predictions
    kept = [json.loads(line)["id"] for line in torn.read_text().splitlines()]
    assert sorted(kept) == sorted(item.id for item in asked)  # each once
    assert again.earlier_seconds == pytest.approx(
        sum(json.loads(line)["seconds"] for line in lines[:cut])
    )


def killed_after(lines, path):
    """Ask in a process that dies once so many answers are on disk; returns how it ended."""
    code = f"import answering; answering.ask_two_at_a_time({str(path)!r}, {lines})"
    small = Path(__file__).parents[1] / "small"
    return subprocess.run([sys.executable, "-c", code], cwd=small, check=False).returncode


def lines_of(path):
    data = path.read_bytes() if path.is_file() else b""
    return [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]


def test_a_process_that_was_killed_goes_on_and_ends_with_the_same_bytes(tmp_path):
    killed = tmp_path / "killed.jsonl"
    assert killed_after(3, killed) == -signal.SIGKILL
    finished = lines_of(killed)
    assert len(finished) == 3
    with killed.open("ab") as file:
        file.write(b'{"id": "i8", "hash": "0')  # what a kill in the middle of a write leaves
    again = ask_two_at_a_time(killed)
    assert lines_of(killed)[: len(finished)] == finished  # not asked again
    assert len(lines_of(killed)) == len(items())
    whole = ask_two_at_a_time(tmp_path / "whole.jsonl")
    for name, said in (("whole", whole), ("again", again)):
        write_answers(tmp_path / f"{name}.out", items(), said.predictions)
    assert (tmp_path / "again.out").read_bytes() == (tmp_path / "whole.out").read_bytes()


def test_finished_answers_are_not_asked_again(tokenizer, tmp_path):
    path = tmp_path / "a.jsonl"
    first = ask(model(), tokenizer, items(), path)
    bytes_before = path.read_bytes()
    second = ask(model(), tokenizer, items(), path)
    assert (second.predictions, path.read_bytes()) == (first.predictions, bytes_before)


def test_a_changed_test_set_under_old_answers_is_an_error(tokenizer, tmp_path):
    path = tmp_path / "a.jsonl"
    ask(model(), tokenizer, items(), path)
    changed = [*items()[:-1], Item("i8", "qa", "w11 w20 w9", "", ("another reference",))]
    with pytest.raises(TestSetChanged, match=r"a\.jsonl answers item 'i8'.*delete the file"):
        ask(model(), tokenizer, changed, path)


def test_items_of_two_sources_may_share_an_id(tokenizer, tmp_path):
    path = tmp_path / "a.jsonl"
    both = [items(1)[0], Item("i0", "rewriting", "w20 w21", "", ("w1",))]
    first = ask(model(), tokenizer, both, path)
    assert ask(model(), tokenizer, both, path).predictions == first.predictions
    assert [found.hash for found in first.predictions] == [item.hash for item in both]


@pytest.mark.parametrize(
    "text",
    [r"\input{x} $1$", "<script>alert(1)</script>", "{{ 7 * 7 }} {% if %}", "a\u0000\u2028b"],
)
def test_strange_prompts_and_answers_are_text(tokenizer, tmp_path, text):
    item = Item("x", "qa", text, "", (text,))
    wanted = tokenizer(f"{text} w1", add_special_tokens=False)["input_ids"]
    assert encode_prompt(tokenizer, item) == wanted  # a template does not run what it is given
    (found,) = ask(model(), tokenizer, [item], tmp_path / "a.jsonl").predictions
    write_answers(tmp_path / "out.jsonl", [item], [replace(found, text=text)])
    (line,) = (tmp_path / "out.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    assert (json.loads(line)["prompt"], json.loads(line)["prediction"]) == (text, text)


def test_a_damaged_line_in_the_middle_is_an_error(tokenizer, tmp_path):
    path = tmp_path / "a.jsonl"
    ask(model(), tokenizer, items(), path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{torn\n" + b"".join(lines[2:]))
    with pytest.raises(ValueError, match=r"a\.jsonl:2: a damaged answer"):
        ask(model(), tokenizer, items(), path)
