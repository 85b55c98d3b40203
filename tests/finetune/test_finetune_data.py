"""Documents and pairs: drawn by content, split by content, and nothing on both sides."""

import json
import random

import pytest
from track2_values import CPT, SFT

from brnb.finetune import data
from brnb.finetune.pairs import draw_pairs
from brnb.finetune.params import CptParams, SftParams
from brnb.text.finished import Document
from brnb.text.pairs import Pair


def sentence(n):
    words = random.Random(n).choices(
        ["água", "casa", "rio", "monte", "sol", "lua", "pedra", "fogo", "vento", "mar"], k=30
    )
    return f"Documento {n}: {' '.join(words)}."


def row(n, **changes):
    return {
        "instruction": f"Responda à pergunta {n}.",
        "input": sentence(n),
        "output": f"R{n}",
    } | changes


def write(path, rows):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return str(path)


def sft(source, **changes):
    return SftParams(**(SFT | {"instructions": source} | changes))


def inputs(items):
    return [pair.input for pair in items]


@pytest.fixture
def corpus(tmp_path):
    """A finished corpus of 20 training and 5 validation documents; one stands on both sides."""
    (tmp_path / "v6").mkdir()
    near = sentence(100).replace(".", ", e mais nada.")
    texts = {
        "train": [*map(sentence, range(19)), near],
        "validation": map(sentence, range(100, 105)),
    }
    for split, found in texts.items():
        rows = [
            {"doc_id": f"{split}{n}", "title": "", "text": text} for n, text in enumerate(found)
        ]
        write(tmp_path / "v6" / f"{split}.jsonl", rows)
    (tmp_path / "report.json").write_text("{}")
    return tmp_path


def test_documents_that_stand_in_validation_are_not_trained_on(corpus):
    everything = CptParams(**(CPT | {"documents": None, "validation_documents": None}))
    found = data.draw_documents(corpus, everything)
    assert found.removed == {"overlap_validation": 0, "overlap_train": 1}
    assert {d.text for d in found.train} == set(map(sentence, range(19)))
    assert len(found.validation) == 5
    assert found.test == []


def test_what_the_base_has_not_seen_is_of_the_validation_split_alone(corpus):
    params = CptParams(
        **(CPT | {"documents_from": "validation", "documents": None, "validation_documents": 2})
    )
    found = data.draw_documents(corpus, params)
    everything = {d.text for d in (*found.train, *found.validation)}
    assert (len(found.train), len(found.validation)) == (3, 2)
    assert len(everything) == 5
    assert not everything & set(map(sentence, range(19)))
    with pytest.raises(ValueError, match="set validation_documents to a number"):
        CptParams(**(CPT | {"documents_from": "validation", "validation_documents": None}))


def test_pairs_that_the_base_was_tuned_on_are_not_drawn(tmp_path):
    source = write(tmp_path / "pairs.jsonl", [row(n) for n in range(40)])
    first = draw_pairs(sft(source, pairs=10, seed=1))
    before = [pair.text for split in (first.train, first.validation, first.test) for pair in split]
    nearly = before[0] + " Agora."
    rest = draw_pairs(sft(source, pairs=None), [*before[:9], nearly, before[9]])
    drawn = {pair.text for split in (rest.train, rest.validation, rest.test) for pair in split}
    assert rest.removed["read_by_base"] == 10
    assert not drawn & set(before)
    assert len(drawn) == 30
    same = draw_pairs(sft(source, pairs=None), [nearly])  # near-duplicates go as well
    lost = sum(same.removed[f"overlap_{split}"] for split in ("train", "validation", "test"))
    assert lost == 1


def test_the_draw_depends_on_seed_and_texts_but_not_on_their_order(corpus):
    def drawn(seed):
        found = data.draw_documents(corpus, CptParams(**(CPT | {"seed": seed})))
        return [d.text for d in found.train], [d.text for d in found.validation]

    first = drawn(3)
    lines = (corpus / "v6/train.jsonl").read_text("utf-8").splitlines(keepends=True)
    (corpus / "v6/train.jsonl").write_text("".join(reversed(lines)), "utf-8")
    assert drawn(3) == first != drawn(4)
    assert len(first[1]) == 3


def test_a_larger_draw_holds_the_smaller_one(corpus):
    few, many = (
        data.draw_documents(corpus, CptParams(**(CPT | {"documents": n}))).train for n in (5, 10)
    )
    assert {d.text for d in few} <= {d.text for d in many}


