"""The register against the repository: every number has an entry, and every entry is true."""

import ast
import inspect
import json
from functools import cache
from pathlib import Path

import pytest

from brnb.theory.register import EQUATION_COUNTS, Entry, entries, resolve

ROOT = Path(__file__).parents[2]
PRINTERS = {"brnb.theory.equations", "brnb.theory.thesis_tables"}  # print what formulas give


def test_335_equations_are_numbered():
    assert sum(EQUATION_COUNTS.values()) == 335


@pytest.mark.parametrize("part", EQUATION_COUNTS)
def test_every_number_has_an_entry_that_resolves(part):
    for entry in entries(part).values():
        for name in entry.functions:
            assert resolve(name) is not None


@pytest.mark.parametrize("part", EQUATION_COUNTS)
def test_every_test_of_the_register_is_there(part):
    for entry in entries(part).values():
        if entry.test:
            file, name = entry.test.split("::")
            assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), entry.number


@pytest.mark.parametrize("part", EQUATION_COUNTS)
def test_every_function_is_cited_by_its_chapter(part):
    for entry in entries(part).values():
        if entry.cell and (ROOT / "notebooks" / f"{entry.cell}.ipynb").is_file():
            cited = _names_of(entry.cell)
            for function in entry.functions:
                assert function.rsplit(".", 1)[1] in cited, f"{entry.number}: {function}"


@cache
def _names_of(cell: str) -> frozenset[str]:
    """Identifiers in a notebook's code, in its chapter modules and in the printers they import."""
    notebook = json.loads((ROOT / "notebooks" / f"{cell}.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    trees = [ast.parse("\n".join(cells))]
    trees += [_module(name) for name in _imported(trees[0]) if name.startswith("brnb.chapters.")]
    together = {name for tree in trees for name in _imported(tree)}
    trees += [_module(name) for name in sorted(together & PRINTERS)]
    return frozenset(name for tree in trees for name in _identifiers(tree))


def _module(name: str) -> ast.Module:
    return ast.parse((ROOT / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8"))


def _imported(tree: ast.Module) -> set[str]:
    """Modules of brnb that are imported, as a whole or in part."""
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
    names |= {str(node.module) for node in froms}
    return {name for name in names if (ROOT / f"{name.replace('.', '/')}.py").is_file()}


def _identifiers(tree: ast.Module) -> set[str]:
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return names | {a.name for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names}


# What may be below 0: scores, losses, gradients and weights are no sizes.
SIGNED = {
    "axis", "codes", "gradient", "loss", "low", "m1", "m2", "offset", "performance", "scores",
    "starts", "values", "weights", "x1", "x2", "zero",
}  # fmt: skip


def test_no_formula_takes_a_negative_size():
    """Every function of the register that numbers suffice for, one argument after the other."""
    names = {
        name for part in EQUATION_COUNTS for e in entries(part).values() for name in e.functions
    }
    tried, taken = 0, []
    for name in sorted(names - {"brnb.theory.data_parallel.sgd_step"}):  # its parameters have signs
        values = _plausible(name)
        for argument in (a for a, value in values.items() if type(value) in (int, float)):
            if argument not in SIGNED:
                tried += 1
                taken += [] if _refuses(name, values, argument) else [f"{name}: {argument}"]
    assert tried > 400
    assert taken == []


def _refuses(name: str, values: dict[str, object], argument: str) -> bool:
    """Whether a formula says which argument is below 0."""
    try:
        resolve(name)(**values | {argument: -1})
    except ValueError as error:
        return argument in str(error)
    return False


def _plausible(name: str) -> dict[str, object]:
    """Arguments that a formula takes; none if it takes more than numbers and a format."""
    formula = resolve(name)
    if not inspect.isfunction(formula):
        return {}
    values: dict[str, object] = {}
    for parameter in inspect.signature(formula).parameters.values():
        share = any(word in parameter.name for word in ("fraction", "utiliz", "load"))
        usual = "fp16" if parameter.name == "dtype" else 0.5 if share else 8
        given = parameter.default is not inspect.Parameter.empty
        values[parameter.name] = parameter.default if given else usual
    try:
        formula(**values)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return {}
    return values


def test_an_entry_is_of_one_kind_and_says_where():
    with pytest.raises(ValueError, match=r"equation A\.1: give one of function, test, prose"):
        Entry(number="A.1", says="x", function="f", prose="y", cell="20_attention")
    with pytest.raises(ValueError, match=r"equation A\.1: cell"):
        Entry(number="A.1", says="x", function="f")


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(LookupError, match="does not resolve"):
        resolve("brnb.theory.compute.no_such_formula")
    with pytest.raises(LookupError, match="is a module"):
        resolve("brnb.theory.compute")
