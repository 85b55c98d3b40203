"""The corpus report as tables."""

from typing import TYPE_CHECKING

from brnb.report.labels import label
from brnb.text.corpus import CorpusReport

if TYPE_CHECKING:
    import pandas as pd


def removals(report: CorpusReport, lang: str) -> "pd.DataFrame":
    """Documents, lines and characters that each rule removed, and the share of characters."""
    import pandas as pd

    kept = sum(part.characters for part in report.kept["v6"].values())
    read = kept + sum(removed.characters for removed in report.removed.values())
    rows = [
        {
            "rule": label(rule, lang),
            "documents": removed.documents,
            "lines": removed.lines,
            "characters": removed.characters,
            "share": removed.characters / read,
        }
        for rule, removed in report.removed.items()
    ]
    return pd.DataFrame(rows, dtype=object)


def splits(report: CorpusReport) -> "pd.DataFrame":
    """Documents, lines, characters and bytes of each cleaning and split."""
    import pandas as pd

    rows = [
        {
            "cleaning": cleaning,
            "split": split,
            "documents": kept.documents,
            "lines": kept.lines,
            "characters": kept.characters,
            "bytes": kept.bytes,
        }
        for cleaning, parts in report.kept.items()
        for split, kept in parts.items()
    ]
    return pd.DataFrame(rows, dtype=object)
