"""Types and comments of a notebook's parameters cell, as its schema has them.

``tokens: int = 2_000_000  # tokens to train on`` is what JupyterLab shows to whoever changes a
value and ``papermill --help-notebook`` to whoever passes one. Both come from the schema's fields;
values, order and blank lines are the notebook's.
"""

import ast
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from brnb.params import ParameterError, Params

WIDTH = 100  # columns of a line
PLAIN = (bool, int, float, str, list, dict)


def documented(cell: str, schema: type[Params]) -> str:
    """The parameters cell with the type and the comment of each parameter.

    Raises
    ------
    ParameterError
        If a field of the schema says nothing about its parameter.
    """
    lines = cell.splitlines()
    for node in reversed(ast.parse(cell).body):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        name = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
        if not (field := schema.model_fields.get(name)):
            continue  # an unknown parameter is `brnb check`'s to report
        text = ast.get_source_segment(cell, node.value) or ""
        start, comment = f"{name}: {_type(field.annotation)} = ", f"  # {_comment(name, field)}"
        if len(start + text + comment) > WIDTH and "\n" not in text and text[0] in "[{":
            text = f"{text[0]}\n    {text[1:-1]},\n{text[-1]}"
        lines[node.lineno - 1 : node.end_lineno] = (start + text + comment).split("\n")
    return "\n".join(lines)


def _type(annotation: Any) -> str:
    """A builtin's name; of several, ``"float or None"``, since ``|`` is beyond papermill."""
    kinds = dict.fromkeys(_plain(annotation))
    names = ["None" if kind is NoneType else kind.__name__ for kind in kinds]
    return names[0] if len(names) == 1 else f'"{" or ".join(names)}"'


def _plain(annotation: Any) -> list[type]:
    """The builtin types of the values that an annotation allows."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _plain(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [kind for part in get_args(annotation) for kind in _plain(part)]
    if origin is Literal:
        return [type(value) for value in get_args(annotation)]
    kind = origin or annotation
    return [kind if kind in (*PLAIN, NoneType) else dict]


def _comment(name: str, field: FieldInfo) -> str:
    """Choices and description of a field; no ``=``, which papermill takes for an assignment."""
    said = [field.description] if field.description else []
    if get_origin(field.annotation) is Literal:
        *others, last = map(str, get_args(field.annotation))
        said.insert(0, f"{', '.join(others)} or {last}")
    if not said:
        raise ParameterError(f"{name}: give its field a description in the schema")
    return "; ".join(said).replace("=", "is")
