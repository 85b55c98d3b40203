"""Chapters 12 and 13: what a continued pretraining, or a supervised fine-tuning, reads."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.report.labels import format_number, label
from brnb.report.sentences import fill_sentence
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


def removed_sentence(removed: Mapping[str, int], lang: str) -> str:
    """Say how many texts or pairs each rule left out."""
    parts = [
        fill_sentence("say_count", lang, name=label(name, lang), count=count)
        for name, count in removed.items()
    ]
    return fill_sentence("say_removed", lang, parts="; ".join(parts))


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


def noise_sentence(counts: Mapping[str, int], lang: str) -> str:
    """Say how many pairs were looked at, and which kind of noise is the most frequent."""
    kind, count = max(((k, n) for k, n in counts.items() if k != "pairs"), key=lambda row: row[1])
    return label("noise_sentence" if count else "no_noise", lang).format(
        pairs=format_number(counts["pairs"], lang),
        kind=label(f"noise_{kind}", lang),
        count=format_number(count, lang),
        share=format_number(100 * count / max(1, counts["pairs"]), lang, 2),
    )


def training_sentence(validation: Sequence[Mapping[str, float]], lang: str) -> str:
    """Say how far the validation loss of a training fell from the first point of its curve."""
    first, best = validation[0]["loss"], min(validation, key=lambda row: row["loss"])
    return label("training_sentence", lang).format(
        first=format_number(first, lang, 3),
        best=format_number(best["loss"], lang, 3),
        tokens=format_number(int(best["tokens"]), lang),
        fall=format_number(first - best["loss"], lang, 3),
    )
