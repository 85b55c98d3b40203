"""Which runs there are, what each one depends on, and whether what lies on disk is still true.

``params/pipeline.yaml`` names the runs: the notebook of each and the runs it needs. A profile
has the runs for which ``params/<profile>/<run>.yaml`` exists. Everything here is static: no
kernel is started and no chapter is imported.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal, TypeVar

from brnb import fingerprint, receipt, yaml_file
from brnb.locks import lock_holder
from brnb.params import ParameterError, literals, nearest

K = TypeVar("K")
V = TypeVar("V")
RunState = Literal["done", "stale", "failed", "missing"]
DATA = "BRNB_"  # variables that begin so may name files or folders of data
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # of profiles, runs, notebooks: parts of paths


def find_root() -> Path:
    """The project folder: the nearest one, from here upwards, with params/pipeline.yaml."""
    start = Path.cwd().resolve()
    for folder in (start, *start.parents):
        if (folder / "params" / "pipeline.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no params/pipeline.yaml in {start} or above: run inside the project")


@dataclass(frozen=True)
class Status:
    """State of one run, and why; `metrics` and `seconds` come from its receipt."""

    run: str
    notebook: str
    state: RunState
    why: str
    seconds: float | None = None
    metrics: dict[str, Any] = field(default_factory=dict)

    def asdict(self) -> dict[str, Any]:
        """As `brnb status --json` prints it."""
        return asdict(self)


class _Computed(dict[K, V]):
    """Values that are computed when they are asked for."""

    def __init__(self, compute: Callable[[K], V]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: K) -> V:
        value = self[key] = self._compute(key)
        return value


class Pipeline:
    """The runs of one profile, in an order that respects what they need.

    Attributes
    ----------
    fingerprints
        The fingerprint that each run would have if it ran now.

    Raises
    ------
    ParameterError
        If the profile or a needed run does not exist, or the runs need each other in a circle.
    """

    def __init__(self, profile: str, root: Path | None = None) -> None:
        self.root = root or find_root()
        self.profile = profile
        self.reports = self.root / "reports" / profile
        self.scratch: dict[str, str] = {}  # names of folders that stand in for runs' own
        self._code = _Computed(fingerprint.code)  # of notebooks
        self.fingerprints = _Computed(self._fingerprint)
        declared = _declared(self.root / "params" / "pipeline.yaml")
        folder = self.root / "params" / profile
        if not _NAME.fullmatch(profile) or not folder.is_dir():
            known = sorted(p.name for p in folder.parent.iterdir() if p.is_dir())
            raise ParameterError(f"no profile {profile!r} in params/{nearest(profile, known)}")
        self.declared: dict[str, dict[str, Any]] = {
            run: spec for run, spec in declared.items() if (folder / f"{run}.yaml").is_file()
        }
        for run in self.declared:
            for need in self.needs(run):
                if need not in self.declared:
                    why = f"{run} needs {need}, but {folder}/{need}.yaml is missing"
                    raise ParameterError(f"params/pipeline.yaml: {why}")
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

    def artefact(self, run: str, name: str) -> str:
        """Id of a table or figure of a run: with its suffix, if it repeats a chapter."""
        suffix = self.spec(run).get("suffix")
        return f"{name}-{suffix}" if suffix else name

    def needs(self, run: str) -> list[str]:
        """Runs whose artefacts a run reads: those that pipeline.yaml declares, and every
        ``run:<id>`` among the values of its parameter file.

        ``09_*`` among the declared means every run whose notebook's name matches, but for the run
        itself and those that need it by name.
        """
        declared = self.spec(run).get("needs", [])
        values = yaml_file.read_parameters(self.params_file(run)).values()
        named = [v.removeprefix("run:") for v in values if str(v).startswith("run:")]
        matching = [other for need in declared for other in self._matching(need, run)]
        return list(dict.fromkeys([*matching, *named]))

    def _matching(self, need: str, run: str) -> list[str]:
        if not set("*?[") & set(need):
            return [need]
        return [
            other
            for other, spec in self.declared.items()
            if fnmatch(spec["notebook"], need) and other != run and run not in spec.get("needs", [])
        ]

    def notebook(self, run: str) -> Path:
        """The notebook that a run executes."""
        return self.root / "notebooks" / f"{self.spec(run)['notebook']}.ipynb"

    def params_file(self, run: str) -> Path:
        """The parameters that papermill injects."""
        return self.root / "params" / self.profile / f"{run}.yaml"

    def home(self, run: str) -> Path:
        """``reports/<profile>``, or the scratch folder that stands in for it (`brnb.scratch`)."""
        name = self.scratch.get(run)
        return self.reports / "scratch" / name if name else self.reports

    def folder(self, run: str) -> Path:
        """Where a run leaves its receipt and its artefacts."""
        return self.home(run) / "runs" / run

    def work(self, run: str) -> Path:
        """Where a run keeps checkpoints, caches and its lock; no orchestrator deletes it."""
        folder = self.root / "work" / self.profile
        return folder / "scratch" / self.scratch[run] if run in self.scratch else folder / run

    def params(self, run: str) -> dict[str, Any]:
        """Parameters in force: the notebook's defaults under the run's parameter file."""
        return defaults(self.notebook(run)) | yaml_file.read_parameters(self.params_file(run))

    def _fingerprint(self, run: str) -> str:
        needs = {need: self.fingerprints[need] for need in self.needs(run)}
        return fingerprint.fingerprint(self._code[self.notebook(run)], self.params(run), needs)

    def receipt_of(self, run: str) -> receipt.Receipt:
        """The receipt of a run that has finished.

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If it is damaged, or another run's; names the file.
        """
        path = self.folder(run) / "receipt.json"
        result = receipt.read_receipt(path)
        named, expected = (result.run, result.profile), (run, self.profile)
        if named != expected:
            raise ValueError(f"{path}: not a valid receipt: it is of {' in profile '.join(named)}")
        return result

    def status(self) -> list[Status]:
        """State of every run, upstream first: what is done, and why the rest is not."""
        return list(self._states(self.runs).values())

    def status_of(self, run: str) -> Status:
        """State of one run; only what it rests on is looked at."""
        upstream, waiting = set[str](), [run]
        while waiting:
            upstream.add(needed := waiting.pop())
            waiting += set(self.needs(needed)) - upstream
        return self._states([other for other in self.runs if other in upstream])[run]

    def _states(self, runs: Iterable[str]) -> dict[str, Status]:
        """State of some runs, each after those that it needs."""
        verifier = receipt.Verifier(self.root / "work" / self.profile / "hashes.json")
        states: dict[str, Status] = {}
        for run in runs:
            stale = [need for need in self.needs(run) if states[need].state != "done"]
            states[run] = self._status(run, stale, verifier)
        verifier.save()
        return states

    def _status(self, run: str, stale: list[str], verifier: receipt.Verifier) -> Status:
        name = self.notebook(run).stem
        attempt = self._attempt(run)
        try:
            result = self.receipt_of(run)
            why = self._why_stale(run, result, stale, verifier)
        except FileNotFoundError:
            return Status(run, name, *(attempt or ("missing", "never ran")))
        except ValueError as problem:
            return Status(run, name, *(attempt or ("stale", str(problem))))
        state, words = attempt or ("stale", "; ".join(why))
        if not why:
            state, words = "done", f"{words}; the result of before holds" if attempt else ""
        return Status(run, name, state, words, result.seconds, result.metrics)

    def _attempt(self, run: str) -> tuple[RunState, str] | None:
        """What became of an execution that began and has not closed, if there is one."""
        note = _read_note(self.folder(run) / "started.json")
        holder = lock_holder(self.work(run) / "lock")
        if holder and "error" not in note:
            return "missing", f"running now: {holder}"
        if not note:
            return None
        error = note.get("error", "its kernel died (killed, or out of memory)")
        return "failed", f"started {note.get('started', '?')}: {error}"

    def _why_stale(
        self,
        run: str,
        result: receipt.Receipt,
        stale: list[str],
        verifier: receipt.Verifier,
    ) -> list[str]:
        why = list(result.unclean)
        why += [] if result.seal else ["its receipt has no seal: nothing shows whether it is whole"]
        why += _differences("code", result.code, self._code[self.notebook(run)])
        why += _differences("parameter", result.params, self.params(run))
        are = "is" if len(stale) == 1 else "are"
        why += [f"needs {', '.join(stale)}, which {are} not done"] if stale else []
        for need in self.needs(run):
            if need not in stale and result.needs_content.get(need) != self._content(need):
                why.append(f"needs {need}, which ran again since, with another result")
        for path, listed in result.artefacts.items():
            problem = verifier.problem(self.reports / path, listed)
            why += [f"artefact {path} {problem}"] if problem else []
        for path, listed in result.inputs.items():
            # Data of another machine cannot be checked here; that alone makes nothing stale.
            file = self.root / os.path.expanduser(os.path.expandvars(path))
            problem = verifier.problem(file, listed) if file.is_file() else None
            why += [f"input {path} {problem}"] if problem else []
        return why

    def _content(self, run: str) -> str:
        return self.receipt_of(run).content()


def portable(path: Path, root: Path) -> str:
    """A path that means the same on another machine, and names no user.

    In the project, under a `DATA` variable, or under the home folder.
    """
    path = path.resolve()
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    variables = sorted((k, v) for k, v in os.environ.items() if k.startswith(DATA) and v)
    known = [(f"${{{name}}}", Path(value)) for name, value in variables]
    for name, folder in [*known, ("~", Path("~").expanduser())]:
        if path.is_relative_to(folder := folder.resolve()):
            return f"{name}/{path.relative_to(folder).as_posix()}".removesuffix("/.")
    return path.as_posix()


def _declared(path: Path) -> dict[str, dict[str, Any]]:
    """Entries of pipeline.yaml by run, of which every part is of the right type."""
    runs = yaml_file.read_parameters(path).get("runs")
    if not isinstance(runs, dict):
        raise ParameterError(f"{path}: must hold 'runs:' and below it the runs")
    for run, spec in runs.items():
        where = f"{path}: run {run}"
        if not (isinstance(run, str) and _NAME.fullmatch(run) and isinstance(spec, dict)):
            raise ParameterError(f"{where}: write a name and {{notebook: name, needs: [runs]}}")
        if not _NAME.fullmatch(str(spec.get("notebook", ""))):
            raise ParameterError(f"{where}: notebook = {spec.get('notebook')!r} is not a name")
        needs, threads = spec.get("needs", []), spec.get("threads", 1)
        if not (isinstance(needs, list) and all(isinstance(need, str) for need in needs)):
            raise ParameterError(f"{where}: needs = {needs!r} is not a list of runs")
        if "suffix" in spec and not _NAME.fullmatch(str(spec["suffix"])):
            raise ParameterError(f"{where}: suffix = {spec['suffix']!r} is not a name")
        if not isinstance(spec.get("gpu", True), bool):
            raise ParameterError(f"{where}: gpu = {spec['gpu']!r} is neither true nor false")
        if type(threads) is not int or threads < 1:
            raise ParameterError(f"{where}: threads = {threads!r} is not a number from 1 on")
    return runs


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
    values = literals(parameters_cell(notebook))
    if values is None:
        raise ParameterError(f"{notebook}: the parameters cell must only assign literals")
    return values


def parameters_cell(notebook: Path) -> str:
    """Source of the cell that papermill overrides.

    Raises
    ------
    ParameterError
        If no code cell is tagged ``parameters``.
    """
    for source, tags in fingerprint.notebook_cells(notebook):
        if "parameters" in tags:
            return source
    raise ParameterError(f"{notebook}: no code cell is tagged 'parameters'")


def _read_note(path: Path) -> dict[str, Any]:
    """What an unfinished run left about itself; empty if there is none."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, RecursionError, OSError):
        return {"started": "at an unknown time"}
