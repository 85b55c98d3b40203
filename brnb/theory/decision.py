"""Choosing between strategies: Pareto front, efficiency, weighted utility (C.2.1.2 and C.2.4)."""

from collections.abc import Mapping, Sequence

from brnb.theory.units import not_negative
from brnb.thesis import load

CRITERIA = ("performance", "cost", "time", "risk")


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which points no other beats, of (cost, performance); C.57 for every budget at once.

    A point is beaten by one that costs no more and performs no worse, and is better in one of the
    two. Equal points stay together.

    Parameters
    ----------
    points
        Less cost is better, more performance is better.

    Returns
    -------
    list of int
        Indices of the front, by rising cost.
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i))
    front: list[int] = []
    for i in order:
        if not front or points[i][1] > points[front[-1]][1] or points[i] == points[front[-1]]:
            front.append(i)
    return front


def cost_efficiency(performance: float, cost: float) -> float:
    """Performance for each unit of cost, eta (Eq. C.56).

    Raises
    ------
    ValueError
        If the cost is not above 0.
    """
    if cost <= 0:
        raise ValueError(f"cost = {cost}: it must be above 0")
    return performance / cost


def printed_allocation(budget: float, alpha: float = 0.34) -> float:
    """N* = D* = (alpha B / 2)^(1 / (1 - alpha)), as printed (Eqs. C.58-C.60).

    It is no solution of C.57. With performance (ND)^alpha and cost ND, eta = (ND)^(alpha - 1)
    falls with every step, so the most efficient model is the smallest; and what the budget allows
    is ND = B, which N = D = sqrt(B) spends (`balanced_allocation`) and this exceeds for a large B.
    """
    not_negative("budget", budget=budget)
    not_negative("exponent", alpha=alpha)
    return float((alpha * budget / 2) ** (1 / (1 - alpha)))


def balanced_allocation(budget: float) -> float:
    """N = D that spend a budget of ND = B: its square root."""
    not_negative("budget", budget=budget)
    return float(budget**0.5)


def utility(
    performance: float, cost: float, time: float, risk: float, weights: Mapping[str, float]
) -> float:
    """w1 performance - w2 cost - w3 time - w4 risk (Eqs. C.92-C.94).

    Parameters
    ----------
    performance, cost, time, risk
        As shares of the baseline's; risk between 0 and 1.
    weights
        A weight for each of ``performance``, ``cost``, ``time``, ``risk``.

    Raises
    ------
    ValueError
        If the weights do not name these four.
    """
    if set(weights) != set(CRITERIA):
        raise ValueError(f"weights are needed for {', '.join(CRITERIA)}, not {', '.join(weights)}")
    gain = weights["performance"] * performance
    return gain - weights["cost"] * cost - weights["time"] * time - weights["risk"] * risk


def decision_matrix(
    weights: Mapping[str, float] | None = None, risk_values: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Utility of every strategy of Table 21.

    Parameters
    ----------
    weights, risk_values
        Weights as in `utility`, and a number for each of ``Alto``, ``Médio``, ``Baixo``; those of
        brnb/thesis/economics.yaml by default.
    """
    table = load("economics", "tab21")
    given = weights or {key: float(value) for key, value in table["weights"].items()}
    risks = risk_values or {key: float(value) for key, value in table["risk_values"].items()}
    return {
        row["strategy"]: utility(
            float(row["performance"]), float(row["cost"]), float(row["time"]),
            risks[row["risk"]], given,
        )
        for row in table["rows"]
    }  # fmt: skip
