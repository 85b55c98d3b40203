"""A figure as a notebook shows it, with words for those who do not see it.

nbconvert and JupyterLab read the alternative text from the output's metadata, ``image/png: alt``.
"""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brnb.report.figures import write_figure
from brnb.report.labels import find_label
from brnb.report.sentences import enumerated, fill_sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_MOST_NAMES = 24  # categories or series that a listener bears


@dataclass(frozen=True)
class Picture:
    """A figure and what it shows in words."""

    figure: "Figure"
    alt: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        png = io.BytesIO()
        self.figure.savefig(png, format="png", dpi=100, metadata={"Software": None})
        encoded = base64.b64encode(png.getvalue()).decode("ascii")
        return {"image/png": encoded}, {"image/png": {"alt": self.alt}}


def write_picture(folder: Path, id: str, figure: "Figure", lang: str, profile: str) -> Picture:
    """Write a figure's files, close it, and return it for display.

    If the labels have a caution for the profile (``caution_smoke``), it stands on the figure.
    """
    from matplotlib import pyplot as plt

    note = find_label(f"caution_{profile}", lang)
    alt = " ".join(filter(None, [alternative_text(figure, id, lang), note]))
    write_figure(folder, id, figure, lang, note)
    plt.close(figure)
    return Picture(figure, alt)


def alternative_text(figure: "Figure", id: str, lang: str) -> str:
    """Say what a figure shows: its caption, the axes of each panel, its series and categories.

    All words are the figure's own and those of its caption's label, so they follow its language.
    """
    said = [(find_label(id, lang) or id).rstrip(".") + "."]
    said += dict.fromkeys(text for axes in figure.axes if (text := _panel(axes, lang)))
    names = _series(figure)
    if names:
        said.append(fill_sentence("alt_series", lang, names=enumerated(names[:_MOST_NAMES], lang)))
    return " ".join(said)


def _panel(axes: "Axes", lang: str) -> str:
    parts = [
        fill_sentence(f"alt_{side}", lang, name=text)
        for side, axis in (("x", axes.xaxis), ("y", axes.yaxis))
        if (text := _axis(axis))
    ]
    if not parts:
        return ""
    title = axes.get_title() or axes.get_title("left")
    text = "; ".join(parts)
    return f"{title}: {text}." if title else f"{text[0].upper()}{text[1:]}."


def _axis(axis: "Axis") -> str:
    """The axis's label, and its categories if it has names in place of numbers."""
    from matplotlib.category import StrCategoryLocator
    from matplotlib.ticker import FixedLocator

    label = axis.get_label_text()
    if not isinstance(axis.get_major_locator(), (FixedLocator, StrCategoryLocator)):
        return label
    texts = [tick.get_text() for tick in axis.get_ticklabels()]
    names = [text for text in texts if any(map(str.isalpha, text)) and text[0] != "$"]
    categories = ", ".join(names[:_MOST_NAMES])
    return f"{label} ({categories})" if label and categories else label or categories


def _series(figure: "Figure") -> list[str]:
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    texts = [text.get_text() for legend in legends if legend for text in legend.get_texts()]
    return list(dict.fromkeys(text for text in texts if text))
