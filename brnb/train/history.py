"""What a training left: its curves and what it took."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brnb import atomic


@dataclass
class History:
    """What a training left: its curves and what it took.

    Attributes
    ----------
    train
        Rows of step, tokens, loss (mean since the row before, nats per token), learning_rate and
        gradient_norm.
    validation
        Rows of step, tokens and loss.
    tokens, pass_tokens
        Tokens seen, with repetition, and those of one pass over the corpus.
    seconds, evaluation_seconds, checkpoint_seconds
        Time in steps, in validation and in saving; all processes of an interrupted training count.
    earlier_seconds
        The part of these three that was spent before this process.
    start_seconds, start_tokens
        The part of `seconds` and `tokens` in the first step of each process: a GPU's kernels are
        compiled and recorded then. The speed leaves them out.
    processes
        GPUs (or processes on CPUs) that share the training.
    micro_batch, out_of_memory
        Sequences that a process computes at a time, and how often that was halved because memory
        ran out; the batch of a step stays the same.
    peak_gpu_memory
        Bytes, of one of the GPUs.
    """

    train: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    tokens: int = 0
    pass_tokens: int = 0
    seconds: float = 0.0
    evaluation_seconds: float = 0.0
    checkpoint_seconds: float = 0.0
    interruptions: int = 0
    earlier_seconds: float = 0.0
    start_seconds: float = 0.0
    start_tokens: int = 0
    device: str = ""
    precision: str = ""
    parameters: int = 0
    processes: int = 1
    micro_batch: int = 0
    out_of_memory: int = 0
    peak_gpu_memory: int = 0

    def count_start(self, seconds: float, tokens: int) -> None:
        """Count a process's first step, which compiled and recorded what the others only run."""
        self.seconds += seconds
        self.start_seconds += seconds
        self.start_tokens += tokens

    @property
    def spent(self) -> float:
        """Seconds in steps, validation and saving together."""
        return self.seconds + self.evaluation_seconds + self.checkpoint_seconds

    @property
    def tokens_per_second(self) -> float:
        """Speed of the steps, without the first of each process if there are others."""
        tokens, seconds = self.tokens - self.start_tokens, self.seconds - self.start_seconds
        if tokens <= 0:
            tokens, seconds = self.tokens, self.seconds
        return tokens / max(seconds, 1e-9)

    @property
    def best(self) -> dict[str, float]:
        """The row of the lowest validation loss; the earliest of several."""
        return min(self.validation, key=lambda row: row["loss"])

    def resources(self) -> dict[str, Any]:
        """Resources of the training for the receipt."""
        shown = (
            *("device", "processes", "precision", "parameters", "tokens", "pass_tokens"),
            *("micro_batch", "out_of_memory", "interruptions", "earlier_seconds"),
        )
        gpus = {"gpus": self.processes} if self.device == "cuda" else {}
        if gpus and self.processes > 1:  # the run itself has only evaluated
            gpus["peak_gpu_memory"] = self.peak_gpu_memory
        return (
            {name: getattr(self, name) for name in shown}
            | gpus
            | {
                "training_seconds": round(self.seconds, 3),
                "evaluation_seconds": round(self.evaluation_seconds, 3),
                "checkpoint_seconds": round(self.checkpoint_seconds, 3),
                "start_seconds": round(self.start_seconds, 3),
                "tokens_per_second": round(self.tokens_per_second, 1),
            }
        )


CURVES = "curves.json"


def write_curves(folder: Path, history: History) -> None:
    """Write ``curves.json``: training and validation losses of a run, without times."""
    curves = {"train": history.train, "validation": history.validation}
    atomic.write_json(folder / CURVES, curves)
