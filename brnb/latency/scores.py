"""Whether an answer is right: as published, and by what each kind of task can be checked with.

``substring``
    As document 003: the expected text stands in the answer, letter for letter.
``normalised``
    The words of an expected answer stand together in the answer, without case, accents,
    punctuation and articles.
``number``
    The last number of the answer is the expected one, as GSM8K is scored (Cobbe et al., 2021).
``code``
    The program in the answer passes its tests, in a sandbox; only where execution is allowed.
"""

import ast
import re
from collections.abc import Callable
from math import isclose

from brnb.evaluate.text_metrics import FORMS
from brnb.latency.items import BenchmarkItem
from brnb.sandbox.execute import Execution

SCORES = ("substring", "normalised", "number", "code")
Execute = Callable[[str, tuple[str, ...]], Execution]

_NUMBER = re.compile(r"[-−]?\d(?:[\d.,]*\d)?")
_FENCED = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)(?:```|\Z)", re.S)
_BEGINS = re.compile(r"^(?:def|import|from|class|async def|@)\b|^@", re.M)


def score(
    item: BenchmarkItem, answer: str, execute: Execute | None = None
) -> dict[str, bool | None]:
    """By name of `SCORES`, whether the answer is right; None where the score does not apply.

    Parameters
    ----------
    item, answer
        The task, and what a model wrote.
    execute
        Runs a program against tests (`brnb.sandbox.execute.execute`); None runs nothing.
    """
    scores: dict[str, bool | None] = dict.fromkeys(SCORES)
    scores["substring"] = any(reference in answer for reference in item.answers)
    if item.kind == "text":
        scores["normalised"] = any(_stands_in(reference, answer) for reference in item.answers)
    elif item.kind == "number":
        scores["number"] = any(same_number(reference, answer) for reference in item.answers)
    elif execute is not None:
        scores["code"] = execute(program(answer, item.entry), item.tests).result == "passed"
    return scores


def best(scores: dict[str, bool | None]) -> bool:
    """The strictest score that applies: of numbers, texts and programs their own, else as
    published."""
    checked = [scores[name] for name in ("number", "normalised", "code")]
    return bool(next((right for right in checked if right is not None), scores["substring"]))


def _stands_in(reference: str, answer: str) -> bool:
    expected, said = (FORMS["pt_folded"](text).answer for text in (reference, answer))
    n = len(expected)
    return n > 0 and any(said[i : i + n] == expected for i in range(len(said) - n + 1))


def same_number(reference: str, answer: str) -> bool:
    """Whether the last number of an answer is the reference, in Brazilian or English notation.

    ``1.234`` may be either; it is right if one reading is.
    """
    written = _NUMBER.findall(answer)
    wanted = readings(reference)
    return bool(written) and any(
        isclose(a, b, rel_tol=1e-6, abs_tol=1e-9) for a in readings(written[-1]) for b in wanted
    )


def readings(text: str) -> set[float]:
    """What a written number can mean: ``1.234,5`` one thing, ``1.234`` two, no number nothing."""
    plain = text.replace("−", "-").strip()
    values = set()
    for thousands, decimal in ((".", ","), (",", ".")):
        whole = rf"-?(?:\d{{1,3}}(?:\{thousands}\d{{3}})+|\d+)"
        if re.fullmatch(rf"{whole}(?:\{decimal}\d+)?", plain):
            values.add(float(plain.replace(thousands, "").replace(decimal, ".")))
    return values


def program(answer: str, entry: str = "") -> str:
    """The Python in an answer: its first fenced block, or what follows the first definition.

    Lines after the last one that parses are cut, as a base model goes on writing. If the tests
    call a function that the program does not have and it defines only one, that one takes the
    name: the printed tasks name none.
    """
    fenced = _FENCED.search(answer)
    text = fenced[1] if fenced else answer
    begin = _BEGINS.search(text)
    lines = text[begin.start() if begin else 0 :].splitlines()
    while lines and (tree := _parsed("\n".join(lines))) is None:
        lines.pop()
    if not lines or tree is None:
        return ""
    names = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    alias = f"\n{entry} = {names[0]}" if entry and len(names) == 1 and entry not in names else ""
    return "\n".join(lines) + alias


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
