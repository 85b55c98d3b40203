"""What a training run leaves for the chapters that compare runs, beside its receipt."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from brnb import receipt
from brnb.evaluate.intrinsic import DocumentNats, Intrinsic
from brnb.evaluate.legibility import Legibility
from brnb.generate.samples import Sample
from brnb.train.history import History

CURVES, SAMPLES, DOCUMENTS = "curves.json", "samples.jsonl", "documents.csv"


@dataclass(frozen=True)
class Record:
    """A finished training run as its receipt and its files tell it.

    `samples`, `legibility` and `documents` are None, and the curves of `history` empty, where a
    run did not leave them.
    """

    run: str
    params: dict[str, Any]
    result: Intrinsic
    history: History
    samples: list[Sample] | None
    legibility: Legibility | None
    documents: DocumentNats | None


def write_record(
    folder: Path, history: History, samples: Sequence[Sample], documents: DocumentNats
) -> list[Path]:
    """Write ``curves.json``, ``samples.jsonl`` and ``documents.csv`` into a run's folder.

    Times are not in them: they are the receipt's, and the same training leaves the same bytes.
    """
    files = [folder / name for name in (CURVES, SAMPLES, DOCUMENTS)]
    curves = {"train": history.train, "validation": history.validation}
    receipt.write_json(files[0], curves)
    lines = [json.dumps(asdict(sample), ensure_ascii=False) for sample in samples]
    receipt.write_atomic(files[1], "".join(f"{line}\n" for line in lines))
    rows = zip(documents.nats.tolist(), documents.bytes.astype(int).tolist(), strict=True)
    receipt.write_atomic(files[2], "nats,bytes\n" + "".join(f"{n!r},{b}\n" for n, b in rows))
    return files


def read_record(folder: Path) -> Record:
    """Read a finished training run back from its folder.

    Raises
    ------
    FileNotFoundError
        If the run has no receipt.
    KeyError
        If the receipt is not that of a training run; names the metric that it lacks.
    ValueError
        If a file of the run is damaged; names it.
    """
    note = receipt.read_receipt(folder / "receipt.json")
    with _whole(folder / CURVES):
        history = _history(folder / CURVES, note.resources)
    with _whole(folder / SAMPLES):
        samples = _samples(folder / SAMPLES)
    with _whole(folder / DOCUMENTS):
        documents = _documents(folder / DOCUMENTS)
    is_judged = "guardrails_pass" in note.metrics
    return Record(
        run=note.run,
        params=note.params,
        result=_chosen(Intrinsic, note.metrics),
        history=history,
        samples=samples,
        legibility=_chosen(Legibility, note.metrics) if is_judged else None,
        documents=documents,
    )


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
        rows = [(float(row["nats"]), float(row["bytes"])) for row in csv.DictReader(f)]
    nats, sizes = np.array(rows).T
    return DocumentNats(nats, sizes)
