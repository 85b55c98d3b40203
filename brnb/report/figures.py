"""Figures at the width and type size of the printed page, the same bytes for the same figure.

An abnTeX2 page (A4, margins 3 and 2 cm) has lines of 16 cm: a figure drawn at that width is placed
unscaled, so its 10 pt type prints at 10 pt.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brnb import data
from brnb.report.figure_data import figure_csv
from brnb.report.stamp import PENDING
from brnb.report.tables import check_id

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXT_WIDTH = 16 / 2.54  # inches
MARKERS = "osD^vP*X<>phd8"
LOOKS = {
    "v1": ("C0", "o"),
    "v2": ("C0", "s"),
    "v3": ("C0", "D"),
    "v4_subword": ("C1", "^"),
    "v4_subword_ep6": ("C1", "v"),
    "v4k_bf_ep2": ("C1", "P"),
    "v4k_bf_lstm_ep2": ("C1", "*"),
    "v5_main": ("C2", "X"),
    "v5b_long": ("C2", "<"),
    "v6_rc16k_v5b": ("C2", ">"),
    "v6_rc16k_v5b_aligned": ("C2", "p"),
    "v6_130m": ("C2", "h"),
    "v7": ("C3", "d"),
    "cpt_qlora_llama31_8b_brwac10k": ("C4", "o"),
    "sft_qlora_llama31_8b_instruct_canarim10k": ("C5", "s"),
}
"""Colour and marker of each run, the same in every figure whichever runs are there: a colour a
family, and in grey print the marker alone tells the versions apart."""
_NOTE_HEIGHT = 0.16  # inches
_STYLE = data.path("report/brnb.mplstyle")


@contextmanager
def style() -> Iterator[None]:
    """Draw with the dissertation's type, width and colours inside this block."""
    import matplotlib.style

    with matplotlib.style.context(_STYLE):
        yield


def figure(height: float = 3.4, **options: Any) -> "tuple[Figure, Any]":
    """Return figure and axes as ``pyplot.subplots`` does, as wide as the text.

    The style stays in force, so that legends and lines added by the next cells follow it.

    Parameters
    ----------
    height : float
        Inches.
    **options
        For ``matplotlib.pyplot.subplots``: ``nrows``, ``ncols``, ``sharey``…
    """
    import matplotlib.pyplot as plt

    plt.style.use(_STYLE)
    return plt.subplots(figsize=(TEXT_WIDTH, height), **options)


def look(run: str) -> dict[str, str]:
    """Colour and marker of a run, as `LOOKS` has them; a grey circle for a run that it lacks.

    The line is solid: the style's cycle of lines would depend on which runs are drawn.
    """
    color, marker = LOOKS.get(run, ("0.4", "o"))
    return {"color": color, "marker": marker, "linestyle": "-"}


def write_figure(
    folder: Path, id: str, figure: "Figure", lang: str, note: str | None = None
) -> list[Path]:
    """Write ``<id>.pdf`` (vector, fonts embedded), ``<id>.png`` (200 dpi) and ``<id>.csv``.

    The CSV holds what is drawn, as `brnb.report.figure_data` reads it off.

    A `note` stands small above the figure: what a reader must know wherever he meets it.

    Tick labels get the language's decimal separator. No file carries a date or a version, so an
    unchanged figure is an unchanged file.

    Returns
    -------
    list of Path
        The PDF, the PNG and the CSV file.
    """
    check_id(id)
    if lang == "pt":
        _decimal_comma(figure)
    if note:
        _write_above(figure, note)
    folder.mkdir(parents=True, exist_ok=True)
    pdf, png = folder / f"{id}.pdf", folder / f"{id}.png"
    with style():
        made_by = {"Creator": "brnb", "Producer": "matplotlib", "Subject": PENDING}
        figure.savefig(pdf, metadata={"CreationDate": None} | made_by)
        figure.savefig(png, dpi=200, metadata={"Software": None})
        rows = folder / f"{id}.csv"
        rows.write_text(figure_csv(figure), "utf-8")
    return [pdf, png, rows]


def _write_above(figure: "Figure", note: str) -> None:
    """Put a line above the panels, which keep their size where a layout engine places them."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        height = figure.get_figheight() + _NOTE_HEIGHT
        figure.set_figheight(height)
        engine.set(rect=(0, 0, 1, 1 - _NOTE_HEIGHT / height))
    top = 1 - 0.03 / figure.get_figheight()
    figure.text(0.995, top, note, ha="right", va="top", size=7, color="0.35", style="italic")


def _decimal_comma(figure: "Figure") -> None:
    """Put commas into numeric tick labels; matplotlib's own use_locale depends on the machine."""
    from matplotlib.ticker import LogFormatter, PercentFormatter, ScalarFormatter

    for axes in figure.get_axes():
        for axis in (axes.xaxis, axes.yaxis):
            for set_formatter, formatter in (
                (axis.set_major_formatter, axis.get_major_formatter()),
                (axis.set_minor_formatter, axis.get_minor_formatter()),
            ):
                if isinstance(formatter, (ScalarFormatter, LogFormatter, PercentFormatter)):
                    set_formatter(_comma(formatter))


def _comma(formatter: Any) -> Any:
    """Wrap a tick formatter: same labels, decimal comma."""
    from matplotlib.ticker import Formatter

    class Comma(Formatter):
        def set_axis(self, axis: Any) -> None:
            super().set_axis(axis)
            formatter.set_axis(axis)

        def set_locs(self, locs: Any) -> None:
            formatter.set_locs(locs)

        def get_offset(self) -> str:
            return _with_comma(formatter.get_offset())

        def format_ticks(self, values: Any) -> list[str]:
            return [_with_comma(text) for text in formatter.format_ticks(values)]

        def __call__(self, x: float, pos: int | None = None) -> str:
            return _with_comma(formatter(x, pos))

    return Comma()


def _with_comma(text: str) -> str:
    # In mathtext a bare comma is punctuation and gets a space after it.
    return text.replace(".", "{,}" if "$" in text else ",")
