"""Statements of appendices B and C that are tried with numbers: probabilities, optima, layouts."""

import math
from collections.abc import Callable
from functools import cache

from brnb.audit.expression import FUNCTIONS, evaluate_expression, names, normal_cdf, normal_inside


def two_sided(printed: str, b: str) -> bool | str:
    """Whether 2Φ(x) - 1 is the probability that a standard normal lies within ±x."""
    x = 0.7
    scale = float(evaluate_expression(printed.replace("Phi", "1"), {}))
    value = scale * normal_cdf(x) - float(evaluate_expression(b, {}))
    return math.isclose(value, normal_inside(x)) or f"{value:.4f} against {normal_inside(x):.4f}"


def minimum(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of one valley is least, by golden sections."""
    share = (math.sqrt(5) - 1) / 2
    while high - low > 1e-6 * high:
        left, right = high - share * (high - low), low + share * (high - low)
        if function(left) < function(right):
            high = right
        else:
            low = left
    return (low + high) / 2


@cache
def gaussian_clip(bits: int) -> float:
    """Clip, in standard deviations, of a symmetric uniform quantiser with least squared error.

    Levels are the integers from -(2^(bits-1) - 1) to its opposite, as B.127 has them.
    """
    levels = 2 ** (int(bits) - 1) - 1
    step = 1 / 400
    points = [step * (i + 0.5) for i in range(int(8 / step))]

    def error(clip: float) -> float:
        total = 0.0
        for x in points:
            kept = min(levels, round(x / clip * levels)) * clip / levels
            total += (x - kept) ** 2 * math.exp(-x * x / 2)
        return total

    return minimum(error, 1.0, 7.0)


def stages_cover(a: str, b: str, c: str) -> bool | str:
    """Whether stages from ⌊a⌋ + c to ⌊b⌋ take every layer exactly once."""
    for layers, stages in ((12, 4), (13, 5), (96, 7)):
        taken: list[int] = []
        for p in range(1, stages + 1):
            point = {"p": p, "L": layers, "P": stages}
            first = math.floor(float(evaluate_expression(a, point))) + int(
                evaluate_expression(c, {})
            )
            taken += range(first, math.floor(float(evaluate_expression(b, point))) + 1)
        if taken != list(range(1, layers + 1)):
            return f"{layers} layers on {stages} stages: {taken}"
    return True


def tends_to(printed: str, f: str, large: str) -> bool | str:
    """Whether a formula tends to a printed share when one symbol grows."""
    value = float(evaluate_expression(f, {large: 1e9, **dict.fromkeys(_others(f, [large]), 4.0)}))
    share = float(evaluate_expression(printed, {})) / 100
    return math.isclose(value, share, rel_tol=1e-3) or f"it tends to {value:.4g}"


def tends_to_formula(printed: str, a: str, large: list[str]) -> bool | str:
    """Whether one formula tends to another when some symbols grow."""
    point = {**dict.fromkeys(large, 1e9), **dict.fromkeys(_others(a, large), 4.0)}
    first, second = float(evaluate_expression(a, point)), float(evaluate_expression(printed, point))
    return math.isclose(first, second, rel_tol=1e-3) or f"{first:.4g} against {second:.4g}"


def _others(formula: str, large: list[str]) -> set[str]:
    return names(formula) - set(large) - set(FUNCTIONS)


def maps_ends(s: str, z: str) -> bool | str:
    """Whether a linear quantiser takes the ends of its range to -128 and 127."""
    ends = {"w_min": -0.7, "w_max": 1.9}
    scale = float(evaluate_expression(s, ends))
    zero = float(evaluate_expression(z, {**ends, "scale": scale}))
    low, high = (ends[name] / scale + zero for name in ("w_min", "w_max"))
    fits = math.isclose(low, -128) and math.isclose(high, 127)
    return fits or f"the range goes to {low:.4g} and {high:.4g}"


def within_budget(a: str, b: str, alpha: str) -> bool | str:
    """Whether N and D of C.58 and C.59 cost no more than the budget, ND ≤ B, when it is large."""
    point = {"B": 1e6, "alpha": float(evaluate_expression(alpha, {}))}
    cost = float(evaluate_expression(a, point)) * float(evaluate_expression(b, point))
    return cost <= point["B"] or f"with B = 1e6 the cost is {cost:.2g}"


def no_more_than_rank(printed: str) -> bool | str:
    """Whether the rank asked for to keep nine tenths is no more than the whole."""
    point = {name: 0.9 if "epsilon" in name else 1.0 for name in names(printed)}
    point |= {"rank": 100.0, "W": 1.0}
    asked = float(evaluate_expression(printed, point))
    return asked <= 100 or f"rank {asked:.0f} is asked of a matrix of rank 100"


def depends_on(printed: str, m: str, name: str) -> bool | str:
    """Whether the optimum contains the symbol that the memory contains."""
    return name in names(printed) or name not in names(m) or f"{name} is not in {printed}"


def ring_sums(a: str, b: str, workers: int = 5) -> bool | str:
    """Whether a ring whose steps send chunks a, then b, leaves every worker with all sums.

    Letters of "rank" multiply in a formula, so that the rank is the first of them.
    """
    data = [[10.0**rank * (chunk + 1) for chunk in range(workers)] for rank in range(workers)]
    sums = [sum(column) for column in zip(*data, strict=True)]
    for formula, adds in ((a, True), (b, False)):
        for step in range(1, workers):
            sent = []
            for rank in range(workers):
                point = {"r": rank, "a": 1, "n": 1, "k": 1, "i": step}
                chunk = int(evaluate_expression(formula, point)) % workers
                sent.append((chunk, data[rank][chunk]))
            for rank, (chunk, value) in enumerate(sent):
                kept = data[(rank + 1) % workers]
                kept[chunk] = kept[chunk] + value if adds else value
    return all(row == sums for row in data) or "the workers do not end with the sums"
