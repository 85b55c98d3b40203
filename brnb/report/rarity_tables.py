"""The rarity of models as tables: ids become words of the document's language."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brnb.rarity.score import CATEGORIES, inverse_frequency, published_band, quantile_band
from brnb.report.labels import label
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd


def in_words(frame: "pd.DataFrame", lang: str, *columns: str) -> "pd.DataFrame":
    """The frame with the ids in `columns` replaced by their labels."""
    return frame.assign(**{name: [label(id, lang) for id in frame[name]] for name in columns})


def frequencies(models: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """Count and weight of every value of the three categories."""
    import pandas as pd

    rows = []
    for feature in CATEGORIES:
        weights = inverse_frequency(models[feature]).groupby(models[feature]).agg(["size", "mean"])
        for value, (count, weight) in weights.sort_values("mean", ascending=False).iterrows():
            row = {"feature": label(feature, lang), "value": value, "count": int(count)}
            rows.append(row | {"weight": weight})
    return pd.DataFrame(rows)


def bands(models: "pd.DataFrame", quantiles: Sequence[float], lang: str) -> "pd.DataFrame":
    """Band that the document gives to its examples, and those that their scores give."""
    scores = models.set_index("name")["score"]
    own, ours = published_band(scores), quantile_band(scores, *quantiles)
    claims = [claim for claim in load("rarity", "described") if claim["model"] in scores.index]
    names = [claim["model"] for claim in claims]
    frame = scores[names].rename_axis("model").reset_index()
    frame["band_described"] = [claim["band"] for claim in claims]
    frame["band_formula"], frame["band_quantile"] = own[names].tolist(), ours[names].tolist()
    return in_words(frame, lang, "band_described", "band_formula", "band_quantile")


def sizes(models: "pd.DataFrame", small: Sequence[float], large: Sequence[float]) -> "pd.DataFrame":
    """How many models fall inside of the two size classes, and below, between and above them."""
    import pandas as pd

    size = models["size"]
    ranges = [
        (f"< {small[0]:g}B", size < small[0]),
        (f"{small[0]:g}–{small[1]:g}B", size.between(small[0], small[1])),
        (f"{small[1]:g}–{large[0]:g}B", (size > small[1]) & (size < large[0])),
        (f"{large[0]:g}–{large[1]:g}B", size.between(large[0], large[1])),
        (f"> {large[1]:g}B", size > large[1]),
    ]
    rows = []
    for name, inside in ranges:
        newest = models[inside].sort_values("released", ascending=False)["name"]
        row = {"size_range": name, "count": int(inside.sum()), "newest": "; ".join(newest[:3])}
        rows.append(row)
    return pd.DataFrame(rows)


def chosen(choice: "pd.DataFrame") -> "pd.DataFrame":
    """The chosen models of one class, with what their score is made of."""
    columns = ["rank", "name", "attention", "activation", "norm", "context", "score", "baseline"]
    return choice[columns].rename(columns={"name": "model"}).reset_index(drop=True)
