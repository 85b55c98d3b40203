"""Which runs there are, what each one depends on, and whether what lies on disk is still true.

``params/pipeline.yaml`` names the runs: the notebook of each and the runs it needs. A profile
has the runs for which ``params/<profile>/<run>.yaml`` exists. Everything here is static: no
kernel is started and no chapter is imported.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import IO, Any, Literal

import yaml

from brnb import fingerprint, receipt
from brnb.params import ParameterError, literals, nearest

State = Literal["done", "stale", "failed", "missing"]
DATA = "BRNB_"  # variables that begin so may name files or folders of data


class LockedError(RuntimeError):
    """Another process is at work on the same thing."""


def find_root(start: Path | None = None) -> Path:
    """The project folder: the nearest one, upwards from `start`, with params/pipeline.yaml."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "params" / "pipeline.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no params/pipeline.yaml in {start} or above: run inside the project")


@dataclass(frozen=True)
class Status:
    """State of one run, and why; `metrics` and `seconds` come from its receipt."""

    run: str
    notebook: str
    state: State
    why: str
    seconds: float | None = None
    metrics: dict[str, Any] = field(default_factory=dict)

    def asdict(self) -> dict[str, Any]:
        """As `brnb status --json` prints it."""
        return asdict(self)


class Pipeline:
    """The runs of one profile, in an order that respects what they need.

    Raises
    ------
    ParameterError
        If the profile or a needed run does not exist, or the runs need each other in a circle.
    """

    def __init__(self, profile: str, root: Path | None = None) -> None:
        self.root = root or find_root()
        self.profile = profile
        declared = _read_yaml(self.root / "params" / "pipeline.yaml").get("runs", {})
        folder = self.root / "params" / profile
        if not folder.is_dir():
            known = sorted(p.name for p in folder.parent.iterdir() if p.is_dir())
            raise ParameterError(f"no profile {profile!r} in params/{nearest(profile, known)}")
        self.declared: dict[str, dict[str, Any]] = {
            run: spec for run, spec in declared.items() if (folder / f"{run}.yaml").is_file()
        }
        for run in self.declared:
            for need in self.needs(run):
                if need not in self.declared:
                    raise ParameterError(f"{run} needs {need}, but {folder}/{need}.yaml is missing")
        try:
            graph = {run: self.needs(run) for run in self.declared}
            self.runs = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            raise ParameterError(f"params/pipeline.yaml: a circle: {error.args[1]}") from None

    def spec(self, run: str) -> dict[str, Any]:
        """Entry of a run in pipeline.yaml."""
        if run not in self.declared:
            where = f"params/pipeline.yaml and params/{self.profile}/"
            raise ParameterError(f"no run {run!r} in {where}{nearest(run, self.declared)}")
        return self.declared[run]

    def needs(self, run: str) -> list[str]:
        """Runs whose artefacts a run reads: those that pipeline.yaml declares, and every
        ``run:<id>`` among the values of its parameter file."""
        declared = self.spec(run).get("needs", [])
        values = _read_yaml(self.params_file(run)).values()
        named = [v.removeprefix("run:") for v in values if str(v).startswith("run:")]
        return list(dict.fromkeys([*declared, *named]))

    def notebook(self, run: str) -> Path:
        """The notebook that a run executes."""
        return self.root / "notebooks" / f"{self.spec(run)['notebook']}.ipynb"

    def params_file(self, run: str) -> Path:
        """The parameters that papermill injects."""
        return self.root / "params" / self.profile / f"{run}.yaml"

    def folder(self, run: str) -> Path:
        """Where a run leaves its receipt and its artefacts."""
        return self.root / "reports" / self.profile / "runs" / run

    def work(self, run: str) -> Path:
        """Where a run keeps checkpoints, caches and its lock; no orchestrator deletes it."""
        return self.root / "work" / self.profile / run

    def params(self, run: str) -> dict[str, Any]:
        """Parameters in force: the notebook's defaults under the run's parameter file."""
        return defaults(self.notebook(run)) | _read_yaml(self.params_file(run))

    @cached_property
    def _code(self) -> dict[Path, dict[str, str]]:
        notebooks = {self.notebook(run) for run in self.runs}
        return {path: fingerprint.code(path) for path in notebooks}

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint that each run would have if it ran now."""
        found: dict[str, str] = {}
        for run in self.runs:
            needs = {need: found[need] for need in self.needs(run)}
            code = self._code[self.notebook(run)]
            found[run] = fingerprint.fingerprint(code, self.params(run), needs)
        return found

    def status(self) -> list[Status]:
        """State of every run, upstream first: what is done, and why the rest is not."""
        verifier = receipt.Verifier(self.root / "work" / self.profile / "hashes.json")
        states: dict[str, Status] = {}
        for run in self.runs:
            stale = [need for need in self.needs(run) if states[need].state != "done"]
            states[run] = self._status(run, stale, verifier)
        verifier.save()
        return list(states.values())

    def _status(self, run: str, stale: list[str], verifier: receipt.Verifier) -> Status:
        name, folder = self.notebook(run).stem, self.folder(run)
        note = _read_note(folder / "started.json")
        holder = lock_holder(self.work(run) / "lock")
        if holder and "error" not in note:
            return Status(run, name, "missing", f"running now: {holder}")
        if not (folder / "receipt.json").is_file():
            if not note:
                return Status(run, name, "missing", "never ran")
            error = note.get("error", "its kernel died (killed, or out of memory)")
            return Status(run, name, "failed", f"started {note.get('started', '?')}: {error}")
        try:
            found = receipt.read(folder / "receipt.json")
        except ValueError as problem:
            return Status(run, name, "stale", str(problem))
        why = self._why_stale(run, found, stale, verifier)
        return Status(
            run, name, "stale" if why else "done", "; ".join(why), found.seconds, found.metrics
        )

    def _why_stale(
        self,
        run: str,
        found: receipt.Receipt,
        stale: list[str],
        verifier: receipt.Verifier,
    ) -> list[str]:
        why = list(found.unclean)
        why += _differences("code", found.code, self._code[self.notebook(run)])
        why += _differences("parameter", found.params, self.params(run))
        why += [f"needs {need}, which is not done" for need in stale]
        for need in self.needs(run):
            if need not in stale and found.needs_content.get(need) != self._content(need):
                why.append(f"needs {need}, which ran again since, with another result")
        for path, listed in found.artefacts.items():
            problem = verifier.problem(self.root / "reports" / self.profile / path, listed)
            why += [f"artefact {path} {problem}"] if problem else []
        for path, listed in found.inputs.items():
            # Data of another machine cannot be checked here; that alone makes nothing stale.
            file = self.root / os.path.expandvars(path)
            problem = verifier.problem(file, listed) if file.is_file() else None
            why += [f"input {path} {problem}"] if problem else []
        return why

    def _content(self, run: str) -> str:
        return receipt.read(self.folder(run) / "receipt.json").content()


def portable(path: Path, root: Path) -> str:
    """A path that means the same on another machine: in the project, or under a `DATA` variable."""
    path = path.resolve()
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    for name, value in sorted(os.environ.items()):
        if not (name.startswith(DATA) and value):
            continue
        place = Path(value).resolve()
        if path == place:
            return f"${{{name}}}"
        if path.is_relative_to(place):
            return f"${{{name}}}/{path.relative_to(place).as_posix()}"
    return path.as_posix()


def _differences(kind: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What changed between the receipt and now, by name."""
    parts = {
        "changed": [name for name in sorted(then.keys() & now.keys()) if then[name] != now[name]],
        "added": sorted(now.keys() - then.keys()),
        "removed": sorted(then.keys() - now.keys()),
    }
    return [f"{kind} {how}: {', '.join(names)}" for how, names in parts.items() if names]


