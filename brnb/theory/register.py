"""Every numbered equation of the dissertation, and what computes, tests or explains it.

The entries are brnb/thesis/register/{main,A,B,C}.yaml: `function` is the corrected formula and
`printed` the one that the text prints, where they differ; `test` a property that is checked
instead; `prose` the reason why there is nothing to compute.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from typing import Any

from brnb.thesis import load

EQUATION_COUNTS = {
    "3": 3,
    "4": 25,
    "A": 65,
    "B": 148,
    "C": 94,
}  # equations of each chapter and appendix
FILES = {"3": "main", "4": "main", "A": "A", "B": "B", "C": "C"}
ENTRY_KINDS = ("function", "test", "prose")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One numbered equation.

    Attributes
    ----------
    number
        As printed, ``"A.21"``.
    says
        What it says, one line.
    function, printed
        Dotted names: of the right formula, and of the one printed where it differs.
    cell
        Name of the notebook whose chapter cites the function.
    test
        ``tests/theory/test_x.py::test_name`` of a property that has no formula to call.
    prose
        Why there is nothing to compute.
    """

    number: str
    says: str
    function: str | None = None
    printed: str | None = None
    cell: str | None = None
    test: str | None = None
    prose: str | None = None

    def __post_init__(self) -> None:
        if sum(getattr(self, kind) is not None for kind in ENTRY_KINDS) != 1:
            raise ValueError(f"equation {self.number}: give one of {', '.join(ENTRY_KINDS)}")
        if self.function and not self.cell:
            raise ValueError(f"equation {self.number}: cell must name the notebook that cites it")

    @property
    def functions(self) -> list[str]:
        """Dotted names of what it computes, corrected first; none for a test or prose."""
        return [name for name in (self.function, self.printed) if name]


def numbers(part: str) -> Iterator[str]:
    """Numbers of all equations of a chapter or appendix in `EQUATION_COUNTS`: A.1, A.2, ..."""
    return (f"{part}.{i}" for i in range(1, EQUATION_COUNTS[part] + 1))


def entries(part: str) -> dict[str, Entry]:
    """Entries of a chapter or appendix by number, in the dissertation's order.

    Raises
    ------
    KeyError
        If the register has no entry for a number; says which and in which file.
    """
    name = f"register/{FILES[part]}"
    written = load(name)
    missing = [number for number in numbers(part) if number not in written]
    if missing:
        raise KeyError(f"brnb/thesis/{name}.yaml has no entry for {', '.join(missing)}")
    return {number: Entry(number=number, **written[number]) for number in numbers(part)}


def resolve(name: str) -> Callable[..., Any]:
    """What a dotted name stands for, `brnb.theory.feasibility.Estimate.total` included.

    Raises
    ------
    LookupError
        If no module or no attribute of it has that name.
    """
    parts = name.split(".")
    module, attributes = ".".join(parts[:3]), parts[3:]
    try:
        target: Any = reduce(getattr, attributes, import_module(module))
    except (ImportError, AttributeError) as error:
        raise LookupError(f"{name} does not resolve: {error}") from error
    if not attributes:
        raise LookupError(f"{name} is a module: name a function in it")
    return target
