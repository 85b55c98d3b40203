"""What a profile reads from outside the project: resolved before hour six, without a network.

Files and folders are looked up, packages asked whether they hold their model, runs whether the
profile has them. A name of the Hugging Face hub is checked for its form and looked for in this
machine's cache: whether the hub has it, and lets you in, only the hub can say.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from brnb.bases.locate import RUN
from brnb.bases.packaged import PYPI, packaged
from brnb.pipeline import Pipeline
from brnb.text.reader import expand, input_files

SourceKind = Literal["text", "model"]
NAMES: dict[str, SourceKind] = {
    **dict.fromkeys(("corpus", "instructions", "translations", "unseen", "benchmarks"), "text"),
    **dict.fromkeys(("external",), "text"),
    **dict.fromkeys(("base", "start", "others"), "model"),
}
"""Parameters that name a source, or hold those that do, wherever they stand."""
HUB = "hf:"


@dataclass(frozen=True)
class NamedSource:
    """A text or a model that parameters name.

    Attributes
    ----------
    value, kind
        As the parameters have it.
    readers
        Parameters that name it, ``run.parameter``.
    found
        What it is on this machine; empty for what the project itself holds or makes.
    problem
        Why no run could read it; empty if it can be.
    """

    value: str
    kind: SourceKind
    readers: tuple[str, ...]
    found: str = ""
    problem: str = ""

    def __str__(self) -> str:
        first, more = self.readers[0], len(self.readers) - 1
        others = f" and {more} more" if more else ""
        return f"{first}{others} = {self.value}: {self.problem or self.found}"


def named_sources(pipeline: Pipeline) -> list[NamedSource]:
    """Every source that the parameters of a profile name, each once."""
    readers: dict[tuple[str, SourceKind], list[str]] = {}
    for run in pipeline.runs:
        for name, value, kind in _named(pipeline.params(run)):
            readers.setdefault((value, kind), []).append(f"{run}.{name}")
    return [_resolved(pipeline, *key, tuple(names)) for key, names in readers.items()]


def report(pipeline: Pipeline) -> tuple[list[str], bool]:
    """Lines on what lies outside the project, and whether all of it can be read."""
    outside = [source for source in named_sources(pipeline) if source.found or source.problem]
    return [str(source) for source in outside], not any(source.problem for source in outside)


def _named(
    value: Any, name: str = "", kind: SourceKind | None = None
) -> Iterator[tuple[str, str, SourceKind]]:
    """Names of parameters below a value, what they hold, and of which kind that is."""
    if isinstance(value, str) and kind:
        yield name, value, kind
    elif isinstance(value, Mapping):
        for key, part in value.items():
            below = f"{name}.{key}" if name else str(key)
            yield from _named(part, below, NAMES.get(key, kind if kind == "text" else None))
    elif isinstance(value, list):
        for part in value:
            yield from _named(part, name, kind)


def _resolved(
    pipeline: Pipeline, value: str, kind: SourceKind, readers: tuple[str, ...]
) -> NamedSource:
    try:
        found = _text(value) if kind == "text" else _model(value, pipeline)
    except (ValueError, OSError) as error:
        return NamedSource(value, kind, readers, problem=str(error))
    return NamedSource(value, kind, readers, found)


def _text(value: str) -> str:
    """What a source of text is here."""
    if expand(value) == "sample":
        return ""
    if expand(value).startswith(HUB):
        return _of_the_hub(expand(value).removeprefix(HUB).partition(":")[0], "dataset")
    files = input_files(value)
    count = f"{len(files)} file{'s' if len(files) > 1 else ''}"
    return f"{count}, {sum(file.stat().st_size for file in files) / 1e6:,.1f} MB"


def _model(value: str, pipeline: Pipeline) -> str:
    """What a base or an adapter is here."""
    if value.startswith(RUN):
        pipeline.spec(value.removeprefix(RUN))
        return ""
    if value.startswith(PYPI):
        file, version = packaged(value)
        return f"{file.name} of version {version}, {file.stat().st_size / 1e6:,.1f} MB"
    path = Path(os.path.expandvars(value)).expanduser()
    if path.exists():
        return f"a {'folder' if path.is_dir() else 'file'} on this machine"
    if "$" in str(path) or value.startswith(("/", "~", ".")):
        raise FileNotFoundError(f"{path} does not exist: correct it, or export the variable")
    return _of_the_hub(value, "model")


def _of_the_hub(name: str, kind: Literal["dataset", "model"]) -> str:
    """What this machine knows of a name of the hub; a wrong form raises ValueError."""
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    validate_repo_id(name)
    if "/" not in name:
        raise ValueError(f"{name!r} is neither here nor a name of the hub: write owner/name")
    if (Path(HF_HUB_CACHE) / f"{kind}s--{name.replace('/', '--')}").is_dir():
        return f"{kind} of the hub, in this machine's cache"
    return (
        f"{kind} of the hub, not in this machine's cache: the run downloads it (HF_TOKEN where "
        "access is restricted), or give a local copy"
    )
