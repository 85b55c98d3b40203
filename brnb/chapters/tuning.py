"""Chapters 12 and 13: what a continued pretraining, or a supervised fine-tuning, reads."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from brnb.report.labels import label
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd


def tab_data(counts: Mapping[str, Mapping[str, float | int]], lang: str) -> "pd.DataFrame":
    """What a training read and what was left out: a row a count, a column a split."""
    names = list(dict.fromkeys(name for split in counts.values() for name in split))
    rows = [
        {"measure": label(name, lang)}
        | {f"split_{split}": values.get(name) for split, values in counts.items()}
        for name in names
    ]
    return frame(rows)


def tab_noise(counts: Mapping[str, int], lang: str) -> "pd.DataFrame":
    """Pairs of each kind of noise, and their share of all in percent."""
    return frame(
        [
            {"noise": label(f"noise_{kind}", lang), "count": count}
            | {"noise_share": 100 * count / max(1, counts["pairs"])}
            for kind, count in counts.items()
            if kind != "pairs"
        ]
    )
