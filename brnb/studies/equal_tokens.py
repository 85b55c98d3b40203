"""Training curves read twice: where runs have had equally many tokens, and where each one ends.

Two questions with two answers. At equal tokens a run is ahead that learns more from what it reads;
at its end, one that was given enough. Both are read off the curves that every training leaves.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from brnb.evaluate.records import Record

CONVERGED = 0.01  # bits per byte that a doubling of the tokens brings at most; the bound is ours
RECENT = 0.1  # share of the tokens whose training loss is averaged

Curve = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class EqualTokens:
    """A run when it had read as many tokens as the shortest run on its cleaning.

    Attributes
    ----------
    tokens
        The largest number that all runs on this cleaning have read.
    share
        Of the run's whole training: far from 1, its learning rate was still high.
    validation
        Bits per byte, interpolated; None before the run's first evaluation.
    training
        Bits per byte of the text it was just reading, the mean of the last tenth of `tokens`;
        None where the curve begins later.
    """

    run: str
    cleaning: str
    tokens: int
    share: float
    validation: float | None
    training: float | None

    @property
    def order(self) -> tuple[str, float]:
        """By cleaning, and the best last: the training curve reaches where validation may not."""
        return self.cleaning, -(self.training or self.validation or math.inf)


@dataclass(frozen=True)
class CurveEnd:
    """A run at the end of its training, and what the last doubling of its tokens brought.

    Attributes
    ----------
    passes
        Over the training text.
    validation, best
        Bits per byte at the last and at the best evaluation.
    best_tokens
        Where the best one was.
    gain
        Bits per byte that a doubling of the tokens brought at last, from the evaluation nearest to
        half of them; None where there is only one evaluation.
    """

    run: str
    cleaning: str
    tokens: int
    passes: float
    validation: float
    best: float
    best_tokens: int
    gain: float | None

    @property
    def converged(self) -> bool | None:
        """Whether another doubling promises at most `CONVERGED`; None if that is not known."""
        return None if self.gain is None else self.gain <= CONVERGED


def at_equal_tokens(records: Sequence[Record]) -> list[EqualTokens]:
    """Every run at the largest number of tokens that all runs on its cleaning have read."""
    common: dict[str, int] = {}
    for record in records:
        cleaning, read = record.params["cleaning"], record.history.tokens
        common[cleaning] = min(read, common.get(cleaning, read))
    points = [_point(record, common[record.params["cleaning"]]) for record in records]
    return sorted(points, key=lambda point: point.order)


def _point(record: Record, tokens: int) -> EqualTokens:
    history, scale = record.history, _bits_per_nat(record)
    validation = interpolated(history.validation, tokens)
    training = recent_mean(history.train, tokens)
    return EqualTokens(
        record.run,
        record.params["cleaning"],
        tokens,
        tokens / history.tokens,
        None if validation is None else scale * validation,
        None if training is None else scale * training,
    )


def _bits_per_nat(record: Record) -> float:
    """Bits per byte of a loss of 1 nat per token: tokens per byte of the validation text."""
    measured = record.validation or record.result
    return measured.bits_per_byte / measured.loss


def interpolated(curve: Curve, tokens: int) -> float | None:
    """Loss at a number of tokens, linear in its logarithm between the points around it.

    None outside of the curve: where nothing was evaluated, nothing is said.
    """
    if not curve or not curve[0]["tokens"] <= tokens <= curve[-1]["tokens"]:
        return None
    at = np.log([row["tokens"] for row in curve])
    return float(np.interp(math.log(tokens), at, [row["loss"] for row in curve]))


def recent_mean(curve: Curve, tokens: int) -> float | None:
    """Mean loss of the rows in the last `RECENT` of the tokens up to `tokens`, or of the last row
    before it; None if the curve begins later."""
    before = [row for row in curve if row["tokens"] <= tokens]
    recent = [row["loss"] for row in before if row["tokens"] > (1 - RECENT) * tokens]
    return float(np.mean(recent or [before[-1]["loss"]])) if before else None


def at_the_end(records: Iterable[Record]) -> list[CurveEnd]:
    """Every run that was evaluated, at its end; those of a cleaning together and the best last."""
    ends = [_end(record) for record in records if record.history.validation]
    return sorted(ends, key=lambda end: (end.cleaning, -end.best))


def _end(record: Record) -> CurveEnd:
    history, scale = record.history, _bits_per_nat(record)
    last, best = history.validation[-1], history.best
    return CurveEnd(
        run=record.run,
        cleaning=record.params["cleaning"],
        tokens=history.tokens,
        passes=history.tokens / history.pass_tokens,
        validation=scale * last["loss"],
        best=scale * best["loss"],
        best_tokens=int(best["tokens"]),
        gain=_gain(history.validation, scale),
    )


def _gain(curve: Curve, scale: float) -> float | None:
    """Bits per byte a doubling, from the evaluation nearest to half of the tokens to the last."""
    if len(curve) < 2:
        return None
    last = curve[-1]
    half = min(curve[:-1], key=lambda row: abs(row["tokens"] - last["tokens"] / 2))
    fallen = scale * (half["loss"] - last["loss"])
    return fallen / math.log2(last["tokens"] / half["tokens"])
