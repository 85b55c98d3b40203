"""Items of the two benchmarks of document 003, and of any other in JSON Lines.

DoSMi-v2 has 20 micro-tasks of four kinds, the Expertise Map 40 macro-tasks of four kinds with long
contexts; both are data of the package. Of each kind one item is printed in the document and stands
here verbatim. Other benchmarks are read from files, in one of the shapes of `SHAPES`.
"""

import builtins
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import Any, Literal

from brnb import data
from brnb.text.formats import Malformed, rows_of

Kind = Literal["text", "number", "code"]

DOSMI, EXPERTISE = "dosmi_v2", "expertise_map"
BENCHMARKS = {
    DOSMI: ("qa", "sum", "code", "needle"),
    EXPERTISE: ("squad", "maths", "code", "finance"),
}
"""The benchmarks of document 003 and their kinds of tasks, short first."""

_NUMBER = re.compile(r"[-−]?\d[\d.,]*")
_CALLED = re.compile(r"(?<![.\w])([A-Za-z_]\w*)\s*\(")


@dataclass(frozen=True, slots=True)
class BenchmarkItem:
    """One task.

    Attributes
    ----------
    benchmark, task
        Keys of `BENCHMARKS`, or what a file of another benchmark is called.
    kind
        What a right answer is: a text, a number, or a program that passes tests.
    question, context
        What is asked, and the text that it is about; may be empty.
    answers
        All right answers; of a program, a solution.
    tests, entry
        Sources that raise where a program is wrong, and the function that they call.
    printed
        Whether document 003 prints the item.
    """

    id: str
    benchmark: str
    task: str
    kind: Kind
    question: str
    context: str = ""
    answers: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    entry: str = ""
    printed: bool = False

    @property
    def prompt(self) -> str:
        """The context, if there is one, and the question after it."""
        return f"{self.context}\n\n{self.question}" if self.context else self.question

    @property
    def hash(self) -> str:
        """Hash of what is asked and of what counts as right."""
        content = json.dumps([self.prompt, self.answers, self.tests], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def dosmi_v2() -> list[BenchmarkItem]:
    """The 20 micro-tasks, five of each kind."""
    rows = data.read("latency/tasks/dosmi_v2.yaml")
    return [_packaged(DOSMI, row, {}) for row in rows]


def expertise_map() -> list[BenchmarkItem]:
    """The 40 macro-tasks, ten of each kind; all but the printed ones ask about a long text."""
    content = data.read("latency/tasks/expertise_map.yaml")
    return [_packaged(EXPERTISE, row, content["contexts"]) for row in content["items"]]


def _packaged(benchmark: str, row: Mapping[str, Any], contexts: Mapping[str, str]) -> BenchmarkItem:
    answers = tuple(row["answers"])
    return BenchmarkItem(
        id=row["id"],
        benchmark=benchmark,
        task=row["task"],
        kind="code" if "tests" in row else answer_kind(answers, row["task"]),
        question=row["prompt"],
        context=contexts[row["context"]] if "context" in row else "",
        answers=answers,
        tests=tuple(row.get("tests", ())),
        entry=row.get("entry", ""),
        printed=row.get("printed", False),
    )


def answer_kind(answers: Iterable[str], task: str) -> Kind:
    """Number or text: a number if every answer is one and the task is not to name or find it."""
    numbers = all(_NUMBER.fullmatch(answer) for answer in answers)
    return "number" if numbers and task not in ("qa", "squad") else "text"


def first_of_each(items: Sequence[BenchmarkItem], count: int) -> list[BenchmarkItem]:
    """The first `count` items of every benchmark and task, in their order.

    Items about a text go before those without one, so that few of them are long tasks too.
    """
    groups: dict[tuple[str, str], list[BenchmarkItem]] = {}
    for item in sorted(items, key=lambda item: not item.context):
        groups.setdefault((item.benchmark, item.task), []).append(item)
    chosen = {item.id for group in groups.values() for item in group[:count]}
    return [item for item in items if item.id in chosen]


Fields = dict[str, Any]


def _mbpp(row: Mapping[str, Any]) -> Fields:
    """Austin et al. (2021): the tests are part of the question, since they name the function."""
    tests = list(row["test_list"])
    setup = [row["test_setup_code"]] if row.get("test_setup_code") else []
    names = (name for test in tests for name in _CALLED.findall(test))
    called = next((n for n in names if not hasattr(builtins, n) and not iskeyword(n)), "")
    question = "\n".join([row["text"], "Your code should pass these tests:", *tests])
    solution = (row["code"],) if "code" in row else ()
    code = {"kind": "code", "tests": (*setup, *tests), "entry": called}
    return {"question": question, "answers": solution, **code}


def _tatqa(row: Mapping[str, Any]) -> Fields:
    """Zhu et al. (2021): several spans are one answer, all of them in a row."""
    answer = row["answer"]
    spans = [span for span in answer if span] if isinstance(answer, list) else [answer]
    text = "; ".join(map(str, spans))
    number = row["answer_type"] in ("arithmetic", "count")
    return {
        "question": row["question"],
        "context": row["context"],
        "answers": (text,),
        "kind": "number" if number else "text",
    }


def _question(row: Mapping[str, Any]) -> Fields:
    """Questions with an answer or several, as texts or as SQuAD has them (FaQuAD, GSM8K, ours)."""
    given = row.get("final", row.get("answers", row.get("answer")))
    given = given["text"] if isinstance(given, Mapping) else given
    answers = tuple(dict.fromkeys(given if isinstance(given, list) else [given]))
    fields = {"question": row["question"], "context": row.get("context") or "", "answers": answers}
    return fields | ({"kind": "number"} if "final" in row else {})


SHAPES: dict[frozenset[str], Callable[[Mapping[str, Any]], Fields]] = {
    frozenset({"text", "test_list"}): _mbpp,
    frozenset({"question", "context", "answer", "answer_type"}): _tatqa,
    frozenset({"question", "final"}): _question,
    frozenset({"question", "answers"}): _question,
    frozenset({"question", "answer"}): _question,
}
"""Fields that a record must have, and how an item is made of it."""


def read_benchmark(path: Path, split: str | None = None) -> list[BenchmarkItem]:
    """All items of a benchmark in JSON Lines, called as its file is.

    Parameters
    ----------
    path
        ``.jsonl`` or ``.jsonl.gz``.
    split
        Only records with this ``split``; by default all.

    Raises
    ------
    ValueError
        Another format; a record that is damaged, not of any of `SHAPES`, with an empty question,
        no answer, an answer that is no text or number, or an id that came before; no item at all.
        Names file and line.
    """
    if not path.name.lower().endswith((".jsonl", ".jsonl.gz")):
        raise ValueError(f"{path}: benchmarks are JSON Lines; give a .jsonl or .jsonl.gz file")
    items: dict[str, BenchmarkItem] = {}
    for line, row in rows_of(path):
        where = f"{path}:{line}"
        if isinstance(row, Malformed):
            raise ValueError(f"{where}: {row.reason}")
        if split is not None and row.get("split") != split:
            continue
        item = _item(row, path.name.split(".")[0], where)
        if item.id in items:
            raise ValueError(f"{where}: id {item.id!r} came before; give each item its own")
        items[item.id] = item
    if not items:
        raise ValueError(f"{path}: no item{f' of split {split!r}' if split else ''} in it")
    return list(items.values())


def _item(row: Mapping[str, Any], benchmark: str, where: str) -> BenchmarkItem:
    shape = next((names for names in SHAPES if names <= row.keys()), None)
    if shape is None:
        known = "; ".join(", ".join(sorted(names)) for names in SHAPES)
        raise ValueError(f"{where}: the record needs the fields of one of: {known}")
    try:
        fields = SHAPES[shape](row)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{where}: {_message(error)}") from None
    answers = fields["answers"]
    if not all(isinstance(x, str | int | float) and not isinstance(x, bool) for x in answers):
        raise ValueError(f"{where}: answers must be texts or numbers")
    fields["answers"] = texts = tuple(str(answer).strip() for answer in answers)
    if not isinstance(fields["question"], str) or not fields["question"].strip():
        raise ValueError(f"{where}: the question is empty or not a text")
    if not isinstance(fields.get("context", ""), str):
        raise ValueError(f"{where}: the context must be a text")
    tests = fields.get("tests", ())
    if not all(isinstance(test, str) for test in tests):
        raise ValueError(f"{where}: tests must be texts")
    if not tests and not any(texts):
        raise ValueError(f"{where}: one answer or test is due")
    fields.setdefault("kind", answer_kind(texts, "qa"))
    key = next((row[name] for name in ("id", "task_id") if name in row), where)
    return BenchmarkItem(id=str(key), benchmark=benchmark, task=benchmark, **fields)


def _message(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no field {error}"
    return f"a field is of another type than its shape's: {error}"
