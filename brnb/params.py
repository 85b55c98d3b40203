"""Typed parameters: what a chapter may be told, checked before anything runs.

papermill injects whatever it is given, warns about unknown names and leaves derived values as
they were. A chapter therefore declares a `Params` schema and validates in its second cell:
unknown names, wrong types and values out of range stop it there, and everything derived is a
property of the schema, computed after the injection.
"""

import ast
import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic.config import JsonDict

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
NEUTRAL: JsonDict = {"shapes_result": False}
"""Mark of a field whose value changes nothing in what a run makes (`identity`)."""
P = TypeVar("P", bound="Params")


class ParameterError(ValueError):
    """A parameter is unknown, missing, of the wrong type or out of range."""


class Params(BaseModel):
    """Base of every chapter's schema: the four parameters that all chapters share.

    Fields have no defaults: the notebook's parameters cell holds them, so that a value stands in
    one place only. Derived values are properties. Reading is recorded (see `unread`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    profile: Name = Field(description="folder of params/ and reports/", json_schema_extra=NEUTRAL)
    run_id: Name = Field(description="key of params/pipeline.yaml", json_schema_extra=NEUTRAL)
    seed: int = Field(ge=0, lt=2**32, description="seed of everything random in the run")
    lang: Literal["pt", "en"] = Field(
        description="language of labels and captions", json_schema_extra=NEUTRAL
    )

    _read: set[str] = PrivateAttr(default_factory=set)

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name in type(self).__dict__.get("__pydantic_fields__", ()):
            self._read.add(name)
        return value

    def unread(self) -> list[str]:
        """Parameters that nobody has read so far: a value that was set without effect."""
        fields = set(type(self).model_fields) - set(Params.model_fields)
        return sorted(fields - self._read)

    def read(self) -> list[str]:
        """Parameters that somebody has read so far."""
        return sorted(self._read)

    def count_as_read(self, names: Iterable[str]) -> None:
        """Parameters that the process read whose work this one continues."""
        self._read.update(names)


def validate(schema: type[P], values: Mapping[str, Any], where: str = "") -> P:
    """Build `schema` from `values`.

    Parameters
    ----------
    schema
        The chapter's `Params`.
    values
        Plain values by name, as the parameters cell and papermill leave them.
    where
        The file to name in the message.

    Raises
    ------
    ParameterError
        Lists every problem: the parameter, its value, what is allowed, the nearest valid name.
    """
    try:
        return schema.model_validate(dict(values))
    except ValidationError as error:
        lines = [_explain(problem, schema) for problem in error.errors()]
    count = f"{len(lines)} problem{'s' if len(lines) > 1 else ''}"
    head = f"{where or schema.__name__}: {count} with the parameters"
    raise ParameterError("\n  ".join([head, *lines]))


def identity(params: Params, shaped: Literal["result", "answers"] = "result") -> dict[str, Any]:
    """Values of the parameters that shape what is made: another value makes another thing.

    Every parameter shapes the result unless its field has the mark `NEUTRAL`. Parts of it have
    marks of their own, as the answers of chapter 15 have ``{"shapes_answers": True}``.
    """
    mark, unmarked = f"shapes_{shaped}", shaped == "result"
    extras = {name: f.json_schema_extra for name, f in type(params).model_fields.items()}
    names = {n for n, e in extras.items() if (e if isinstance(e, dict) else {}).get(mark, unmarked)}
    return params.model_dump(include=names)


def _explain(problem: Any, schema: type[Params]) -> str:
    """One line for one pydantic error: name, value, what is allowed, and the fix."""
    name = ".".join(str(part) for part in problem["loc"])
    kind, value = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        return f"{name}: unknown parameter{nearest(name, schema.model_fields)}"
    if kind == "missing":
        return f"{name}: missing; give it a value in the notebook's parameters cell"
    if not name:  # a rule about several parameters, which its message names
        return str(problem["msg"]).removeprefix("Value error, ")
    line = f"{name} = {value!r}: {problem['msg']}"
    if isinstance(value, str) and kind in ("float_type", "int_type") and _is_number(value):
        line += f" (YAML reads {value} as text: write {float(value):.1e} or {float(value):g})"
    if name in schema.model_fields and schema.model_fields[name].description:
        line += f" ({schema.model_fields[name].description})"
    return line


def nearest(name: str, names: Iterable[str]) -> str:
    """``"; did you mean x?"`` when a known name is close, else ``"; known: a, b, c"``."""
    close = difflib.get_close_matches(name.rsplit(".", 1)[-1], list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(sorted(names))}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def literals(source: str) -> dict[str, Any] | None:
    """Names and values of a cell that only assigns literals; None for any other cell.

    This is what a parameters cell looks like, and also the cell that papermill injects.
    """
    try:
        body = ast.parse(source).body
        assigned: dict[str, Any] = {}
        for node in body:
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                target, value = node.targets[0], node.value
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                target, value = node.target, node.value
            else:
                return None
            if not isinstance(target, ast.Name):
                return None
            assigned[target.id] = ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return None
    return assigned or None


def in_force(namespace: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of a running notebook: what is in force, and the notebook's own defaults.

    They are the names set by the latest run of cells that only assign literals: the parameters
    cell and, after it, papermill's. Looking at the executed cells, not at all globals, keeps a
    second Run All in JupyterLab from taking the chapter's own variables for parameters.

    Raises
    ------
    ParameterError
        If no such cell was executed.
    """
    block: list[dict[str, Any]] = []
    for source in reversed(namespace.get("In", [])):
        assigned = literals(source)
        if assigned is not None:
            block.append(assigned)
        elif block:
            break
    if not block:
        raise ParameterError("no parameters: run the notebook's first code cell, then this one")
    names = {name for assigned in block for name in assigned}
    return {name: namespace[name] for name in sorted(names)}, block[-1]
