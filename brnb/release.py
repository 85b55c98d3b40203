"""Whether a profile's results may be released: all of them, of one state of the code, whole.

A release is what an examiner audits. Each run must have been executed by papermill with the code,
the parameters and the packages that are committed now; what git does not keep, such as weights,
may lie elsewhere: its SHA-256 is in the receipt.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brnb import receipt
from brnb.pipeline import Pipeline
from brnb.provenance import SHAPES_RESULTS, lock_hashes
from brnb.sources import normalise


@dataclass
class ReleaseReview:
    """What was looked at, and why it may not be released, one line each.

    Attributes
    ----------
    elsewhere
        Artefacts that git ignores and that are not here: only their hashes are.
    """

    profile: str
    runs: int
    commit: str
    problems: list[str] = field(default_factory=list)
    elsewhere: int = 0

    def __str__(self) -> str:
        if self.problems:
            count = len(self.problems)
            return "\n".join([*self.problems, f"not to be released: {count} problems"])
        lines = [f"{self.runs} runs of {self.profile} are of commit {self.commit[:12]}, and whole"]
        if self.elsewhere:
            lines.append(f"{self.elsewhere} artefacts lie elsewhere: their hashes are in receipts")
        return "\n".join([*lines, f"next: brnb freeze NAME --profile {self.profile}"])


def review_release(pipeline: Pipeline) -> ReleaseReview:
    """Look at every run of a profile as an examiner would.

    Raises
    ------
    FileNotFoundError
        If the project is not a git repository with a commit: no receipt could name its code.
    """
    root = pipeline.root
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        raise FileNotFoundError(f"{root} has no git commit: git init, and commit the project")
    review = ReleaseReview(pipeline.profile, len(pipeline.runs), head)
    changed = _git(root, "status", "--porcelain", "--", *SHAPES_RESULTS)
    for line in (changed or "").splitlines():
        review.problems.append(f"{line[3:]}: is not as committed: commit it, or git checkout it")
    locks = lock_hashes(root)
    verifier = receipt.Verifier(root / "work" / pipeline.profile / "hashes.json", anew=True)
    for run in pipeline.runs:
        try:
            left = pipeline.receipt_of(run)
        except FileNotFoundError:
            review.problems.append(f"{run}: never finished: {_command(pipeline)}")
            continue
        except ValueError as error:
            review.problems.append(f"{run}: {error}")
            continue
        problems = [*_of_today(pipeline, run, left, head, locks), *_executed(pipeline, run)]
        review.problems += [f"{run}: {problem}" for problem in problems]
        _review_artefacts(pipeline, left, verifier, review)
    return review


def _of_today(
    pipeline: Pipeline, run: str, left: receipt.Receipt, head: str, locks: dict[str, str]
) -> Iterator[str]:
    """Why a receipt is not of what is committed."""
    yield from left.unclean
    if not left.seal:
        yield "its receipt has no seal"
    if left.fingerprint != pipeline.fingerprints[run]:
        yield f"is of other code or parameters than today's: {_command(pipeline)}"
    for need in pipeline.needs(run):
        try:
            other = pipeline.receipt_of(need).content() != left.needs_content.get(need)
        except (FileNotFoundError, ValueError):
            continue  # is told of that run
        if other:
            yield f"read another result of {need} than there is: {_command(pipeline)}"
    commit = left.provenance.get("git_commit")
    if left.provenance.get("git_dirty") is not False:
        yield "was executed with code or parameters that were not committed"
    if not commit or not _same_tree(pipeline.root, commit, head):
        yield f"is of commit {commit}, whose {', '.join(SHAPES_RESULTS)} are not those of {head}"
    if left.provenance.get("lock_sha256") != locks:
        yield "was executed with other lock files than these"


def _executed(pipeline: Pipeline, run: str) -> Iterator[str]:
    """Why the executed notebook of a run is not what papermill made of the saved one."""
    path = pipeline.reports / "notebooks" / f"{run}.ipynb"
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        saved = json.loads(pipeline.notebook(run).read_text("utf-8"))["cells"]
        ours = [cell for cell in cells if "injected-parameters" not in _tags(cell)]
        if list(map(_meaning, ours)) != list(map(_meaning, saved)):
            yield f"{path.name} has other cells than {pipeline.notebook(run).name}"
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        numbers = [cell["execution_count"] for cell in code]
        failed = any(out["output_type"] == "error" for cell in code for out in cell["outputs"])
        if failed or numbers != list(range(1, len(code) + 1)):
            yield f"{path.name} was not executed from its first cell to its last"
    except FileNotFoundError:
        yield f"its executed notebook {path.name} is missing"
    except (ValueError, KeyError, TypeError, RecursionError):
        yield f"its executed notebook {path.name} is damaged"


def _review_artefacts(
    pipeline: Pipeline, left: receipt.Receipt, verifier: receipt.Verifier, review: ReleaseReview
) -> None:
    absent = [name for name in left.artefacts if not (pipeline.reports / name).is_file()]
    ignored = _ignored(pipeline, absent)
    review.elsewhere += len(ignored)
    for name, listed in left.artefacts.items():
        if name not in ignored:
            problem = verifier.problem(pipeline.reports / name, listed)
            review.problems += [f"{left.run}: artefact {name} is {problem}"] if problem else []


def _ignored(pipeline: Pipeline, names: Sequence[str]) -> set[str]:
    """Artefacts that git does not keep."""
    paths = {str(pipeline.reports.relative_to(pipeline.root) / name): name for name in names}
    plain = ("-c", "core.quotepath=off")  # accents are letters
    listed = _git(pipeline.root, *plain, "check-ignore", "--no-index", *paths) if paths else None
    return {paths[line] for line in (listed or "").splitlines()}


def _same_tree(root: Path, commit: str, head: str) -> bool:
    """Whether two commits have the same code, notebooks and parameters: results are committed
    after they were made, so their own commit is never the one that made them."""
    return _git(root, "diff", "--quiet", commit, head, "--", *SHAPES_RESULTS) is not None


def _meaning(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    return normalise(source) if cell["cell_type"] == "code" else source


def _tags(cell: dict[str, Any]) -> list[str]:
    return list(cell["metadata"].get("tags", ()))


def _command(pipeline: Pipeline) -> str:
    return f"PROFILE={pipeline.profile} make thesis"


def _git(root: Path, *arguments: str) -> str | None:
    """What git says, or None if it fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    except FileNotFoundError:
        raise FileNotFoundError("git is missing: install it, a release names commits") from None
    return done.stdout.strip("\n") if done.returncode == 0 else None
