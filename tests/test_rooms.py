"""The house as drawn: no circles between files, triton in one room, modules of a readable size."""

import ast
import statistics
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

PACKAGE = Path(__file__).parents[1] / "brnb"
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_no_two_files_need_each_other():
    graph = grimp.build_graph("brnb")
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert len(list(TopologicalSorter(imports).static_order())) == len(imports)  # or CycleError


def test_triton_is_imported_in_one_room_alone():
    rooms = {path.parent for path in MODULES if "import triton" in path.read_text("utf-8")}
    assert rooms == {PACKAGE / "ops/kernels"}


def test_modules_are_of_a_size_to_read():
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {path: n for path, n in lines.items() if n > 350} == {}
    assert statistics.median(lines.values()) <= 120


def test_a_public_name_means_one_thing():
    """Functions and classes; and type aliases, unless they alias the same type.

    A kernel has the name of its definition in `brnb.ops`, and a command of `brnb.cli` that of the
    function that it calls.
    """
    meanings: dict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for name, alias in _public(path):
            meanings[name].add(alias or ("brnb.ops" if room == "ops" else str(path)))
    several = {name: places for name, places in meanings.items() if len(places) > 1}
    commands = {name for name, _ in _public(PACKAGE / "cli.py")}
    assert {name: p for name, p in several.items() if not (name in commands and len(p) == 2)} == {}


def _public(path):
    """Public names of a module and, of type aliases, what they stand for."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names, alias = [node.name], None
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names, alias = [node.targets[0].id], ast.unparse(node.value)
            names = [name for name in names if name[0].isupper() and not name.isupper()]
        else:
            continue
        yield from ((name, alias) for name in names if not name.startswith("_"))
