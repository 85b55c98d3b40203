"""Tasks of lm-evaluation-harness from local files: templates as it reads them, its accuracies."""

import json

import pytest

from brnb.extrinsic import benchmarks, harness
from brnb.extrinsic.benchmarks import (
    Benchmark,
    HarnessItem,
    mark_benchmark,
    read_harness_task,
    read_harness_tasks,
    task_files,
)
from brnb.extrinsic.probes import read_probes

ARC = {
    "question": "Qual é a capital do Brasil?",
    "choices": {"text": ["Rio", "Brasília"], "label": ["A", "B"]},
    "answerKey": "B",
}
TEMPLATES = {
    "doc_to_text": "Pergunta: {{question}}\nResposta:",
    "doc_to_choice": "{{choices.text}}",
    "doc_to_target": "{{choices.label.index(answerKey)}}",
}


@pytest.fixture
def write(tmp_path):
    def write(rows=(ARC,), **changes):
        (tmp_path / "data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        task = {"task": "arc", "output_type": "multiple_choice", "dataset_path": "json"}
        task |= {"dataset_kwargs": {"data_files": {"test": "data.jsonl"}}, "test_split": "test"}
        (tmp_path / "arc.yaml").write_text(json.dumps(task | TEMPLATES | changes))
        return str(tmp_path / "arc.yaml")

    return write


CAPITAL = HarnessItem("Pergunta: Qual é a capital do Brasil?\nResposta:", ("Rio", "Brasília"), 1)


def test_templates_are_rendered_as_the_harness_does(write):
    task = read_harness_task(write())
    assert task == Benchmark("arc", (CAPITAL,))
    assert task.chance == 0.5


@pytest.mark.parametrize("changes", [
    {"doc_to_choice": ["Rio", "Brasília"], "doc_to_target": 1},
    {"doc_to_choice": {"a": "Rio", "b": "Brasília"}, "doc_to_target": 1},
    {"doc_to_choice": "{{['Rio', 'Brasília']}}", "doc_to_target": "Brasília"},
])  # fmt: skip
def test_options_and_target_in_every_form_of_the_task_guide(write, changes):
    assert read_harness_task(write(**changes)).items == (CAPITAL,)


def test_a_description_and_the_last_line_break_are_part_of_what_is_asked(write):
    """The harness renders with ``keep_trailing_newline`` and puts the description first."""
    told = {"description": "Sobre {{answerKey}}.\n\n", "doc_to_text": "{{question}}\n"}
    (item,) = read_harness_task(write(**told)).items
    assert item.context == "Sobre B.\n\nQual é a capital do Brasil?\n"


@pytest.mark.parametrize(("target", "right"), [("{{gold}}", 1), ("gold", 0), ("{{1 - 1}}", 0)])
def test_digits_of_a_template_are_an_index_and_those_of_a_column_a_text(write, target, right):
    """As ``doc_to_target`` of the harness has it: options may be numbers themselves."""
    task = write([{"question": "2 - 1?", "gold": "1"}], doc_to_choice=["1", "0"],
                 doc_to_target=target)  # fmt: skip
    assert read_harness_task(task).items[0].right == right


def test_a_column_is_named_without_braces_and_the_delimiter_is_the_tasks(write):
    row = {"inicio": "Nós", "fins": ["vamos", "vai"], "certa": 0}
    columns = {"doc_to_text": "inicio", "doc_to_choice": "fins", "doc_to_target": "certa"}
    task = read_harness_task(write([row], **columns, target_delimiter=""))
    assert task == Benchmark("arc", (HarnessItem("Nós", ("vamos", "vai"), 0),), "")


def test_tasks_that_we_write_for_the_harness_are_read_back(tmp_path):
    questions = read_probes()[:7]
    harness.write_tasks(tmp_path, [], questions, 8)
    task = read_harness_task(str(tmp_path / "brnb_probes.yaml"))
    told = [(f"{q.prompt}", q.options, q.right) for q in questions]
    assert [(one.context, one.options, one.right) for one in task.items] == told


def test_the_embedded_task_is_told_by_agreement_alone():
    task = read_harness_task("sample")
    assert (task.name, len(task.items), task.chance) == ("concordancia", 20, 0.5)
    assert {one.right for one in task.items} == {0}
    assert all(len({*one.options}) == 2 for one in task.items)
    assert task_files("sample") == []


def test_acc_is_of_the_sum_and_acc_norm_a_character(monkeypatch):
    options = ("sim", "certamente"), ("a", "bb")
    task = Benchmark("t", tuple(HarnessItem("c", pair, 1) for pair in options))
    nats = {" sim": 3.0, " certamente": 5.0, " a": 1.0, " bb": 3.0}
    said = lambda model, tokenizer, texts, batch: [nats[text] for _, text in texts]  # noqa: E731
    monkeypatch.setattr(benchmarks, "option_nats", said)
    marks = mark_benchmark(None, None, task)
    # 3 < 5 and 1 < 3: none by sum; 3/3 > 5/10 but 1/1 < 3/2: one by character
    assert (marks.acc.successes, marks.acc_norm.successes, marks.acc.trials) == (0, 1, 2)


@pytest.mark.parametrize(("changes", "said"), [
    ({"output_type": "generate_until"}, "this reads multiple_choice of local json"),
    ({"dataset_path": "allenai/ai2_arc"}, "dataset_path 'allenai/ai2_arc'"),
    ({"process_docs": "utils.process"}, "process_docs: not read here"),
    ({"doc_to_text": "{{pergunta}}"}, r"data\.jsonl:1: does not fit.*'pergunta' is undefined"),
    ({"doc_to_target": 2}, "the right option is number 2 of 2"),
    ({"doc_to_target": "question"}, "the right option 'Qual é a capital do Brasil.' is none of"),
    ({"doc_to_choice": ["só"]}, "two or more"),
    ({"doc_to_text": "{{range(9999999)}}"}, "does not fit"),
    ({"gen_prefix": "A capital é"}, "gen_prefix: not read here"),
    ({"doc_to_text": "{{question.__class__.mro()}}"}, "unsafe"),
    ({"dataset_kwargs": {}}, "name one file of the test split"),
    ({"dataset_kwargs": "data.jsonl"}, "name one file of the test split"),
])  # fmt: skip
def test_what_would_ask_something_else_is_refused(write, changes, said):
    with pytest.raises(ValueError, match=said):
        read_harness_task(write(**changes))


def test_missing_and_empty_files_are_named(write, tmp_path):
    task = write(dataset_kwargs={"data_files": {"test": "other.jsonl"}})
    with pytest.raises(FileNotFoundError, match=r"other\.jsonl: no such file; arc\.yaml names it"):
        task_files(task)
    with pytest.raises(ValueError, match=r"data\.jsonl: no documents"):
        read_harness_task(write(rows=[]))
    (tmp_path / "arc.yaml").write_text("doc_to_text: !function utils.text\n")
    with pytest.raises(ValueError, match="function"):
        read_harness_task(str(tmp_path / "arc.yaml"))


def test_two_tasks_of_one_name_are_refused(write):
    with pytest.raises(ValueError, match="concordancia: one name for several tasks"):
        read_harness_tasks(["sample", "sample"])
    assert [task.name for task in read_harness_tasks(["sample", write()])] == [
        "concordancia",
        "arc",
    ]