def defaults(notebook: Path) -> dict[str, Any]:
    """Literal values of a notebook's parameters cell.

    Raises
    ------
    ParameterError
        If there is no such cell, or it holds more than literals.
    """
    for source, tags in fingerprint.notebook_cells(notebook):
        if "parameters" in tags:
            found = literals(source)
            if found is None:
                raise ParameterError(f"{notebook}: the parameters cell must only assign literals")
            return found
    raise ParameterError(f"{notebook}: no code cell is tagged 'parameters'")


def _read_note(path: Path) -> dict[str, Any]:
    """What an unfinished run left about itself; empty if there is none."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return {}
    except ValueError:
        return {"started": "at an unknown time"}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, FileNotFoundError) as error:
        raise ParameterError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise ParameterError(f"{path}: must hold 'name: value' lines")
    return content


_held: dict[Path, IO[str]] = {}


def hold_lock(path: Path, what: str) -> None:
    """Hold an advisory lock until this process ends, in whatever way it ends.

    Raises
    ------
    LockedError
        If another process holds it; names the process.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _held.get(path) or path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        holder = lock_holder(path) or "another process"
        raise LockedError(
            f"{what} is already being executed by {holder}: wait for it, or stop it first"
        ) from None
    handle.truncate(0)
    handle.write(f"pid {os.getpid()} since {receipt.now()}\n")
    handle.flush()
    _held[path] = handle


def release_lock(path: Path) -> None:
    """Let go of a lock that this process holds."""
    _held.pop(path.absolute()).close()


def lock_holder(path: Path) -> str | None:
    """Who holds a lock file now ("pid 123 since …"), or None; a dead holder holds nothing."""
    try:
        with path.open("r+", encoding="utf-8") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return f.read().strip() or "another process"
            fcntl.flock(f, fcntl.LOCK_UN)
    except FileNotFoundError:
        pass
    return None
