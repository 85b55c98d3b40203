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