def test_fewer_documents_than_asked_for_is_an_error(corpus):
    with pytest.raises(ValueError, match="asked for 99, there are 20: train split of the corpus"):
        data.draw_documents(corpus, CptParams(**(CPT | {"documents": 99})))


def test_pairs_are_split_eighty_ten_ten(tmp_path):
    source = write(tmp_path / "pairs.jsonl", [row(n) for n in range(150)])
    found = draw_pairs(sft(source, pairs=100))
    assert [len(found.train), len(found.validation), len(found.test)] == [80, 10, 10]
    every = inputs(found.train + found.validation + found.test)
    assert len(set(every)) == 100
    assert set(found.removed.values()) == {0}


def test_what_is_left_out_is_counted(tmp_path):
    rows = [row(n) for n in range(60)]
    rows += [row(0), row(1, output="outra resposta"), row(2, instruction="RESPONDA À PERGUNTA 2.")]
    rows += [row(70, output=" "), row(71, output="")]
    found = draw_pairs(sft(write(tmp_path / "pairs.jsonl", rows), pairs=None))
    assert found.removed["duplicate_prompt"] == 3
    assert found.removed["empty_answer"] == 2
    assert len(found.train + found.validation + found.test) == 60


def test_nearly_the_same_prompt_stays_on_one_side_only(tmp_path):
    rows = [row(n) for n in range(40)]
    twins = [row(n, instruction=f"Responda à pergunta {n}, já.") for n in range(40)]
    source = write(tmp_path / "pairs.jsonl", rows + twins)
    found = draw_pairs(sft(source, pairs=None, near_duplicate=0.7))
    sides = [set(inputs(s)) for s in (found.train, found.validation, found.test)]
    assert sides[0].isdisjoint(sides[1] | sides[2])
    assert sides[1].isdisjoint(sides[2])
    lost = found.removed["overlap_train"] + found.removed["overlap_validation"]
    assert lost == 80 - len(found.train + found.validation + found.test) > 0
    assert len(found.test) == 8


def test_the_order_of_the_file_does_not_matter(tmp_path):
    rows = [row(n) for n in range(50)]
    first = draw_pairs(sft(write(tmp_path / "a.jsonl", rows), pairs=30))
    other = draw_pairs(sft(write(tmp_path / "b.jsonl", rows[::-1]), pairs=30))
    for split in ("train", "validation", "test"):
        assert inputs(getattr(first, split)) == inputs(getattr(other, split))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"instruction": "a", "output": "b"', r"pairs.jsonl:2: invalid JSON"),
        ('{"input": "a", "output": "b"}', r"pairs.jsonl:2: instruction missing or not a text"),
        ('{"instruction": "a"}', r"pairs.jsonl:2: output missing or not a text"),
        ('{"instruction": "a", "output": ["b"]}', r"pairs.jsonl:2: output missing or not a text"),
        ('{"instruction": "\\ud83d", "output": "b"}', r"pairs.jsonl:2: lone surrogate"),
    ],
)
def test_a_bad_record_is_named_by_file_and_line(tmp_path, line, message):
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(row(1)) + "\n" + line + "\n", "utf-8")
    with pytest.raises(ValueError, match=message):
        draw_pairs(sft(str(path)))


def test_the_sample_comes_with_splits_that_hold_out_its_facts():
    found = draw_pairs(sft("sample", pairs=200))
    assert (
        len(found.train) + found.removed["overlap_train"] + found.removed["duplicate_prompt"] >= 160
    )
    questions = [{p.text for p in s} for s in (found.train, found.validation, found.test)]
    assert questions[0].isdisjoint(questions[1] | questions[2])
    assert [p.key for p in draw_pairs(sft("sample", pairs=200)).train] == [
        p.key for p in found.train
    ]


def test_splits_are_read_back_as_they_were_written(tmp_path, corpus):
    pairs = draw_pairs(sft("sample"))
    assert [p.name for p in pairs.write(tmp_path / "p")] == [
        "train.jsonl", "validation.jsonl", "test.jsonl"
    ]  # fmt: skip
    assert data.read_split(tmp_path / "p", "test", Pair) == pairs.test
    documents = data.draw_documents(corpus, CptParams(**CPT))
    assert [p.name for p in documents.write(tmp_path / "d")] == ["train.jsonl", "validation.jsonl"]
    assert data.read_split(tmp_path / "d", "train", Document) == documents.train
