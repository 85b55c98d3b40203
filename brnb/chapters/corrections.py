"""Chapters 20 and 21: formulas of the appendices as printed, beside what they should be."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from brnb.report.labels import label
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd


def printed_beside_corrected(
    formulas: Iterable[tuple[str, str, Any, Any]], lang: str
) -> "pd.DataFrame":
    """Both values of each formula and their ratio.

    Parameters
    ----------
    formulas
        Equation, quantity (id of a label), value as printed, and corrected.
    """
    rows = [
        {
            "equation": equation,
            "quantity": label(quantity, lang),
            "printed_value": float(printed),
            "corrected_value": float(corrected),
            "printed_over_corrected": float(printed) / float(corrected),
        }
        for equation, quantity, printed, corrected in formulas
    ]
    return frame(rows)
