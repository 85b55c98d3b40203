"""The table of models: read, checked row by row, and written back in one canonical form."""

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from brnb import data

if TYPE_CHECKING:
    import pandas as pd

MODELS = data.path("thesis/models.csv")

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]


class Model(BaseModel):
    """One row: an open model as its card, configuration and paper describe it.

    ``size`` is what the name says, in billions; ``parameters`` is every weight of the published
    checkpoint (of the language model, where ``notes`` say so) and ``parameters_active`` leaves out
    the routed experts that a token does not visit. ``window`` and ``context`` count tokens.
    An empty cell means that no source was found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text
    family: Text
    version: Text
    size: Annotated[float, Field(gt=0)]
    released: Annotated[str, Field(pattern=r"^20\d\d(-\d\d){0,2}$")]
    parameters: Count | None = None
    parameters_active: Count | None = None
    attention: Literal["MHA", "MQA", "GQA", "MLA"]
    mixer: Annotated[str, Field(pattern=r"^attention(\+[a-z0-9]+)?$")]
    window: Count | None = None
    experts: Count | None = None
    experts_active: Count | None = None
    activation: Literal["SwiGLU", "GeGLU", "GELU", "ReLU", "ReLU²", "xIELU"]
    norm: Literal["RMSNorm", "LayerNorm"]
    qk_norm: bool
    position: Literal["RoPE", "NoPE", "RoPE+NoPE", "ALiBi", "learned"]
    context: Count
    vocab: Count | None = None
    licence: Text | None = None
    source: Annotated[str, Field(pattern=r"^https://")]
    notes: Text | None = None

    @model_validator(mode="after")
    def _experts_come_in_pairs(self) -> "Model":
        if (self.experts is None) != (self.experts_active is None):
            raise ValueError("experts and experts_active: give both or neither")
        if (self.parameters_active or 0) > (self.parameters or float("inf")):
            raise ValueError("parameters_active is more than parameters")
        return self


COLUMNS = tuple(Model.model_fields)


def read_models(path: Path = MODELS) -> "pd.DataFrame":
    """Read the table of models.

    Returns
    -------
    DataFrame
        One row a model in the order of the file; columns as in `Model`; a missing cell is NA.

    Raises
    ------
    ValueError
        If the columns are not those of `Model` in their order, a cell is not what `Model` allows,
        a mandatory cell is empty, a model appears twice, or the file is not UTF-8: names the
        file, the line, the value and what is allowed.
    """
    import pandas as pd

    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8") from None
    reader = csv.DictReader(text.splitlines(keepends=True))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError(f"{path}:1: the columns must be {','.join(COLUMNS)}")
    rows = []
    for row in reader:
        where = f"{path}:{reader.line_num}"
        if None in row or None in row.values():
            raise ValueError(f"{where}: {len(COLUMNS)} cells expected; quote cells with commas")
        rows.append((_model(row, where), reader.line_num))
    _refuse_duplicates(rows, path)
    frame = pd.DataFrame([dict(model) for model, _ in rows], columns=list(COLUMNS))
    whole = ["parameters", "parameters_active", "window", "experts", "experts_active", "vocab"]
    return frame.astype(dict.fromkeys(whole, "Int64") | {"context": "int64", "qk_norm": bool})


def write_models(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write rows, e.g. of `brnb.rarity.row_from_config`, sorted by family, release date and size.

    Raises
    ------
    ValueError
        As in `read_models`.
    """
    models = [_model(dict(row), f"{path}: row {place}") for place, row in enumerate(rows, 1)]
    models.sort(key=lambda m: (m.family.casefold(), m.released, m.size, m.name))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in model} for model in models)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _model(row: dict[str, Any], where: str) -> Model:
    try:
        return Model.model_validate({name: cell for name, cell in row.items() if cell != ""})
    except ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors())
    raise ValueError(f"{where}: {row.get('name') or 'no name'}: {problems}")


def _explain(problem: Any) -> str:
    column = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        return f"{column} is empty"
    message = re.sub(r"^Value error, ", "", problem["msg"])
    return f"{column} = {problem['input']!r}: {message}" if column else message


def _refuse_duplicates(rows: list[tuple[Model, int]], path: Path) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for model, line in rows:
        for key in ((model.name,), (model.family, model.version, model.size)):
            if key in seen:
                what = " ".join(map(str, key))
                raise ValueError(f"{path}:{line}: {what} is already in line {seen[key]}")
            seen[key] = line
