"""What a piece of code says, read without running it: meaning, imports, strings, data.

`brnb.fingerprint` follows these from a notebook through the package.
"""

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# Functions that read data of the package, and the file that their first argument means.
DOORS = {
    "brnb.data.read": "{}",
    "brnb.data.path": "{}",
    "brnb.thesis.load": "thesis/{}.yaml",
}


@dataclass(frozen=True)
class Source:
    """What a module, or the code cells of a notebook, depends on.

    Attributes
    ----------
    meaning
        `normalise` of the code.
    imports
        Modules of `brnb`, or things in them, that the code imports when it runs.
    strings
        Its string constants; of an f-string the text with ``{}`` for what is put in.
    data
        Files and folders of the package that it reads, by path within ``brnb``.
    """

    meaning: str
    imports: frozenset[str]
    strings: frozenset[str]
    data: frozenset[str]


def read_source(code: str, where: str, package: str = "", is_door: bool = False) -> Source:
    """Read code.

    Parameters
    ----------
    code
        Python; lines that begin with ``%`` or ``!`` are IPython's and left out.
    where
        What to name in a message.
    package
        Against which relative imports are resolved.
    is_door
        Whether this is itself a module of `DOORS`, whose arguments are its callers'.

    Raises
    ------
    ValueError
        If data is read by a name that is not a literal: no fingerprint could follow it.
    """
    tree = _parse(code)
    nodes = _running(tree)
    imports = list(_imports(nodes, package))
    bound = {name.split(".")[0]: "brnb" if "." in name else full for name, full in imports}
    calls = [] if is_door else [node for node in nodes if isinstance(node, ast.Call)]
    return Source(
        meaning=_canonical(_without_docstrings(tree)),
        imports=frozenset(full for _, full in imports),
        strings=frozenset(text for node in nodes for text in _texts(node)),
        data=frozenset(name for call in calls for name in _read_by(call, bound, where)),
    )


def normalise(code: str) -> str:
    """Code as its syntax tree without docstrings: equal for equal meaning, in any formatting.

    The tree is written out by hand because `ast.dump` differs between Python versions.
    """
    return _canonical(_without_docstrings(_parse(code)))


def _parse(code: str) -> ast.Module:
    """Parse code; only where that fails, a line of IPython's own is left out."""
    lines = code.splitlines()
    while True:
        try:
            return ast.parse("\n".join(lines))
        except SyntaxError as error:
            number = (error.lineno or 0) - 1
            if not (0 <= number < len(lines) and lines[number].lstrip()[:1] in ("%", "!")):
                raise
            lines[number] = ""


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
    return tree


def _canonical(node: Any) -> str:
    if isinstance(node, ast.AST):
        fields = [
            f"{name}={_canonical(value)}"
            for name in node._fields
            if name not in ("kind", "type_comment", "ctx")
            and (value := getattr(node, name, None)) is not None
            and value != []
        ]
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(_canonical, node))}]"
    return repr(node)


def _running(tree: ast.AST) -> list[ast.AST]:
    """All nodes, level by level, but those under ``if TYPE_CHECKING``, which never run."""
    nodes = [tree]
    for node in nodes:  # the list grows while it is read: `ast.walk` takes twice the time
        for name in node._fields:
            value = getattr(node, name, None)
            children = value if isinstance(value, list) else [value]
            nodes += [c for c in children if isinstance(c, ast.AST) and not _is_for_types(c)]
    return nodes


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _imports(nodes: Iterable[ast.AST], package: str) -> Iterator[tuple[str, str]]:
    """Name in the code and full name of everything that it imports from `brnb`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "brnb":
                    yield alias.asname or alias.name, alias.name
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            name = importlib.util.resolve_name(name, package) if node.level else name
            if name.split(".")[0] == "brnb":
                for alias in node.names:
                    yield alias.asname or alias.name, f"{name}.{alias.name}"


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and type(node.value) is str:
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        yield "".join(map(str, parts))


def _read_by(call: ast.Call, bound: dict[str, str], where: str) -> Iterator[str]:
    """The file or folder that a call reads, if what it calls is one of `DOORS`."""
    head, dot, rest = _dotted(call.func).partition(".")
    name = bound.get(head, "") + dot + rest
    if name not in DOORS:
        return
    first = call.args[0] if call.args else None
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        raise ValueError(
            f"{where}, line {call.lineno}: {ast.unparse(call)}: the first argument of {name} must "
            "be a literal, or no fingerprint sees what is read"
        )
    yield DOORS[name].format(first.value)


def _dotted(node: ast.expr) -> str:
    """``a.b.c`` of such an expression, else the empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := _dotted(node.value)):
        return f"{head}.{node.attr}"
    return ""
