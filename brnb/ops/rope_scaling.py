"""RoPE for longer texts than it was trained on: what becomes of its frequencies.

Each kind turns slower, so that positions of a text `factor` times as long give angles that the
model has met. They differ in which pairs of a head they slow down: fast ones tell neighbours apart
and have met all their angles, slow ones have not.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

FAST, SLOW = 32, 1  # YaRN: turns within the original context above which a pair stays, below slows
HIGH, LOW = 4, 1  # Llama 3.1's, the same two


class Scaling(NamedTuple):
    """How far beyond the context that it was trained for: `Choices.rope_scaling` and its fields."""

    kind: str = "none"
    factor: float = 1.0
    original_context: int | None = None


UNSCALED = Scaling()


def rope_frequencies(head_dim: int, theta: float) -> Tensor:
    """Radians a token of each pair of a head, theta^(-2i/d) (Su et al., 2021); shape (d/2,)."""
    return 1.0 / theta ** (torch.arange(0, head_dim, 2).float() / head_dim)


def scaled_frequencies(
    scaling: Scaling, head_dim: int, theta: float, length: int
) -> tuple[Tensor, float]:
    """Frequencies of a scaled RoPE, and what its cosines and sines are multiplied by.

    Parameters
    ----------
    scaling
        ``"linear"``: all slower by the factor (Chen et al., 2023). ``"ntk"``: a larger base, so
        that the slowest pair is (bloc97, 2023); ``"dynamic"``: a base that grows with `length`.
        ``"yarn"`` (Peng et al., 2023, Eqs. 13-15): slow pairs by the factor, fast ones not at all,
        a ramp between them over the pairs. ``"llama3"``: the same over their wavelengths.
    head_dim, theta
        As of `rope_frequencies`.
    length
        Of the text, in tokens, for the dynamic kind.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    turns, original = rope_frequencies(head_dim, theta), scaling.original_context or length
    match scaling.kind:
        case "none":
            return turns, 1.0
        case "linear":
            return turns / scaling.factor, 1.0
        case "ntk":
            return rope_frequencies(head_dim, _base(theta, scaling.factor, head_dim)), 1.0
        case "dynamic":
            growth = scaling.factor * max(length, original) / original - (scaling.factor - 1)
            return rope_frequencies(head_dim, _base(theta, growth, head_dim)), 1.0
        case "yarn":
            kept = _yarn_kept(head_dim, theta, original)
            return _mixed(turns, scaling.factor, kept), 0.1 * math.log(scaling.factor) + 1
        case "llama3":
            kept = (original * turns / (2 * math.pi) - LOW) / (HIGH - LOW)
            return _mixed(turns, scaling.factor, kept.clamp(0, 1)), 1.0
    raise ValueError(f"rope_scaling = {scaling.kind!r}: no such kind; see Choices.rope_scaling")


def _base(theta: float, factor: float, head_dim: int) -> float:
    """Base with which the slowest pair turns slower by a factor, the fastest as before."""
    return theta * factor ** (head_dim / (head_dim - 2))


def _yarn_kept(head_dim: int, theta: float, original: int) -> Tensor:
    """Share of each pair that stays as it is: 1 before the ramp, 0 after it; shape (d/2,)."""

    def pair(turns: int) -> float:
        """Which pair turns so often within the original context."""
        return head_dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))

    first, last = max(math.floor(pair(FAST)), 0), min(math.ceil(pair(SLOW)), head_dim - 1)
    ramp = (torch.arange(head_dim // 2) - first) / max(last - first, 1e-3)
    return 1 - ramp.clamp(0, 1)


def _mixed(turns: Tensor, factor: float, kept: Tensor) -> Tensor:
    """Frequencies of which a share is kept and the rest slower by the factor."""
    return turns * kept + turns / factor * (1 - kept)
