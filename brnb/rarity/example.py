"""The document on choosing models, checked: its worked example, its bands, its descriptions."""

from typing import TYPE_CHECKING

from brnb.rarity.score import FEATURES
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd


def population() -> "pd.DataFrame":
    """The 55 models of the worked example, the scored one first (section Exemplo Prático).

    The counts of each feature are printed, their combinations are not and do not enter the score;
    the window of the largest context is that of the table of features (262K tokens).
    """
    import pandas as pd

    example = load("rarity", "worked_example")
    columns = {}
    for feature, own in example["model"].items():
        counts = example[feature]
        values = [value for value, count in counts.items() for _ in range(count)]
        columns[feature] = sorted(values, key=lambda value: value != own)
    models = pd.DataFrame(columns).assign(context=example["context_max"])
    models.loc[0, "context"] = example["context_of_the_model"]
    return models


def recomputed(weights: "pd.DataFrame") -> "pd.DataFrame":
    """Weights and score of the worked example, printed and from `rarity_score`."""
    import pandas as pd

    example = load("rarity", "worked_example")
    printed = example["weights"] | {"score": example["score"]}
    ours = {name: weights[f"weight_{name}"].iloc[0] for name in FEATURES}
    ours["score"] = weights["score"].iloc[0]
    rows = [{"feature": k, "published": printed[k], "recomputed": ours[k]} for k in printed]
    return pd.DataFrame(rows)


def misdescribed(models: "pd.DataFrame") -> "pd.DataFrame":
    """Where the document gives a model an architecture that is not its own.

    Returns
    -------
    DataFrame
        ``model``, ``feature``, ``described``, ``found`` and ``source``: one row a difference.
    """
    import pandas as pd

    known = models.set_index("name")
    rows = []
    for claim in load("rarity", "described"):
        described = known.loc[claim["model"]]
        for feature in FEATURES:
            if feature in claim and claim[feature] != described[feature]:
                row = {"model": claim["model"], "feature": feature, "described": claim[feature]}
                rows.append(row | {"found": described[feature], "source": described["source"]})
    return pd.DataFrame(rows)
