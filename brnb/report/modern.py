"""Tables of the modern recipe (chapter 10)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.report.labels import label

if TYPE_CHECKING:
    import pandas as pd

    from brnb.studies.ablation import Race, Worth
    from brnb.train.history import History

DECIMALS = {
    "race": {"parameters_million": 1, "bits_per_byte": 4, "tokens_million": 2, "token_share": 3},
    "ablation": {"parameters_million": 2}
    | dict.fromkeys(("bits_per_byte", "deviation", "change", "ci_low", "ci_high"), 4),
}


def race_table(histories: Mapping[str, "History"], race: "Race") -> "pd.DataFrame":
    """One row a run, the baseline first: parameters, best bits per byte, and the tokens at which
    it was as good as the baseline's best; missing where it never was."""
    import pandas as pd

    reached = (race.target, race.baseline_tokens), (race.best, race.tokens)
    return pd.DataFrame(
        [
            {"run": run, "parameters_million": history.parameters / 1e6, "bits_per_byte": best}
            | {"tokens_million": None if tokens is None else tokens / 1e6}
            | {"token_share": None if tokens is None else tokens / race.baseline_tokens}
            for (run, history), (best, tokens) in zip(histories.items(), reached, strict=True)
        ],
        dtype=object,
    )


def ablation_table(rows: Sequence["Worth"], lang: str) -> "pd.DataFrame":
    """One row a recipe: mean and deviation over seeds, and what the removal adds, with its
    interval; `helps` says whether the ingredient helps, and is missing where the interval holds
    zero."""
    import pandas as pd

    found = []
    for worth in rows:
        ingredient = worth.row.ingredient
        values = {
            "recipe": label(f"without_{ingredient}" if ingredient else "whole_recipe", lang),
            "parameters_million": worth.row.parameters / 1e6,
            "seeds": len(worth.row.bits_per_byte),
            "bits_per_byte": worth.mean,
            "deviation": worth.deviation,
        }
        removal: dict[str, float | bool | None] = {
            "change": worth.change,
            "ci_low": worth.low,
            "ci_high": worth.high,
            "helps": worth.helps,
        }
        found.append(values | (removal if ingredient else dict.fromkeys(removal)))
    return pd.DataFrame(found, dtype=object)
