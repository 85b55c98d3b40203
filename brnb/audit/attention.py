"""Statements of appendix A on attention, tried on small examples."""

import math
import random
import re
from functools import cache

import numpy as np

from brnb.audit.expression import evaluate_expression
from brnb.audit.formula import to_expression
from brnb.audit.properties import same_degrees
from brnb.theory.attention import attention_weights
from brnb.theory.number_formats import stable_softmax
from brnb.theory.online_softmax import merge, partial
from brnb.theory.positions import frequencies, shift_matrix, sinusoidal

_DRAW = random.Random(20260131)
_SCORES = [_DRAW.uniform(-3, 3) for _ in range(8)]
_VALUES = [_DRAW.uniform(-1, 1) for _ in range(8)]


def row_sum() -> float:
    """Sum of a row of the attention matrix, of scores as one query and eight keys give them."""
    keys = [[score] for score in _SCORES]
    return float(attention_weights([[1.0]], keys).sum())


def product_moments(d: float) -> list[float]:
    """Mean and variance of the scalar product of two standard normal vectors of d components.

    Integrated numerically; the terms are independent, so that their variances add up.
    """
    mean, square = _normal_moments()
    return [d * mean * mean, d * (square * square - mean**4)]


@cache
def _normal_moments() -> tuple[float, float]:
    step = 1e-3
    points = [-8 + step * i for i in range(16001)]
    density = [math.exp(-x * x / 2) / math.sqrt(2 * math.pi) * step for x in points]
    mean = sum(x * p for x, p in zip(points, density, strict=True))
    return mean, sum(x * x * p for x, p in zip(points, density, strict=True))


def softmax_shift(printed: str) -> bool | str:
    """Whether a softmax whose exponents are printed is the softmax of the scores."""
    exponents = re.findall(r"e\^\{([^{}]*(?:\{[^{}]*\})?[^{}]*)\}", printed)
    if len(exponents) != 2:
        return "two exponents are expected, of the numerator and of the sum"
    above, below = (to_expression(exponent) for exponent in exponents)
    top = max(_SCORES)
    powers = [math.exp(evaluate_expression(below, {"s_j": s, "s_max": top})) for s in _SCORES]
    shares = [
        math.exp(evaluate_expression(above, {"s_i": s, "s_max": top})) / sum(powers)
        for s in _SCORES
    ]
    pairs = zip(shares, stable_softmax(_SCORES), strict=True)
    return all(math.isclose(mine, right, rel_tol=1e-9) for mine, right in pairs)


def blocks_join(printed: str) -> bool | str:
    """Whether two blocks joined by A.46 to A.48, with the printed sign, give the whole softmax."""
    values = [[value] for value in _VALUES]
    first, second = partial([_SCORES[:4]], values[:4]), partial([_SCORES[4:]], values[4:])
    if printed.strip() == "-":
        second = second._replace(output=-second.output)
    joined = merge(first, second).output.item()
    whole = float(stable_softmax(_SCORES) @ _VALUES)
    return math.isclose(joined, whole, rel_tol=1e-12) or f"{joined:.6f} against {whole:.6f}"


def shift_is_rotation(printed: str, width: int = 8, position: int = 5) -> bool | str:
    """Whether the sinusoidal embedding k positions on is a rotation by k of that of `position`."""
    shift = 3
    angles = (position + float(evaluate_expression(printed, {"k": shift}))) * frequencies(width)
    moved = np.stack([np.sin(angles), np.cos(angles)], axis=-1).ravel()
    rotated = shift_matrix(shift, width) @ sinusoidal(position + 1, width)[position]
    pairs = np.abs(moved - rotated).reshape(-1, 2).max(axis=1) > 1e-12
    return f"pair {pairs.argmax()} is not turned by k" if pairs.any() else True


def bounds_powers(printed: str, power: int = 3) -> bool | str:
    """Whether the powers of a matrix's largest eigenvalue bound the norms of its powers.

    Tried on the triangular matrix with 0.5 on the diagonal and 4 above it; the printed name says
    whether eigenvalue (λ) or singular value (σ) is meant.
    """
    a, b = 0.5, 4.0
    gram = [a * a, a * b, a * b + 0.0, b * b + a * a]
    trace, determinant = gram[0] + gram[3], gram[0] * gram[3] - gram[1] * gram[2]
    singular = math.sqrt((trace + math.sqrt(trace * trace - 4 * determinant)) / 2)
    corner = power * a ** (power - 1) * b  # of the power of the matrix; its norm is no less
    bound = (singular if "sigma" in printed else a) ** power
    return corner <= bound or f"a matrix of eigenvalues 0.5: norm {corner:.3g}, bound {bound:.3g}"


def fits_sram(printed: str, b: str, elements: float = 98_304, d: float = 128) -> bool | str:
    """Whether blocks of the printed side fit into M elements (192 KB of 16 bits)."""
    side = float(evaluate_expression(b, {"M": elements, "d": d}))
    used = float(evaluate_expression(printed, {"B_r": side, "B_c": side, "d": d}))
    return used <= elements or f"{used:.0f} elements of {elements:.0f}"


def reads(printed: str, b: str, t: str) -> bool | str:
    """Whether n d T_c reads, with the text's block, are of the printed order."""
    blocks = t.replace("B_c", f"({b})")
    return same_degrees(printed, f"n*d*({blocks})")
