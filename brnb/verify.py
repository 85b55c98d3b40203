"""Every byte that a profile's results rest on, hashed anew and compared with what was written.

`brnb status` hashes a file again only if it was touched; a bit that fell over on a disk leaves no
time behind. This looks at all of them, and `brnb status` knows from then on.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from brnb import receipt
from brnb.pipeline import Pipeline


@dataclass
class Verification:
    """How many files were compared, and what is wrong with them, one line each."""

    files: int = 0
    size: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        right = self.files - len(self.problems)
        seen = f"{right} of {self.files} files are as they were written ({self.size:,} bytes)"
        return "\n".join([*self.problems, seen])


def verify(pipeline: Pipeline) -> Verification:
    """Compare receipts, artefacts, inputs and checkpoints of a profile with their hashes."""
    result = Verification()
    verifier = receipt.Verifier(
        pipeline.root / "work" / pipeline.profile / "hashes.json", anew=True
    )
    for run in pipeline.runs:
        _compare(pipeline, run, verifier, result)
    for path in sorted((pipeline.root / "work" / pipeline.profile).rglob("*.pt")):
        _count(result, path, _damage(path))
    verifier.save()
    return result


def _compare(
    pipeline: Pipeline, run: str, verifier: receipt.Verifier, result: Verification
) -> None:
    path = pipeline.folder(run) / "receipt.json"
    try:
        left = pipeline.receipt_of(run)
    except FileNotFoundError:
        return
    except ValueError as error:
        _count(result, path, str(error))
        return
    _count(result, path, None if left.seal else f"{path}: has no seal")
    for file, listed in _listed(pipeline, left):
        problem = verifier.problem(file, listed)
        _count(result, file, problem and f"{file} (of {run}) is {problem}")


def _listed(pipeline: Pipeline, left: receipt.Receipt) -> Iterator[tuple[Path, receipt.Artefact]]:
    for name, listed in left.artefacts.items():
        yield pipeline.reports / name, listed
    for name, listed in left.inputs.items():
        file = pipeline.root / os.path.expanduser(os.path.expandvars(name))
        if file.is_file():  # data of another machine cannot be checked here
            yield file, listed


def _damage(path: Path) -> str | None:
    from brnb.train import sealed

    try:
        with sealed.reading(path):
            return None
    except sealed.DamagedError as error:
        return str(error)


def _count(result: Verification, path: Path, problem: str | None) -> None:
    result.files += 1
    result.size += path.stat().st_size if path.is_file() else 0
    result.problems += [problem] if problem else []
