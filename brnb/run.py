"""The run of a chapter: opened in its second cell, closed in its last.

>>> run = brnb.open_run("04_v1_char_rnn", RecurrentParams, globals())   # doctest: +SKIP
>>> corpus = run.need("corpus")                                         # doctest: +SKIP
>>> run.metric("val_loss", 1.52)                                        # doctest: +SKIP
>>> run.close()                                                         # doctest: +SKIP
"""

import fcntl
import importlib
import os
import re
import resource
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from brnb import energy, fingerprint, receipt
from brnb.params import P, ParameterError, in_force, literals, validate
from brnb.pipeline import Pipeline, find_root, hold_lock, portable, release_lock

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


_IMPORTED = time.time()  # before any other module of the package
_loaded: dict[str, str] = {}  # hashes of the modules that this process has in memory

Value = float | int | str | Decimal | None


class RunError(RuntimeError):
    """The run cannot go on: something that it needs is not there."""


def open_run(notebook: str, schema: type[P], namespace: Mapping[str, Any]) -> "Run[P]":
    """Validate the parameters in force and open the run.

    Parameters
    ----------
    notebook
        Name of the notebook that calls this, without folder and ``.ipynb``.
    schema
        The chapter's parameters.
    namespace
        ``globals()`` of the notebook.

    Raises
    ------
    ParameterError
        A parameter is unknown, missing, of the wrong type or out of range.
    LockedError
        Another process is executing the same run.
    """
    values, defaults = in_force(namespace)
    params = validate(schema, values, where=f"{notebook}.ipynb")
    return Run(notebook, params, values, defaults, namespace)


