"""Trainings whose speed is known: those of brnb/thesis/measured.yaml and the dissertation's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from brnb.theory.memory import MicroBatch
from brnb.theory.shape import Shape
from brnb.theory.speed import Measured, kind_of, recurrent_work, transformer_work
from brnb.thesis import load

DISSERTATION = "dissertation"  # as a program: whatever its own code was
METHODS = {"full": "", "lora": " LoRA", "qlora": " QLoRA"}
GATES = {"lstm": 4, "gru": 3}
TOKEN_TABLES = ("tab07", "tab08", "tab09")


@dataclass(frozen=True)
class MeasuredTraining:
    """A measured training with what the planner says nothing of: memory and hours, where known."""

    measured: Measured
    shape: Shape | None = None
    step: MicroBatch | None = None
    gib: float | None = None
    hours: float | None = None


def measured_trainings() -> list[MeasuredTraining]:
    """Measured steps, then the dissertation's runs; see the notes in brnb/thesis/measured.yaml."""
    return [*_steps(), *_dissertation()]


def recurrent_weights(cell: str, vocab: int, embedding: int, hidden: int, layers: int) -> int:
    """Weights that a recurrent language model multiplies a token with: gates of all layers, head.

    Examples
    --------
    >>> multiplied("lstm", 10, 4, 8, 1)  # 4 x 8 x (4 + 8) + 8 x 10
    464
    """
    inputs = embedding + (layers - 1) * hidden
    return GATES[cell] * hidden * (inputs + layers * hidden) + hidden * vocab


def _steps() -> Iterator[MeasuredTraining]:
    data = load("measured")
    gpu = data["gpu"]
    for row in data["transformers"]:
        shape, step = Shape(**data["shapes"][row["shape"]]), _step(row)
        method = METHODS[row["method"]]
        name = f"{row['shape']}{method} {row['batch']}×{row['seq_len']}"
        work = transformer_work(shape, step, gpu)
        seconds = 1 / row["tokens_per_second"]
        measured = Measured(name, row["program"], gpu, kind_of(step), work, seconds)
        yield MeasuredTraining(measured, shape, step, row["gib"])
    for row in data["recurrent"]:
        seconds = 1 / row["tokens_per_second"]
        yield MeasuredTraining(_recurrent(row["name"], row["program"], gpu, row, seconds))


def _dissertation() -> Iterator[MeasuredTraining]:
    data = load("measured", "dissertation")
    tokens = {
        row["run"]: 1e9 * float(row["tokens"])
        for table in TOKEN_TABLES
        for row in load("published", table, "rows")
    }
    gpus = {entry["name"]: key for key, entry in load("hardware").items()}
    for row in load("published", "tab01", "rows"):
        run, gpu, hours = row["run"], gpus[row["gpu"]], float(row["hours"])
        if run not in tokens:
            continue  # Track 2: its tokens are not printed
        seconds = 3600 * hours / tokens[run]
        if run in data["recurrent"]:
            sizes = data["recurrent"][run]
            yield MeasuredTraining(_recurrent(run, DISSERTATION, gpu, sizes, seconds), hours=hours)
        else:
            sizes = data["transformers"][run]
            shape = Shape(**sizes["shape"])
            step = MicroBatch(method="full", batch=sizes["batch"], seq_len=sizes["seq_len"])
            work = transformer_work(shape, step, gpu)
            measured = Measured(run, DISSERTATION, gpu, "scratch", work, seconds)
            yield MeasuredTraining(measured, shape, step, hours=hours)


def _step(row: Mapping[str, Any]) -> MicroBatch:
    names = ("method", "batch", "seq_len", "kernels", "head")
    recomputed = None if row["recomputed"] == "all" else row["recomputed"]
    return MicroBatch(**{name: row[name] for name in names}, recomputed=recomputed)


def _recurrent(
    name: str, program: str, gpu: str, row: Mapping[str, Any], seconds: float
) -> Measured:
    sizes = [row[key] for key in ("cell", "vocab", "embedding", "hidden", "layers")]
    work = recurrent_work(recurrent_weights(*sizes), row["layers"], row["batch"], gpu)
    return Measured(name, program, gpu, "recurrent", work, seconds)
