"""The run of a chapter: opened in its second cell, closed in its last.

>>> run = brnb.open_run("04_v1_char_rnn", RecurrentParams, globals())   # doctest: +SKIP
>>> corpus = run.need("corpus")                                         # doctest: +SKIP
>>> run.metric("val_loss", 1.52)                                        # doctest: +SKIP
>>> run.close()                                                         # doctest: +SKIP
"""

import json
import math
import os
import re
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from brnb import atomic, energy, fingerprint, kernel, notices, receipt, scratch
from brnb.locks import hold_lock, release_lock
from brnb.outputs import Outputs
from brnb.params import P, ParameterError, in_force, validate
from brnb.pipeline import Pipeline, find_root, portable
from brnb.provenance import provenance
from brnb.usage import used

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.report.picture import Picture

Value = float | int | str | Decimal | None
_NOTE_BYTES = 4096  # of started.json, blanks included


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
        Where artefacts for other runs are written; `close` moves them to
        ``reports/<profile>/runs/<run>`` and lists them in the receipt.
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
        self._values, self._defaults, self._namespace = values, defaults, namespace
        self._changed = {k: v for k, v in values.items() if defaults.get(k, v) != v}
        self._choose_home()
        self.work, self._place = self.pipeline.work(self.id), self.pipeline.folder(self.id)
        self._code = fingerprint.code(path)
        kernel.remember(self._code)
        self._needs: dict[str, receipt.Receipt] = {}
        self._asked: set[str] = set()
        self._inputs: dict[str, receipt.Artefact] = {}
        self._metrics: dict[str, Any] = {}
        self._numbers: dict[str, dict[str, Any]] = {}
        self._resources: dict[str, Any] = {}
        self._started, self._clock = receipt.now(), time.perf_counter()
        hold_lock(self.work / "lock", f"run {self.id} of profile {params.profile}")
        atomic.sweep_partials(self.work, self._place)
        self._energy = energy.Meter()
        self._outputs = Outputs(self.pipeline.home(self.id), self.id)
        self.folder = self._outputs.folder
        (self.pipeline.reports / "notebooks").mkdir(parents=True, exist_ok=True)
        self._note()
        kernel.watch_cells(self._failed, params.lang, self.work)
        self._greet()

    def _choose_home(self) -> None:
        """With other parameters or inputs than the profile's, a scratch folder (`brnb.scratch`)."""
        borrowed = scratch.borrowed(self.pipeline, self.id)
        differs = scratch.differences(self.pipeline, self.id, self._values)
        self._why_scratch = [*differs, *borrowed.values()]
        if self._why_scratch:
            borrowed |= {self.id: scratch.name(self.id, differs, borrowed)}
        self.pipeline.scratch |= borrowed

    def _note(self, error: str | None = None) -> None:
        """Say on disk that the run has begun, and how it failed."""
        note = {"started": self._started, "pid": os.getpid()} | ({"error": error} if error else {})
        text = json.dumps(note, ensure_ascii=False).encode().ljust(_NOTE_BYTES) + b"\n"
        path = self._place / "started.json"
        try:
            atomic.write_atomic(path, text)
        except OSError:
            if error is None:
                raise
            with path.open("r+b") as file:  # a full disk still has the room of the note before
                file.write(text)

    def _failed(self, error: str) -> None:
        if (self._place / "started.json").is_file():
            self._note(error[: _NOTE_BYTES // 8])

    def _greet(self) -> None:
        count, lang = len(self._values), self.params.lang
        print(notices.opening(self.pipeline, self.id, lang, count, self._changed))
        if self._why_scratch:
            self._say("scratch_why", run=self.id, why=", ".join(self._why_scratch))
            self._say_where_scratch()

    def _say(self, id: str, **values: Any) -> None:
        print(notices.note(id, self.params.lang, profile=self.params.profile, **values))

    def _say_where_scratch(self) -> None:
        home = self.pipeline.home(self.id)
        where = home.relative_to(self.pipeline.root)
        self._say("scratch_where", home=where, name=home.name, asked=scratch.ASKED)

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
        home, profile = self.pipeline.home(run), self.params.profile
        folder = self.pipeline.folder(run)
        source = self.pipeline.notebook(run).relative_to(self.pipeline.root)
        executed = f"reports/{profile}/notebooks/{run}.ipynb"
        command = f"papermill {source} {executed} -f params/{profile}/{run}.yaml"
        try:
            result = self.pipeline.receipt_of(run)
        except FileNotFoundError:
            raise RunError(
                f"{self.id} needs {run}, which has not finished. Run: {command}"
            ) from None
        except ValueError as error:
            raise RunError(f"{error}. Run: {command}") from None
        verifier = receipt.Verifier(self.work / "hashes.json")
        for path, listed in result.artefacts.items():
            problem = verifier.problem(home / path, listed)
            if problem:
                raise RunError(f"artefact {path} of {run} is {problem}. Run: {command}")
        verifier.save()
        if home == self.pipeline.reports and result.fingerprint != self.pipeline.fingerprints[run]:
            self._say("need_stale", run=run)
        self._needs[run] = result
        self._asked.add(run)
        return folder

    def receipts(self) -> list[receipt.Receipt]:
        """Receipts of the needed runs that have finished, for a chapter of what they used.

        Only receipts are read: weights may stay on the machine that trained them. Snakemake asks
        for all runs; by hand the tables show those that there are, and this run counts as stale
        until the others have finished.
        """
        for run in self.pipeline.needs(self.id):
            self._asked.add(run)
            try:
                self._needs[run] = self.pipeline.receipt_of(run)
            except FileNotFoundError:
                self._say("left_out", run=run)
        return list(self._needs.values())

    def input(self, *paths: Path) -> None:
        """Record files that the result depends on and no upstream run vouches for."""
        for path in paths:
            self._inputs[portable(path, self.pipeline.root)] = receipt.describe(path)

    def metric(self, name: str, value: Value) -> None:
        """Record a result; `brnb status --json` and later chapters read it.

        Raises
        ------
        ValueError
            If it is a float that is no finite number.
        """
        self._metrics[name] = _plain(name, value)

    def number(self, name: str, value: Value, decimals: int | None = None) -> None:
        """Record a number for the running text: ``\\brnb{<run>.<name>}`` in LaTeX."""
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            raise ValueError(f"number {name!r}: use letters, digits, '.', '_' and '-'")
        self._numbers[f"{self.id}.{name}"] = {"value": _plain(name, value), "decimals": decimals}

    def resource(self, **values: Any) -> None:
        """Record what the run used: tokens, tokens_per_second, precision, device…"""
        self._resources |= values

    def table(self, name: str, frame: "pd.DataFrame", **options: Any) -> Any:
        """Write a table as CSV and LaTeX, and return it for display."""
        from brnb.report import tables

        name, lang = self.pipeline.artefact(self.id, name), self.params.lang
        tables.write_table(self._outputs.aside / "tables", name, frame, lang=lang, **options)
        return tables.display(frame, name, lang=lang, **options)

    def figure(self, name: str, figure: "Figure") -> "Picture":
        """Write a figure as PDF and PNG, and return it for display (once: it is closed)."""
        from brnb.report.picture import write_picture

        name, folder = self.pipeline.artefact(self.id, name), self._outputs.aside / "figures"
        return write_picture(folder, name, figure, self.params.lang, self.params.profile)

    def algorithms(self) -> None:
        """Write the dissertation's algorithms as LaTeX floats, ``\\brnbalgorithm{alg07}``."""
        from brnb.report import algorithms

        algorithms.write_algorithms(self._outputs.aside / "algorithms", self.params.lang)

    def close(self) -> receipt.Receipt:
        """Publish what was written, and the receipt: only from now on the run counts as done.

        What edited cells or code made does not replace what the saved ones did: it goes to a
        scratch folder if the run is done.

        Raises
        ------
        RunError
            If the run is closed already, or needs a run that it never asked for.
        """
        from brnb.report import numbers

        if not self._outputs.aside.is_dir():
            raise RunError(f"{self.id} is closed: Run All opens it again")
        unused = set(self.pipeline.needs(self.id)) - self._asked
        if unused:
            raise RunError(f"{self.id} declares but never asks for: {', '.join(sorted(unused))}")
        result = self._receipt()
        if result.unclean and self._is_done():
            self.pipeline.scratch[self.id] = scratch.name(self.id, result.unclean)
        home = self.pipeline.home(self.id)
        self._outputs.publish(result, home)
        (self._place / "started.json").unlink(missing_ok=True)
        self.folder = self.pipeline.folder(self.id)
        lock = self.pipeline.root / "work" / self.params.profile / "numbers.lock"
        numbers.gather_numbers(home, self.params.lang, lock)
        release_lock(self.work / "lock")
        self._say_goodbye(result, home)
        return result

    def _is_done(self) -> bool:
        ours = self.id not in self.pipeline.scratch
        return ours and self.pipeline.status_of(self.id).state == "done"

    def _receipt(self) -> receipt.Receipt:
        from brnb.report.stamp import stamp

        seconds = time.perf_counter() - self._clock
        needs = {run: upstream.fingerprint for run, upstream in self._needs.items()}
        notebook = self.pipeline.notebook(self.id)
        identity = fingerprint.fingerprint(self._code, self._values, needs)
        stamp(self._outputs.aside, self.id, identity)
        return receipt.Receipt(
            run=self.id,
            notebook=self.notebook,
            profile=self.params.profile,
            state="done",
            fingerprint=identity,
            code=self._code,
            params=self._values,
            needs=needs,
            needs_content={run: upstream.content() for run, upstream in self._needs.items()},
            inputs=self._inputs,
            unclean=kernel.unclean(notebook, self._code, self._namespace["In"]),
            seed=self.params.seed,
            defaults_changed=self._changed,
            unread=self.params.unread(),
            started=self._started,
            seconds=round(seconds, 3),
            resources=used(seconds, self._resources, self._energy) | self._resources,
            provenance=provenance(self.pipeline.root),
            metrics=self._metrics,
            numbers=self._numbers,
            artefacts=self._outputs.describe(),
        )

    def _say_goodbye(self, result: receipt.Receipt, home: Path) -> None:
        for name in result.unread:
            self._say("unread", name=name)
        for why in result.unclean:
            self._say("unclean", why=why)
        print(notices.closing(result, home.relative_to(self.pipeline.root), self.params.lang))
        if result.unclean and self.id in self.pipeline.scratch:
            self._say_where_scratch()


def _plain(name: str, value: Value) -> float | int | str | None:
    """A value that JSON has; numpy's and pandas' scalars included."""
    plain = float(value) if isinstance(value, Decimal) else getattr(value, "item", lambda: value)()
    if isinstance(plain, float) and not math.isfinite(plain):
        raise ValueError(f"{name} = {plain}: no receipt holds it; None says that there is no value")
    return plain
