"""The house as drawn: no circles between files, triton in one room, modules of a readable size."""

import statistics
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
