"""What the training loops share beside their steps: the bar, when to save, and what diverged."""

import math
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from brnb.progress import Bar

if TYPE_CHECKING:
    from brnb.params import Params
    from brnb.train.checkpoint import Checkpoint
    from brnb.train.parallel import World


P = TypeVar("P", bound="Params")


class Saving(Protocol):
    """Parameters of any training that say when it is saved."""

    @property
    def checkpoint_seconds(self) -> float:
        """Time between checkpoints."""

    @property
    def log_every(self) -> int:
        """Steps between points of the loss curve."""


class TrainingDiverged(RuntimeError):
    """The loss is no longer a number."""


def titled(params: P, *what: Any) -> P:
    """Parameters of one of several trainings of a run, whose bar says which: ``v7 · muon · 13``.

    The name of a run shapes no result (`brnb.params.NEUTRAL`).
    """
    name = " · ".join(str(word) for word in (params.run_id, *what))
    return params.model_copy(update={"run_id": name})


def token_bar(name: str, total: int, done: int, shown: bool) -> Bar:
    """Tokens per second and time left; TQDM_MININTERVAL spaces the lines of a batch log."""
    return Bar(desc=name, total=total, initial=done, unit="token", disable=not shown)


def save_is_due(saved: float, step: int, params: Saving, world: "World", bar: Bar) -> bool:
    """Whether `checkpoint_seconds` are over; several processes ask the first, when they log.

    Parameters
    ----------
    saved
        When the last checkpoint was made, in seconds of `time.perf_counter`.
    bar
        Of which somebody who watches may have pressed the button.
    """
    over = time.perf_counter() - saved >= params.checkpoint_seconds or bar.pause_is_asked
    if world.size == 1:
        return over
    return step % params.log_every == 0 and world.gather(over)[0]


def require_finite(what: str, value: float, step: int, checkpoint: "Checkpoint") -> float:
    """Return a value that is a number.

    Raises
    ------
    TrainingDiverged
        If it is none; names the step and the last good checkpoint.
    """
    if math.isfinite(value):
        return value
    checkpoint.wait()
    good = checkpoint.path
    left = f"the last good state is {good}" if good.is_file() else "there is no checkpoint"
    raise TrainingDiverged(
        f"{what} became {value} by step {step}; {left}. "
        "Lower learning_rate or grad_clip, or raise warmup_steps"
    )
