"""The rarity score exactly as published, with its ambiguities as parameters.

Source: "Escolha de Modelos SLMs", sections Fórmula do Score de Raridade, Filtro de Versões and
Estratégia de Seleção.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

CATEGORIES = ("attention", "activation", "norm")
FEATURES = (*CATEGORIES, "context")
ContextWeight = Literal["length", "inverse_frequency"]
AttentionMean = Literal["models", "values"]


def inverse_frequency(values: "pd.Series", among: "pd.Series | None" = None) -> "pd.Series":
    """Weight N / count(value) of each model's value, counted in `among` (in `values` itself).

    The mean over the counted models is the number of distinct values, whatever their counts. A
    value that `among` lacks counts as one.
    """
    among = values if among is None else among
    return len(among) / values.map(among.value_counts()).astype(float).fillna(1.0)


def rarity_score(
    models: "pd.DataFrame",
    context_weight: ContextWeight = "length",
    attention_mean: AttentionMean = "models",
    features: Sequence[str] = FEATURES,
    among: "pd.DataFrame | None" = None,
) -> "pd.DataFrame":
    """Rarity score of every model.

    Parameters
    ----------
    models
        Columns ``attention``, ``activation``, ``norm`` and ``context`` (tokens).
    context_weight
        The weight of a context window before its normalisation, which the text leaves open:
        its length, as the worked example has it (1.5 = 131072 / 262144 x 3), or N / count.
    attention_mean
        Mean of the attention weights over models (as the worked example) or over distinct values.
    features
        The features that the mean runs over; all four in the publication.
    among
        The models that are counted, if not those that are scored.

    Returns
    -------
    DataFrame
        Columns ``weight_<feature>`` and ``score`` (no unit), index of `models`.

    Raises
    ------
    ValueError
        If there is no model or no known feature.
    """
    import pandas as pd

    among = models if among is None else among
    if models.empty or among.empty or not features or set(features) - set(FEATURES):
        raise ValueError(f"score needs at least one model and features of {', '.join(FEATURES)}")
    weights = {name: inverse_frequency(models[name], among[name]) for name in CATEGORIES}
    lengths, counted = models["context"], among["context"]
    if context_weight == "inverse_frequency":
        lengths, counted = inverse_frequency(lengths, counted), inverse_frequency(counted)
    attention = inverse_frequency(among["attention"])
    if attention_mean == "values":
        attention = attention[~among["attention"].duplicated()]
    weights["context"] = lengths / counted.max() * attention.mean()
    frame = pd.DataFrame({f"weight_{name}": weights[name] for name in FEATURES})
    return frame.assign(score=frame[[f"weight_{name}" for name in features]].mean(axis=1))


def latest(models: "pd.DataFrame", keep: Sequence[str] = ()) -> "pd.DataFrame":
    """Keep the most recently released version per family and size; `keep` names models to spare.

    Raises
    ------
    ValueError
        If a name of `keep` is not in the table.
    """
    unknown = sorted(set(keep) - set(models["name"]))
    if unknown:
        raise ValueError(f"not in brnb/thesis/models.csv: {', '.join(unknown)}")
    ordered = models.sort_values("released", kind="stable")
    last = ~ordered.duplicated(["family", "size"], keep="last")
    return models[last.reindex(models.index) | models["name"].isin(keep)]


def in_class(models: "pd.DataFrame", bounds: Sequence[float]) -> "pd.DataFrame":
    """Models whose nominal size, in billions, lies within the bounds, both included."""
    return models[models["size"].between(bounds[0], bounds[1])]


def select(models: "pd.DataFrame", n: int, baselines: Sequence[str] = ()) -> "pd.DataFrame":
    """The `n` models of highest score, then the mandatory baselines that are not among them.

    Parameters
    ----------
    models
        One size class with columns ``name`` and ``score``; equal scores fall in order of name.
    n
        How many by score.
    baselines
        Names; those outside of the class are left out.

    Returns
    -------
    DataFrame
        The chosen rows by falling score, with ``rank`` (from 1) and ``baseline`` (bool).
    """
    ordered = models.sort_values(["score", "name"], ascending=[False, True], kind="stable")
    ordered = ordered.assign(
        rank=np.arange(1, len(ordered) + 1), baseline=ordered["name"].isin(baselines)
    )
    return ordered[(ordered["rank"] <= n) | ordered["baseline"]]


def published_band(scores: "pd.Series") -> "pd.Series":
    """Band of each score as published: high above 10, moderate from 5 to 10, low below 5."""
    return scores.map(lambda s: "high" if s > 10 else "moderate" if s >= 5 else "low")


def quantile_band(scores: "pd.Series", moderate: float, high: float) -> "pd.Series":
    """Band of each score by quantiles of the scores themselves, reachable whatever the table.

    Parameters
    ----------
    scores
        Of one table.
    moderate, high
        Quantiles in (0, 1) from which a score counts as moderate and as high.
    """
    lower, upper = scores.quantile(moderate), scores.quantile(high)
    return scores.map(lambda s: "high" if s >= upper else "moderate" if s >= lower else "low")


def greatest(weights: "pd.DataFrame") -> float:
    """Upper bound of the score: a model with the rarest value of every feature at once."""
    return float(weights[[f"weight_{name}" for name in FEATURES]].max().mean())


def weight_needed(weights: "pd.Series", target: float) -> float:
    """Weight of attention for a model's score to exceed `target`, its other weights unchanged."""
    others = sum(float(weights[f"weight_{name}"]) for name in FEATURES if name != "attention")
    return target * len(FEATURES) - others