class Run(Generic[P]):
    """What a chapter may use and what it leaves: parameters, inputs, metrics, artefacts.

    Attributes
    ----------
    params
        The validated parameters.
    folder
        ``reports/<profile>/runs/<run>``: artefacts for other runs; listed in the receipt.
    work
        ``work/<profile>/<run>``: checkpoints and caches; kept whatever happens.
    """

    def __init__(
        self,
        notebook: str,
        params: P,
        values: dict[str, Any],
        defaults: dict[str, Any],
        namespace: Mapping[str, Any],
    ) -> None:
        self.params = params
        self.pipeline = Pipeline(params.profile, find_root())
        self.id, self.notebook = params.run_id, notebook
        path = self.pipeline.notebook(self.id)
        if path.stem != notebook:
            raise ParameterError(f"run_id = {self.id!r} belongs to {path.name}, not {notebook}")
        self.folder, self.work = self.pipeline.folder(self.id), self.pipeline.work(self.id)
        self.reports = self.folder.parents[1]
        self._values, self._defaults, self._namespace = values, defaults, namespace
        self._changed = {k: v for k, v in values.items() if defaults.get(k, v) != v}
        self._code = fingerprint.code(path)
        for name, code in self._code.items():
            file = fingerprint.module_file(name)
            if file and file.stat().st_mtime <= _IMPORTED:
                _loaded.setdefault(name, code)
        self._needs: dict[str, receipt.Receipt] = {}
        self._asked: set[str] = set()
        self._inputs: dict[str, receipt.Artefact] = {}
        self._metrics: dict[str, Any] = {}
        self._numbers: dict[str, dict[str, Any]] = {}
        self._resources: dict[str, Any] = {}
        self._files: set[Path] = set()
        self._started, self._clock = receipt.now(), time.perf_counter()
        hold_lock(self.work / "lock", f"run {self.id} of profile {params.profile}")
        self._energy = energy.Meter()
        (self.reports / "notebooks").mkdir(parents=True, exist_ok=True)
        self._note()
        self._watch()
        print(self._greeting())

    def _note(self, error: str | None = None) -> None:
        """Say on disk that the run has begun (and how it failed); the old receipt is void now."""
        note = {"started": self._started, "pid": os.getpid()} | ({"error": error} if error else {})
        receipt.write_json(self.folder / "started.json", note)
        (self.folder / "receipt.json").unlink(missing_ok=True)

    def _watch(self) -> None:
        """Write the exception of a failed cell where `brnb status` finds it."""
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        if shell is None:
            return

        def after_cell(result: Any) -> None:
            error = result.error_in_exec or result.error_before_exec
            if error and (self.folder / "started.json").is_file():
                first = str(error).strip().split("\n")[0]
                self._note(f"{type(error).__name__}: {first}")

        shell.events.register("post_run_cell", after_cell)

    def _greeting(self) -> str:
        changed = ", ".join(f"{k} = {v!r}" for k, v in sorted(self._changed.items()))
        what = f"{len(self._values)} parameters" + (
            f"; not the default: {changed}" if changed else ""
        )
        return f"{self.id} · profile {self.params.profile} · {what}"

    def need(self, run: str) -> Path:
        """Folder of an upstream run's artefacts, verified against its receipt.

        Raises
        ------
        RunError
            If the run is not declared as needed, did not finish, or its artefacts changed; the
            message holds the command that mends it.
        """
        if run not in self.pipeline.needs(self.id):
            raise RunError(f"add {run} to the needs of {self.id} in params/pipeline.yaml")
        folder, profile = self.pipeline.folder(run), self.params.profile
        source = self.pipeline.notebook(run).relative_to(self.pipeline.root)
        executed = f"reports/{profile}/notebooks/{run}.ipynb"
        command = f"papermill {source} {executed} -f params/{profile}/{run}.yaml"
        try:
            found = receipt.read(folder / "receipt.json")
        except FileNotFoundError:
            raise RunError(
                f"{self.id} needs {run}, which has not finished. Run: {command}"
            ) from None
        except ValueError as error:
            raise RunError(f"{error}. Run: {command}") from None
        verifier = receipt.Verifier(self.work / "hashes.json")
        for path, listed in found.artefacts.items():
            problem = verifier.problem(self.reports / path, listed)
            if problem:
                raise RunError(f"artefact {path} of {run} is {problem}. Run: {command}")
        verifier.save()
        if found.fingerprint != self.pipeline.fingerprints[run]:
            print(f"note: {run} is stale (brnb status --profile {profile} says why)")
        self._needs[run] = found
        self._asked.add(run)
        return folder

    def usage(self) -> list[dict[str, Any]]:
        """What every needed run that has finished used (`brnb.theory.costs.usage`).

        Only receipts are read: weights may stay on the machine that trained them. Snakemake asks
        for all runs; by hand the tables show those that there are, and this run counts as stale
        until the others have finished.
        """
        costs = importlib.import_module("brnb.theory.costs")  # by name, as in `_used`
        for run in self.pipeline.needs(self.id):
            self._asked.add(run)
            path = self.pipeline.folder(run) / "receipt.json"
            if path.is_file():
                self._needs[run] = receipt.read(path)
                self.input(path)
            else:
                print(f"note: {run} has not finished; it is left out")
        return [costs.usage(found) for found in self._needs.values()]

    def input(self, *paths: Path) -> None:
        """Record files that the result depends on and no upstream run vouches for."""
        for path in paths:
            self._inputs[portable(path, self.pipeline.root)] = receipt.describe(path)

    def metric(self, name: str, value: Value) -> None:
        """Record a result; `brnb status --json` and later chapters read it."""
        self._metrics[name] = _plain(value)

    def number(self, name: str, value: Value, decimals: int | None = None) -> None:
        """Record a number for the running text: ``\\brnb{<run>.<name>}`` in LaTeX."""
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            raise ValueError(f"number {name!r}: use letters, digits, '.', '_' and '-'")
        self._numbers[f"{self.id}.{name}"] = {"value": _plain(value), "decimals": decimals}

    def resource(self, **values: Any) -> None:
        """Record what the run used: tokens, tokens_per_second, precision, device…"""
        self._resources |= values

    def file(self, *paths: Path) -> None:
        """List files under reports/<profile> as artefacts of this run."""
        for path in paths:
            self._files.add(path.resolve())

    def table(self, name: str, frame: "pd.DataFrame", **options: Any) -> Any:
        """Write a table as CSV and LaTeX, and return it for display."""
        from brnb.report import tables

        lang = self.params.lang
        self.file(*tables.write_table(self.reports / "tables", name, frame, lang=lang, **options))
        return tables.display(frame, name, lang=lang, **options)

    def figure(self, name: str, figure: "Figure") -> "Figure":
        """Write a figure as PDF and PNG, and return it for display (once: it is closed)."""
        from matplotlib import pyplot as plt

        from brnb.report import figures

        self.file(*figures.write_figure(self.reports / "figures", name, figure, self.params.lang))
        plt.close(figure)
        return figure

    def close(self) -> receipt.Receipt:
        """Write the receipt: from now on, and only from now on, the run counts as done."""
        files = self._files | {
            path.resolve()
            for path in self.folder.rglob("*")
            if path.is_file() and path.name not in ("receipt.json", "started.json")
        }
        needs = {run: found.fingerprint for run, found in self._needs.items()}
        unused = set(self.pipeline.needs(self.id)) - self._asked
        if unused:
            raise RunError(f"{self.id} declares but never asks for: {', '.join(sorted(unused))}")
        seconds = time.perf_counter() - self._clock
        result = receipt.Receipt(
            run=self.id,
            notebook=self.notebook,
            profile=self.params.profile,
            state="done",
            fingerprint=fingerprint.fingerprint(self._code, self._values, needs),
            code=self._code,
            params=self._values,
            needs=needs,
            needs_content={run: found.content() for run, found in self._needs.items()},
            inputs=self._inputs,
            unclean=self._unclean(),
            seed=self.params.seed,
            defaults_changed=self._changed,
            unread=self.params.unread(),
            started=self._started,
            seconds=round(seconds, 3),
            resources=self._used(seconds) | self._resources,
            provenance=receipt.provenance(self.pipeline.root),
            metrics=self._metrics,
            numbers=self._numbers,
            artefacts={
                path.relative_to(self.reports.resolve()).as_posix(): receipt.describe(path)
                for path in sorted(files)
            },
        )
        receipt.write_json(self.folder / "receipt.json", result.model_dump())
        (self.folder / "started.json").unlink(missing_ok=True)
        self._collect_numbers()
        release_lock(self.work / "lock")
        self._say_goodbye(result)
        return result

    def _used(self, seconds: float) -> dict[str, Any]:
        """Peak memory in bytes, energy in joules, and the cost at the prices of the day."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        used: dict[str, Any] = {"peak_memory": peak * (1 if sys.platform == "darwin" else 1024)}
        gpu = receipt.gpu_name()
        if gpu:
            used["peak_gpu_memory"] = sys.modules["torch"].cuda.max_memory_allocated()
        # Imported by name, so that a new price makes no training stale: it changes no result.
        costs = importlib.import_module("brnb.theory.costs")
        total = seconds + self._resources.get("earlier_seconds", 0.0)
        prices = costs.price_list_for(gpu)
        count = self._resources.get("gpus", 1)
        used |= self._energy.stop(count if gpu else 0)
        usage = {"run": self.id, "seconds": round(total, 3), "gpu": gpu, "gpus": count}
        cost = costs.receipt_cost(usage, prices)
        for name in ("usd_per_hour", "usd", "brl"):
            value = getattr(cost, name)
            used[name] = None if value is None else float(value)
        return used | ({"no_price": cost.why} if cost.why else {"price_list": prices})

    def _unclean(self) -> list[str]:
        """Reasons why the result may not be that of the saved notebook and code.

        JupyterLab lets one run edited, extra or skipped cells, and a kernel keeps modules that
        were edited since it started; papermill on a fresh kernel gives none of these.
        """
        cells = fingerprint.notebook_cells(self.pipeline.notebook(self.id))
        saved = {fingerprint.normalise(s) for s, tags in cells if "parameters" not in tags}
        ran = [s for s in self._namespace["In"] if s.strip() and literals(s) is None]
        executed = {fingerprint.normalise(source) for source in ran}
        why = []
        if executed - saved:
            why.append(f"{len(executed - saved)} executed cells are not in the saved notebook")
        if saved - executed:
            why.append(f"{len(saved - executed)} cells of the notebook were not executed")
        now = fingerprint.code(self.pipeline.notebook(self.id))
        modules = [name for name in self._code if fingerprint.module_file(name)]
        edited = [name for name in modules if _loaded.get(name) != now.get(name)]
        if edited:
            why.append(f"edited after the kernel imported them: {', '.join(edited)}")
        return why

    def _collect_numbers(self) -> None:
        """Gather the numbers of all receipts of the profile into numbers.tex."""
        from brnb.report import numbers

        lock = self.reports.parents[1] / "work" / self.params.profile / "numbers.lock"
        with lock.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            found: dict[str, dict[str, Any]] = {}
            for path in sorted(self.folder.parent.glob("*/receipt.json")):
                found |= receipt.read(path).numbers
            text = numbers.render(found, self.params.lang)
            receipt.write_atomic(self.reports / "numbers.tex", text)

    def _say_goodbye(self, result: receipt.Receipt) -> None:
        for name in result.unread:
            print(f"note: parameter {name} was set but nobody read it")
        for why in result.unclean:
            print(f"note: this run counts as stale: {why}; restart the kernel and Run All")
        print(f"{self.id} done in {result.seconds:.1f} s: {len(result.artefacts)} artefacts")


def _plain(value: Value) -> float | int | str | None:
    """A value that JSON has; numpy's and pandas' scalars included."""
    return float(value) if isinstance(value, Decimal) else getattr(value, "item", lambda: value)()
