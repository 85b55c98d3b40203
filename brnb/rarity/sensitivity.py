"""Does the choice hang on one feature, or on which models happen to be in the table?"""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import numpy as np

from brnb.rarity.score import FEATURES, AttentionMean, ContextWeight, rarity_score

if TYPE_CHECKING:
    import pandas as pd


def leave_one_out(
    models: "pd.DataFrame",
    bounds: Sequence[float],
    n: int,
    context_weight: ContextWeight = "length",
    attention_mean: AttentionMean = "models",
) -> "pd.DataFrame":
    """Leave each feature out of the score and see what remains of the choice.

    Parameters
    ----------
    models
        The population that the score counts in.
    bounds
        Size class, billions of parameters, inclusive.
    n
        How many models of the class are chosen.
    context_weight, attention_mean
        Of `brnb.rarity.score.rarity_score`.

    Returns
    -------
    DataFrame
        ``feature`` left out, ``kept`` (share of the `n` models still chosen) and ``rank_corr``
        (Spearman's correlation of the scores of the class).
    """
    import pandas as pd

    inside = models["size"].between(bounds[0], bounds[1])
    full = rarity_score(models, context_weight, attention_mean)["score"][inside]
    rows = []
    for left_out in FEATURES:
        features = tuple(name for name in FEATURES if name != left_out)
        other = rarity_score(models, context_weight, attention_mean, features)["score"][inside]
        kept = _top(full, n) & _top(other, n)
        corr = full.rank().corr(other.rank())
        rows.append({"feature": left_out, "kept": len(kept) / n, "rank_corr": corr})
    return pd.DataFrame(rows)


def _top(scores: "pd.Series", n: int) -> set[object]:
    return set(scores.sort_values(ascending=False, kind="stable").index[:n])


def variants(models: "pd.DataFrame", bounds: Sequence[float], n: int) -> "pd.DataFrame":
    """What the ambiguous words of the publication change, against the worked example's reading.

    Returns
    -------
    DataFrame
        Per reading: ``context_weight``, ``attention_mean``, ``kept`` and ``rank_corr`` as in
        `leave_one_out`, and the highest ``score`` of the class.
    """
    import pandas as pd

    inside = models["size"].between(bounds[0], bounds[1])
    full = rarity_score(models)["score"][inside]
    rows = []
    for weight, mean in itertools.product(get_args(ContextWeight), get_args(AttentionMean)):
        other = rarity_score(models, weight, mean)["score"][inside]
        kept = len(_top(full, n) & _top(other, n)) / n
        row = {"context_weight": weight, "attention_mean": mean, "kept": kept}
        rows.append(row | {"rank_corr": full.rank().corr(other.rank()), "score": other.max()})
    return pd.DataFrame(rows)


def bootstrap(
    models: "pd.DataFrame",
    bounds: Sequence[float],
    n: int,
    resamples: int,
    seed: int,
    context_weight: ContextWeight = "length",
    attention_mean: AttentionMean = "models",
) -> "pd.DataFrame":
    """Resample the table and see how often each model is among the `n` of its class.

    Every model of the class is scored with the counts of each resample.

    Parameters
    ----------
    models, bounds, n, context_weight, attention_mean
        As in `leave_one_out`.
    resamples, seed
        How many tables of as many models are drawn with replacement.

    Returns
    -------
    DataFrame
        Per model of the class: ``name`` and ``chosen``, the share of the resamples in which it is
        chosen (equal scores share the place), by falling ``chosen``, then name.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    group = models[models["size"].between(bounds[0], bounds[1])]
    scores = np.empty((resamples, len(group)))
    for row in scores:
        drawn = models.iloc[rng.integers(len(models), size=len(models))]
        row[:] = rarity_score(group, context_weight, attention_mean, among=drawn)["score"]
    limit = -np.sort(-scores, axis=1)[:, min(n, len(group)) - 1]
    chosen = (scores >= limit[:, None]).mean(axis=0)
    frame = pd.DataFrame({"name": group["name"], "chosen": chosen})
    return frame.sort_values(["chosen", "name"], ascending=[False, True], ignore_index=True)
