"""The two benchmarks as data, checked by hand and by running them, and benchmarks from files."""

import json
from collections import Counter

import pytest

from brnb.latency.items import dosmi_v2, expertise_map, first_of_each, read_benchmark

ALL = [*dosmi_v2(), *expertise_map()]

PRINTED = {
    "Quem escreveu Dom Quixote?": "Miguel de Cervantes",
    "Quanto é 23 + 57?": "80",
    "Escreva uma função Python que retorna o quadrado de x.": "def quadrado(x):\n    return x**2",
    "No texto 'abc token 42 xyz', qual número vem após a palavra token?": "42",
    "Quem pintou a Mona Lisa?": "Leonardo da Vinci",
    "Um trem parte às 10h e chega às 13h30. Quantas horas durou a viagem?": "3.5",
    "Implemente uma função que calcula o fatorial de n.": (
        "def fatorial(n):\n    return 1 if n==0 else n*fatorial(n-1)"
    ),
    "O que é o CDI?": "Certificado de Depósito Interbancário",
}


def test_there_are_five_and_ten_of_each_kind():
    counts = Counter((item.benchmark, item.task) for item in ALL)
    short = {("dosmi_v2", task): 5 for task in ("qa", "sum", "code", "needle")}
    long = {("expertise_map", task): 10 for task in ("squad", "maths", "code", "finance")}
    assert counts == short | long
    assert len({item.id for item in ALL}) == len({item.hash for item in ALL}) == 60


def test_the_eight_printed_items_are_verbatim():
    printed = [item for item in ALL if item.printed]
    assert {item.prompt: item.answers[0] for item in printed} == PRINTED


def test_macrotasks_have_long_contexts():
    words = [len(item.context.split()) for item in expertise_map() if not item.printed]
    assert len(words) == 36
    assert min(words) >= 240
    assert max(len(item.prompt.split()) for item in dosmi_v2()) < 25


def test_answers_about_a_text_stand_in_it():
    for item in expertise_map():
        if item.task == "squad" and item.context:
            assert item.answers[0] in item.context, item.id
    for item in dosmi_v2():
        if item.task == "needle":
            assert item.answers[0] in item.question, item.id


def test_numbers_are_right():
    by_hand = {
        "dosmi-sum-2": 144 / 12, "dosmi-sum-3": 0.15 * 240, "dosmi-sum-4": 17 * 6,
        "dosmi-sum-5": 1000 - 365,
        "expertise-maths-2": 140 * 3 - 60 - 36 / 4 * 6,
        "expertise-maths-3": 16 * 25 * 4 * 9 * 0.8,
        "expertise-maths-4": 27_000 / 1_800,
        "expertise-maths-5": 8_400 + 650 + 290 - 340,
        "expertise-maths-6": 40 * 24 * 0.75 * 4 * 0.6,
        "expertise-maths-7": 6 * 32 / 2 * 15,
        "expertise-maths-8": 390 + 3 * 70 + 3 * 40 * 0.5 + 2 * 45,
        "expertise-maths-9": 60 * 3 + 45 * 5,
        "expertise-maths-10": 60 * 2 * 36 + 45 * 3 * 40,
        "expertise-finance-4": 10 * (1 - 0.15),
        "expertise-finance-7": 2_000 * 1.1**2,
        "expertise-finance-8": 480 - 312 - 96 - 18 - 14,
        "expertise-finance-9": 228 - 60,
    }  # fmt: skip
    answers = {item.id: item.answers[0].replace(",", ".") for item in ALL}
    for id, value in by_hand.items():
        assert float(answers[id]) == pytest.approx(value), id


def test_every_solution_passes_its_tests_and_an_empty_one_does_not():
    programs = [item for item in ALL if item.kind == "code"]
    assert len(programs) == 15
    for item in programs:
        names = {}
        exec("\n".join([item.answers[0], *item.tests]), names)
        assert item.entry in names
        with pytest.raises((AssertionError, NameError, TypeError)):
            exec("\n".join([f"def {item.entry}(*x): return 'nada'", *item.tests]), {})


