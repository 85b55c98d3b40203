"""The world behind the sample: consistent facts, held-out questions, instruction pairs."""

import json
import re
from collections import Counter, defaultdict

import pytest

from brnb.text import sample

SPLITS = ("train", "validation", "test")
PAIRS = 800


@pytest.fixture(scope="module")
def pairs() -> dict[str, list[dict[str, str]]]:
    return {split: list(sample.instructions(PAIRS, split=split)) for split in SPLITS}


@pytest.fixture(scope="module")
def text() -> str:
    documents = sample.documents(1500)
    return "\n".join(" ".join(p) for d in documents for p in d["text"]["paragraphs"])


def test_facts_are_divided_80_10_10() -> None:
    facts = sample.facts()
    assert len(facts) > 1500
    share = {split: n / len(facts) for split, n in Counter(f.split for f in facts).items()}
    assert share["train"] == pytest.approx(0.8, abs=0.04)
    assert share["validation"] == pytest.approx(0.1, abs=0.03)
    assert share["test"] == pytest.approx(0.1, abs=0.03)


def test_a_question_has_one_answer() -> None:
    answers: dict[str, set[str]] = defaultdict(set)
    for fact in sample.facts():
        assert len(fact.questions) >= 2
        assert fact.value in fact.answer
        for question in fact.questions:
            assert question.endswith("?")
            answers[question].add(fact.answer)
    assert all(len(found) == 1 for found in answers.values())


@pytest.mark.parametrize(
    ("kind", "relation", "said"),
    [
        ("city", "population", r"([\w ]+) tem ([\d.]+) habitantes"),
        ("city", "population", r"[Aa] população de ([\w ]+?) é de ([\d.]+) habitantes"),
        ("hospital", "beds", r"([OA] [\w ]+?) tem ([\d.]+) leitos"),
        ("club", "founded", r"([OA] [\w ]+?) existe desde (\d{4})"),
        ("company", "employees", r"(A [\w ]+?) tem ([\d.]+) empregados"),
        ("law", "fine", r"multa prevista n(a Lei Municipal nº [\d.]+) é de (R\$ [\d.]+\d)"),
        ("work", "length", r"extensão d([oa] [\w’' -]+?) é de ([\d.,]+) km"),
        ("software", "users", r"([OA] [\w ]+?) tem ([\d.]+) usuários"),
    ],
)
def test_documents_agree_with_the_facts(text: str, kind: str, relation: str, said: str) -> None:
    facts = {
        f.subject.lower(): f.value
        for f in sample.facts()
        if (f.kind, f.relation) == (kind, relation)
    }
    sentences = re.split(r"(?<=[.”]) |\n", text)
    found = [m for s in sentences if (m := re.match(said, s))]
    if not found:
        found = list(re.finditer(said, text))
    checked = [m for m in found if m[1].lower() in facts]
    assert len(checked) > 10
    assert all(facts[m[1].lower()] == m[2] for m in checked)


def test_seeds_make_different_worlds() -> None:
    names = [{f.subject for f in sample.facts(seed) if f.kind == "city"} for seed in (0, 1)]
    assert len(names[0] & names[1]) < len(names[0]) / 2


def test_pairs_have_the_shape_of_canarim(pairs: dict[str, list[dict[str, str]]]) -> None:
    for split, found in pairs.items():
        assert Counter(p["task"] for p in found) == dict.fromkeys(
            ("qa", "summarisation", "rewriting", "classification"), PAIRS // 4
        )
        for pair in found:
            assert set(pair) == {"id", "task", "instruction", "input", "output"}
            assert pair["instruction"]
            assert pair["output"]
        assert len({p["id"] for p in found}) == PAIRS, split


def test_pairs_are_reproducible(pairs: dict[str, list[dict[str, str]]]) -> None:
    assert json.dumps(pairs["test"]) == json.dumps(list(sample.instructions(PAIRS, split="test")))
    with pytest.raises(ValueError, match="train, validation, test"):
        sample.instructions(1, split="dev")


def test_no_pair_is_in_two_splits(pairs: dict[str, list[dict[str, str]]]) -> None:
    asked = {s: {(p["instruction"], p["input"]) for p in found} for s, found in pairs.items()}
    inputs = {s: {p["input"] for p in found if p["task"] != "qa"} for s, found in pairs.items()}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert asked[one].isdisjoint(asked[other])
        assert inputs[one].isdisjoint(inputs[other])


def test_questions_ask_only_facts_of_their_split(
    pairs: dict[str, list[dict[str, str]]],
) -> None:
    of_question = {q: fact for fact in sample.facts() for q in fact.questions}
    closed = 0
    for split, found in pairs.items():
        for pair in (p for p in found if p["task"] == "qa"):
            question = next(
                pair["instruction"][i:j]
                for i in range(len(pair["instruction"]))
                for j in [pair["instruction"].rfind("?") + 1]
                if pair["instruction"][i:j] in of_question
            )
            fact = of_question[question]
            assert fact.split == split
            assert fact.answer == pair["output"]
            closed += not pair["input"]
            assert not pair["input"] or fact.value in pair["input"]
    assert 0.4 < closed / (3 * PAIRS / 4) < 0.6


def test_summaries_say_only_what_the_input_says(
    pairs: dict[str, list[dict[str, str]]],
) -> None:
    for pair in (p for found in pairs.values() for p in found if p["task"] == "summarisation"):
        assert len(pair["output"]) < len(pair["input"]) / 2
        # numbers and names of the summary stand in the input
        for token in re.findall(r"\b(?:\d[\d.,]*\d|[A-ZÀ-Ú]\w+)\b", pair["output"])[1:]:
            assert token in pair["input"], pair


def test_spelling_pairs_differ_in_case_and_punctuation_only(
    pairs: dict[str, list[dict[str, str]]],
) -> None:
    found = [
        p for p in pairs["train"] if "maiúsculas" in p["instruction"] and p["task"] == "rewriting"
    ]
    assert len(found) > 10
    for pair in found:
        assert re.findall(r"\w+", pair["output"].lower()) == re.findall(r"\w+", pair["input"])


def test_labels_are_those_that_the_instruction_offers(
    pairs: dict[str, list[dict[str, str]]],
) -> None:
    found = [p for p in pairs["train"] if p["task"] == "classification"]
    for pair in found:
        assert pair["output"][:-1] in pair["instruction"]
    assert len({p["output"] for p in found}) == 8 + 3


def test_each_task_has_eight_wordings(pairs: dict[str, list[dict[str, str]]]) -> None:
    for task in ("summarisation", "rewriting", "classification"):
        assert len({p["instruction"] for p in pairs["train"] if p["task"] == task}) >= 8
