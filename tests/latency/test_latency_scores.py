"""What counts as a right answer, by the published rule and by stricter ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.latency.items import BenchmarkItem
from brnb.latency.scores import best, program, readings, same_number, score
from brnb.sandbox.execute import Execution


def item(kind, *answers, **fields):
    return BenchmarkItem("0", "dosmi_v2", "t", kind, "Q?", answers=answers, **fields)


@pytest.mark.parametrize(("kind", "reference", "answer", "substring", "checked"), [
    ("number", "80", "São 1.802 casas", True, False),  # 80 stands in 1.802
    ("number", "80", "O resultado é oitenta: 80.", True, True),
    ("number", "3.5", "A viagem durou 3,5 horas", False, True),
    ("number", "11520", "São 11.520 pés", False, True),
    ("number", "42", "não sei", False, False),
    ("text", "Júpiter", "É JUPITER.", False, True),
    ("text", "Miguel de Cervantes", "Foi o Miguel de Cervantes Saavedra", True, True),
    ("text", "SAC", "saca de café", False, False),
    ("text", "Aurora", "auroras", False, False),
])  # fmt: skip
def test_scores(kind, reference, answer, substring, checked):
    scores = score(item(kind, reference), answer)
    assert scores["substring"] is substring
    assert best(scores) is checked
    assert scores["code"] is None


def test_any_of_several_answers_is_right():
    two = item("text", "Fundo Garantidor de Créditos", "FGC")
    assert best(score(two, "o fgc, claro"))


def test_code_is_not_run_unless_it_may_be():
    task = item("code", "def f(x):\n    return x", tests=("assert f(1) == 1",), entry="f")
    right = "def f(x):\n    return x"
    assert score(task, right)["code"] is None
    assert best(score(task, right)) is True  # as published
    seen = []

    def execute(source, tests):
        seen.append((source, tests))
        return Execution("failed")

    assert best(score(task, right, execute)) is False
    assert seen == [(right, ("assert f(1) == 1",))]


@pytest.mark.parametrize(("answer", "source"), [
    ("Claro!\n```python\ndef f(x):\n    return x\n```\nPronto.", "def f(x):\n    return x"),
    ("def f(x):\n    return x\n\nEssa função devolve x.", "def f(x):\n    return x\n"),
    ("import re\ndef f(x):\n    return x\ndef g(:", "import re\ndef f(x):\n    return x"),
    ("def outro(x):\n    return x", "def outro(x):\n    return x\nf = outro"),
    ("não sei", ""),
    ("```\n", ""),
])  # fmt: skip
def test_the_program_in_an_answer(answer, source):
    assert program(answer, "f") == source


@pytest.mark.parametrize(("text", "values"), [
    ("1.234,56", {1234.56}), ("1,234.56", {1234.56}), ("1.234", {1.234, 1234.0}),
    ("3,5", {3.5}), ("−7", {-7.0}), ("abc", set()), ("10", {10.0}),
])  # fmt: skip
def test_numbers_in_both_notations(text, values):
    assert readings(text) == values


@given(st.integers(-(10**9), 10**9))
def test_a_number_is_itself_however_it_is_written(n):
    assert same_number(str(n), f"A conta dá {n}.")
    assert same_number(str(n), f"{n:,}")
    assert same_number(str(n), f"{n:,}".replace(",", "."))


@given(st.text())
def test_any_text_is_an_answer(answer):
    for kind in ("text", "number", "code"):
        best(score(item(kind, "80"), answer))
    program(answer)