def test_a_smaller_benchmark_has_the_first_of_each_kind():
    assert [i.id for i in first_of_each(dosmi_v2(), 1)] == [
        "dosmi-qa-1", "dosmi-sum-1", "dosmi-code-1", "dosmi-needle-1",
    ]  # fmt: skip
    assert first_of_each(ALL, 10) == ALL
    assert all(item.context for item in first_of_each(expertise_map(), 3))


def write(tmp_path, *rows):
    path = tmp_path / "other.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_benchmarks_of_other_shapes_are_read_whole(tmp_path):
    rows = [
        {"id": "g", "question": "2 + 2?", "answer": "It is 4\n#### 4", "final": "4"},
        {"task_id": 7, "text": "Write f.", "test_list": ["assert int(f(2)) == 4"],
         "test_setup_code": "import math", "code": "f = lambda x: x * x"},
        {"id": "s", "question": "Who?", "context": "c", "answers": {"text": ["a", "a", "b"]}},
        {"id": "t", "question": "Q?", "context": "c", "answer": ["x", "y", ""],
         "answer_type": "multi-span"},
        {"id": "u", "question": "Q?", "context": "c", "answer": -12.6, "answer_type": "arithmetic"},
    ]  # fmt: skip
    number, code, text, spans, minus = read_benchmark(write(tmp_path, *rows))
    assert (number.kind, number.answers) == ("number", ("4",))
    assert (code.id, code.kind, code.entry) == ("7", "code", "f")
    assert code.tests == ("import math", "assert int(f(2)) == 4")
    assert "assert int(f(2)) == 4" in code.question
    assert (text.kind, text.answers, text.prompt) == ("text", ("a", "b"), "c\n\nWho?")
    assert (spans.kind, spans.answers) == ("text", ("x; y",))
    assert (minus.kind, minus.answers) == ("number", ("-12.6",))
    assert {item.benchmark for item in (number, code)} == {"other"}


def test_a_split_can_be_chosen(tmp_path):
    rows = [{"id": s, "question": "Q?", "answer": "a", "split": s} for s in ("train", "test")]
    assert [item.id for item in read_benchmark(write(tmp_path, *rows), "test")] == ["test"]
    with pytest.raises(ValueError, match=r"no item of split 'dev' in it"):
        read_benchmark(write(tmp_path, *rows), "dev")


@pytest.mark.parametrize(("row", "message"), [
    ({"question": "Q?"}, "needs the fields of one of"),
    ({"question": "", "answer": "a"}, "question is empty"),
    ({"question": "Q?", "answer": None}, "answers must be texts or numbers"),
    ({"question": "Q?", "answer": []}, "one answer or test is due"),
    ({"question": "Q?", "answers": {"texto": []}}, "no field 'text'"),
    ({"text": "Write f.", "test_list": 3}, "another type"),
    ({"text": "Write f.", "test_list": [3]}, "another type"),
    ({"question": "Q?", "answer": "a", "context": 3}, "context must be a text"),
    ({"id": "0", "question": "Q?", "answer": "a"}, "id '0' came before"),
])  # fmt: skip
def test_a_bad_record_is_named_by_file_and_line(tmp_path, row, message):
    path = write(tmp_path, {"id": "0", "question": "Q?", "answer": "a"}, row)
    with pytest.raises(ValueError, match=rf"other\.jsonl:2: .*{message}"):
        read_benchmark(path)


def test_a_bad_file_is_named(tmp_path):
    (tmp_path / "x.csv").write_text("a,b")
    with pytest.raises(ValueError, match=r"x\.csv: benchmarks are JSON Lines"):
        read_benchmark(tmp_path / "x.csv")
    (tmp_path / "y.jsonl").write_bytes(b'{"question": "A\xe7", "answer": "a"}\n')
    with pytest.raises(ValueError, match=r"y\.jsonl:1: invalid UTF-8"):
        read_benchmark(tmp_path / "y.jsonl")
    (tmp_path / "z.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"z\.jsonl: no item"):
        read_benchmark(tmp_path / "z.jsonl")
