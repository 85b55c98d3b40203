"""Is a choice of models diverse? Gower distance, farthest-point selection, coverage, chance."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

CATEGORICAL = ("attention", "mixer", "local", "moe", "activation", "norm", "qk_norm", "position")
NUMERIC = ("context", "vocab")  # compared on a logarithmic scale


def architecture(models: "pd.DataFrame") -> "pd.DataFrame":
    """What makes an architecture, apart from size: eight categories, log2 context and vocabulary.

    ``local`` says whether some layers see a window only, ``moe`` whether experts are routed.
    """
    frame = models.assign(local=models["window"].notna(), moe=models["experts"].notna())
    logs = {name: np.log2(frame[name].astype(float)) for name in NUMERIC}
    return frame.assign(**logs)[[*CATEGORICAL, *NUMERIC]]


def gower(models: "pd.DataFrame") -> NDArray[np.float64]:
    """Distance of every pair of models, in [0, 1].

    The mean over features of 1 (different categories) or of the difference over the range
    (numbers); a feature that one of the two lacks does not count. Memory grows with N².

    Parameters
    ----------
    models
        N rows of `brnb.rarity.read_models`.

    Returns
    -------
    ndarray, shape (N, N)

    References
    ----------
    Gower, J. C. A general coefficient of similarity and some of its properties.
    Biometrics 27 (1971), 857-871.
    """
    frame = architecture(models)
    total = np.zeros((len(frame), len(frame)))
    counted = np.zeros_like(total)
    for name in CATEGORICAL:
        codes = frame[name].astype("category").cat.codes.to_numpy()
        total += codes[:, None] != codes[None, :]
        counted += 1
    for name in NUMERIC:
        values = frame[name].to_numpy()
        known = ~np.isnan(values)
        spread = np.ptp(values[known]) if known.any() else 0.0
        gap = np.abs(values[:, None] - values[None, :]) / (spread or 1.0)
        both = known[:, None] & known[None, :]
        total += np.where(both, gap, 0.0)
        counted += both
    return total / counted


def max_min(distance: NDArray[np.float64], n: int, start: Sequence[int] = ()) -> list[int]:
    """Farthest-point selection: each next model is the one farthest from all chosen so far.

    Parameters
    ----------
    distance
    n
        How many to choose beyond `start`.
    start
        Positions already chosen; if there are none, the first is the one farthest from the rest
        on average. Equal distances fall in order of position.

    Returns
    -------
    list of int
        Positions, `start` first. At most twice as far from the optimal cover as possible
        (Gonzalez, T. F. Clustering to minimize the maximum intercluster distance. Theoretical
        Computer Science 38 (1985), 293-306).
    """
    chosen = list(start) or [int(distance.mean(axis=1).argmax())]
    wanted = min(len(start) + n, len(distance))
    nearest = distance[chosen].min(axis=0)
    while len(chosen) < wanted:
        nearest[chosen] = -1.0
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distance[chosen[-1]])
    return chosen


def random_sets(
    size: int, n: int, sets: int, seed: int, start: Sequence[int] = ()
) -> Iterator[list[int]]:
    """`sets` random choices of `n` positions of `size` beyond `start`; the same for a seed."""
    rng = np.random.default_rng(seed)
    free = np.setdiff1d(np.arange(size), start)
    for _ in range(sets):
        yield [*start, *rng.choice(free, min(n, len(free)), replace=False).tolist()]


def presence(models: "pd.DataFrame") -> NDArray[np.bool_]:
    """Which model has which value of which category: shape (N, values)."""
    frame = architecture(models)
    columns = [
        (frame[name] == value).to_numpy() for name in CATEGORICAL for value in frame[name].unique()
    ]
    return np.stack(columns, axis=1)


def coverage(values: NDArray[np.bool_], chosen: Sequence[int]) -> float:
    """Share of the values of all categories that at least one chosen model has, in [0, 1]."""
    return float(values[list(chosen)].any(axis=0).mean())


def radius(distance: NDArray[np.float64], chosen: Sequence[int]) -> float:
    """Mean distance of a model to the nearest chosen one: how well the choice represents all."""
    return float(distance[:, list(chosen)].min(axis=1).mean())


def compare_choices(
    models: "pd.DataFrame", baselines: Sequence[str], sizes: Sequence[int], sets: int, seed: int
) -> "pd.DataFrame":
    """Choices by rarity, by farthest point and at random, beyond the same baselines.

    Parameters
    ----------
    models
        One size class, with ``score``.
    baselines
        Names that every choice holds; those outside of the class are left out.
    sizes
        How many models to choose beyond the baselines.
    sets, seed
        Random choices per size.

    Returns
    -------
    DataFrame
        ``n``, ``method`` (``rarity``, ``max_min``, ``random``), ``coverage`` and ``radius`` (means
        over the random choices) and, for these, ``low`` and ``high``: the 5th and 95th percentile
        of the coverage.
    """
    import pandas as pd

    distance, values = gower(models), presence(models)
    start = np.flatnonzero(models["name"].isin(baselines)).tolist()
    by_score = np.lexsort((models["name"], -models["score"])).tolist()
    rarest = [i for i in by_score if i not in start]
    rows = []
    for n in sizes:
        for method, choices in (
            ("rarity", [[*start, *rarest[:n]]]),
            ("max_min", [max_min(distance, n, start)]),
            ("random", list(random_sets(len(models), n, sets, seed, start))),
        ):
            covered = [coverage(values, chosen) for chosen in choices]
            row = {"n": n, "method": method, "coverage": np.mean(covered)}
            row["radius"] = np.mean([radius(distance, chosen) for chosen in choices])
            if method == "random":
                row["low"], row["high"] = np.quantile(covered, [0.05, 0.95])
            rows.append(row)
    return pd.DataFrame(rows)
