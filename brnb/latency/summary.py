"""What tables and figures of chapter 17 say of each model and benchmark: medians, intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brnb.evaluate.statistics import Floats, percentiles

if TYPE_CHECKING:
    from brnb.latency.params import LatencyParams
    from brnb.latency.study import TimedContestant

SECONDS = ("first_token_s", "latency_s", "tokens_per_s")


def summarise(records: pd.DataFrame, params: "LatencyParams") -> pd.DataFrame:
    """One row a model and benchmark.

    Columns: model, family, weights, benchmark, items; of each of `SECONDS` the median over items
    of the median over repetitions, with ``_low`` and ``_high`` of its bootstrap interval over
    items; accuracy and checked (means over items), efficiency (accuracy × tokens/s, as document
    003 has it), peak_bytes (largest).
    """
    rows = []
    for key, group in records.groupby(["model", "family", "weights", "benchmark"], sort=False):
        row: dict[str, Any] = dict(
            zip(("model", "family", "weights", "benchmark"), key, strict=True)
        )
        by_item = group.groupby("item", sort=True)
        row["items"] = by_item.ngroups
        for name in SECONDS:
            values = by_item[name].median().to_numpy(float)
            row[name], row[f"{name}_low"], row[f"{name}_high"] = median_interval(values, params)
        row |= {name: float(by_item[name].first().mean()) for name in ("accuracy", "checked")}
        row["efficiency"] = row["accuracy"] * row["tokens_per_s"]
        rows.append(row | {"peak_bytes": int(group["peak_bytes"].max())})
    return pd.DataFrame(rows)


def median_interval(values: Floats, params: "LatencyParams") -> tuple[float, float, float]:
    """Median of one value an item, and its percentile interval over items drawn anew."""
    random = np.random.default_rng(params.seed)
    drawn = random.integers(len(values), size=(params.resamples, len(values)))
    low, high = percentiles(np.median(values[drawn], axis=1), params.confidence)
    return float(np.median(values)), float(low), float(high)


def by_weights(
    records: pd.DataFrame, timed: Sequence["TimedContestant"], params: "LatencyParams"
) -> pd.DataFrame:
    """What a format of the weights does to a shape's speed and memory, beside bf16 or fp32.

    Beside the first contestant of the shape whose weights are not quantised, or the one whose
    experts run in a loop, as quantised ones do: the difference is to be the format's. Items are
    paired: the ratio of an item's rates is taken before the median. Columns: shape, weights,
    tokens_per_s, speed_ratio with ``_low`` and ``_high``, memory_relative.
    """
    rows: list[dict[str, Any]] = []
    plain = dict[str | None, str]()
    models = {result.contestant.name: result.contestant for result in timed}
    rates = records.groupby(["model", "item"])["tokens_per_s"].median()
    peaks = records.groupby("model")["peak_bytes"].max()
    whole = {name: c for name, c in models.items() if c.weights in ("bf16", "fp32")}
    for name, c in whole.items():
        if c.experts == "eager" or (c.shape or c.base) not in plain:
            plain[c.shape or c.base] = name
    for name, contestant in models.items():
        source = contestant.shape or contestant.base
        if source not in plain or (name in whole and name != plain[source]):
            continue
        ratios = (rates[name] / rates[plain[source]]).sort_index().to_numpy(float)
        middle, low, high = median_interval(ratios, params)
        row: dict[str, Any] = {"shape": source, "weights": contestant.weights}
        row |= {"tokens_per_s": float(rates[name].median()), "speed_ratio": middle}
        row |= {"speed_ratio_low": low, "speed_ratio_high": high}
        rows.append(row | {"memory_relative": float(peaks[name] / peaks[plain[source]])})
    return pd.DataFrame(rows)
