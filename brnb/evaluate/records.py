"""What a training run leaves for the chapters that compare runs, beside its receipt."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from brnb import atomic, receipt
from brnb.evaluate.intrinsic import DocumentNats, Evaluation, Intrinsic
from brnb.evaluate.legibility import Legibility
from brnb.generate.samples import Sample
from brnb.train.history import History

CURVES, SAMPLES, DOCUMENTS = "curves.json", "samples.jsonl", "documents.csv"


@dataclass(frozen=True)
class Record:
    """A finished training run as its receipt and its files tell it.

    `result` and `documents` are of the test split. `samples`, `legibility`, `documents` and
    `validation` are None, and the curves of `history` empty, where a run did not leave them.
    """

    run: str
    params: dict[str, Any]
    result: Intrinsic
    history: History
    samples: list[Sample] | None
    legibility: Legibility | None
    documents: DocumentNats | None
    validation: Intrinsic | None = None

    @property
    def evaluation(self) -> Evaluation:
        """Both held-out splits together."""
        return Evaluation(self.result, self.validation, self.documents)


def write_record(
    folder: Path, history: History, samples: Sequence[Sample], documents: DocumentNats
) -> list[Path]:
    """Write ``curves.json``, ``samples.jsonl`` and ``documents.csv`` into a run's folder.

    Times are not in them: they are the receipt's, and the same training leaves the same bytes.
    """
    files = [folder / name for name in (CURVES, SAMPLES, DOCUMENTS)]
    curves = {"train": history.train, "validation": history.validation}
    atomic.write_json(files[0], curves)
    lines = [json.dumps(asdict(sample), ensure_ascii=False) for sample in samples]
    atomic.write_atomic(files[1], "".join(f"{line}\n" for line in lines))
    atomic.write_atomic(files[2], _csv(documents))
    return files


def _csv(documents: DocumentNats) -> str:
    registers = documents.registers or ("",) * len(documents.nats)
    sizes = documents.bytes.astype(int).tolist()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("nats", "bytes", "register"))
    writer.writerows(zip(map(repr, documents.nats.tolist()), sizes, registers, strict=True))
    return text.getvalue()


def read_record(folder: Path) -> Record:
    """Read a finished training run back from its folder.

    Raises
    ------
    FileNotFoundError
        If the run has no receipt.
    ValueError
        If a file of the run is damaged, or the receipt lacks a metric: it is of older code, or not
        of a training run; names both, and the next command.
    """
    note = receipt.read_receipt(folder / "receipt.json")
    with _whole(folder / CURVES):
        history = _history(folder / CURVES, note.resources)
    with _whole(folder / SAMPLES):
        samples = _samples(folder / SAMPLES)
    with _whole(folder / DOCUMENTS):
        documents = _documents(folder / DOCUMENTS)
    is_judged = "guardrails_pass" in note.metrics
    try:
        return Record(
            run=note.run,
            params=note.params,
            result=_chosen(Intrinsic, note.metrics),
            history=history,
            samples=samples,
            legibility=_chosen(Legibility, note.metrics) if is_judged else None,
            documents=documents,
            validation=_validation(note.metrics),
        )
    except KeyError as lacking:
        raise ValueError(
            f"{folder / 'receipt.json'} has no metric {lacking}: it is of older code, or of no "
            f"training; brnb status --profile {note.profile} says what to run again"
        ) from None


def _validation(metrics: dict[str, Any]) -> Intrinsic | None:
    """The measures of the validation split, whose names begin so; None in a run without them."""
    prefix = "validation_"
    values = {name[len(prefix) :]: v for name, v in metrics.items() if name.startswith(prefix)}
    return _chosen(Intrinsic, values) if "loss" in values else None


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Name a file that cannot be what the run wrote."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}): run its chapter again") from None


def _chosen(kind: type, values: dict[str, Any]) -> Any:
    return kind(**{field.name: values[field.name] for field in fields(kind)})


def _history(curves: Path, resources: dict[str, Any]) -> History:
    """The history behind a receipt: curves from their file, the rest from the resources."""
    points = json.loads(curves.read_text("utf-8")) if curves.is_file() else {}
    known = {field.name for field in fields(History)}
    values = {name: value for name, value in resources.items() if name in known}
    return History(**points, **values, seconds=resources["training_seconds"])


def _samples(path: Path) -> list[Sample] | None:
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="\n") as lines:
        return [Sample(**json.loads(line)) for line in lines]


def _documents(path: Path) -> DocumentNats | None:
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    nats, sizes = np.array([(float(row["nats"]), float(row["bytes"])) for row in rows]).T
    return DocumentNats(nats, sizes, tuple(row.get("register") or "" for row in rows))
