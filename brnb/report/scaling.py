"""Tables of the scaling sweep."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.report.labels import label
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.studies.law import Fit, Prediction
    from brnb.studies.sweep import Trained

DECIMALS = {
    "sizes": {"parameters_million": 3, "non_embedding_million": 3, "learning_rate": 5}
    | {"val_loss": 4, "standard_deviation": 4, "bits_per_byte": 4, "seconds": 1},
    "laws": {"floor": 3, "floor_low": 3, "floor_high": 3}
    | {"exponent": 3, "exponent_low": 3, "exponent_high": 3},
    "prediction": {"parameters_million": 3, "measured_loss": 4, "predicted_loss": 4}
    | {"ci_low": 4, "ci_high": 4, "error_percent": 2},
}


def size_table(trained: Sequence["Trained"]) -> "pd.DataFrame":
    """One row a size: its shape, its learning rate, and means over seeds of loss and time."""
    from brnb.evaluate.statistics import mean_and_deviation

    rows = []
    for size in sorted({t.non_embedding for t in trained}):
        group = [t for t in trained if t.non_embedding == size]
        loss, deviation = mean_and_deviation([t.loss for t in group])
        rows.append(
            {
                "width": group[0].width,
                "layers": group[0].layers,
                "parameters_million": group[0].parameters / 1e6,
                "non_embedding_million": size / 1e6,
                "learning_rate": group[0].learning_rate,
                "seeds": len(group),
                "val_loss": loss,
                "standard_deviation": deviation,
                "bits_per_byte": sum(t.bits_per_byte for t in group) / len(group),
                "seconds": sum(t.history.seconds for t in group) / len(group),
            }
        )
    return _frame(rows)


def law_table(fits: Mapping[str, "Fit"], lang: str) -> "pd.DataFrame":
    """Our laws with intervals, then the published ones; ``fits`` are named by labels.

    The floor of a published law is its E, which ours holds together with B/D^beta.
    """
    rows: list[dict[str, Any]] = []
    for name, found in fits.items():
        row: dict[str, Any] = {"law": label(name, lang)}
        for value in ("floor", "exponent"):
            low, high = found.interval(value)
            row |= {value: getattr(found.law, value), f"{value}_low": low, f"{value}_high": high}
        rows.append(row)
    for facts in load("scaling").values():
        floor = None if facts["E"] is None else float(facts["E"])
        published = {"law": facts["name"], "floor": floor, "floor_low": None, "floor_high": None}
        rows.append(published | {"exponent": float(facts["alpha"])})
    return _frame(rows)


def prediction_table(found: Mapping[str, "Prediction"], lang: str) -> "pd.DataFrame":
    """The largest size, measured and as the laws of the smaller sizes predict it."""
    rows = [
        {
            "law": label(name, lang),
            "parameters_million": p.parameters / 1e6,
            "measured_loss": p.measured,
            "predicted_loss": p.predicted,
            "ci_low": p.low,
            "ci_high": p.high,
            "error_percent": 100 * p.error,
        }
        for name, p in found.items()
    ]
    return _frame(rows)


def _frame(rows: Any) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, dtype=object)
