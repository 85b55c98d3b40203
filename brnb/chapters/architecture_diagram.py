"""One drawing for each architecture, from its configuration alone; two side by side, compared.

In the manner of the lectures: text enters below, passes the blocks, leaves above. What two
architectures do not have in common is drawn in the colour of differences.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brnb.architectures.architecture import Architecture
from brnb.architectures.facts import Facts, differing_facts, drawn_facts
from brnb.architectures.networks import ExpertNetworks
from brnb.chapters import architecture_words as words
from brnb.chapters.architecture_words import TextLine
from brnb.report.figures import TEXT_WIDTH, style
from brnb.report.labels import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 100.0  # units of a column; one unit is as long upwards
INK, QUIET, CHANGED = "#262626", "#6b6b6b", "#c14a00"
FILLS = {
    "table": "#fdf0d9",
    "norm": "#f1f1f1",
    "attention": "#dcebf7",
    "network": "#dff1e6",
    "block": "#fbfbfb",
}
LEFT, RIGHT, STREAM = 15.0, 94.0, 7.0  # sides of boxes, and the residual stream
MIDDLE = (LEFT + RIGHT) / 2
LINE = 5.2  # height of a line of text


@dataclass
class _Pen:
    """Draws upwards in one column, and knows which facts are marked."""

    axes: "Axes"
    changed: set[str]
    y: float = 0.0

    def box(self, lines: list[TextLine], fill: str, extra: float = 0.0) -> None:
        """A rounded box with centred lines, the first in bold where there are several."""
        height = LINE * len(lines) + 3 + extra
        edge = CHANGED if any(self.differs(line) for line in lines) else "#8a8a8a"
        self.frame(LEFT, RIGHT, self.y, self.y + height, FILLS[fill], edge)
        for i, line in enumerate(lines):
            y = self.y + height - 1.7 - LINE * (i + 0.5)
            weight = "bold" if i == 0 and len(lines) > 1 else "normal"
            self.text(MIDDLE, y, line, weight=weight)
        self.y += height

    def frame(
        self, left: float, right: float, low: float, high: float, fill: str, edge: str
    ) -> None:
        """A rounded rectangle."""
        from matplotlib.patches import FancyBboxPatch

        shape = "round,pad=0,rounding_size=2"
        patch = FancyBboxPatch(
            (left, low), right - left, high - low, boxstyle=shape, facecolor=fill, edgecolor=edge,
            linewidth=1.3 if edge == CHANGED else 0.7,
        )  # fmt: skip
        self.axes.add_patch(patch)

    def text(self, x: float, y: float, line: TextLine, **look: Any) -> None:
        """A line of text, in the colour of differences if it tells one."""
        usual: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5, "color": INK}
        look = usual | look
        if self.differs(line):
            look["color"] = CHANGED
        self.axes.text(x, y, line.text, **look)

    def differs(self, line: TextLine) -> bool:
        """Whether a line tells a fact that is marked."""
        return not self.changed.isdisjoint(line.tells)

    def quiet(self, text: str) -> None:
        """A word beside the flow's end."""
        self.text(MIDDLE, self.y + 2, TextLine(text, ()), color=QUIET)
        self.y += 4.5

    def arrow(self, length: float = 4.0) -> None:
        """Up to the next box."""
        self.head((MIDDLE, self.y), (MIDDLE, self.y + length))
        self.y += length

    def head(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """A line with the head of an arrow."""
        look = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "mutation_scale": 6}
        self.axes.annotate("", end, start, arrowprops=look | {"shrinkA": 0, "shrinkB": 0})

    def line(self, *points: tuple[float, float]) -> None:
        """A path through points."""
        self.axes.plot(*zip(*points, strict=True), color=INK, linewidth=0.8, linestyle="-")


def drawing(one: Architecture, lang: str, other: Architecture | None = None) -> "Figure":
    """Draw one architecture, or two with what differs marked.

    Parameters
    ----------
    one, other
        As `brnb.architectures.config.read_config` gives them.
    lang
        "pt" or "en".
    """
    import matplotlib.pyplot as plt

    shown = [one] if other is None else [one, other]
    changed = set() if other is None else differing_facts(one, other)
    with style():
        fig = plt.figure()
        fig.set_layout_engine("none")  # layout="none" would be the style's again once it is saved
        panels = [fig.add_axes((i / len(shown), 0, 1 / len(shown), 1)) for i in range(len(shown))]
        tops = [_column(_Pen(a, changed), m, lang) for a, m in zip(panels, shown, strict=True)]
        for axes in panels:
            axes.set(xlim=(0, WIDE), ylim=(0, max(tops)))
            axes.axis("off")
        fig.set_size_inches(TEXT_WIDTH * len(shown) / 2, TEXT_WIDTH / 2 * max(tops) / WIDE)
    return fig


def save_drawing(figure: "Figure", path: Path) -> None:
    """Write it as SVG, PDF or PNG, by the ending; the same bytes for the same drawing.

    Raises
    ------
    ValueError
        If the ending is another.
    """
    nothing = {
        ".svg": {"Date": None, "Creator": "brnb"},
        ".pdf": {"CreationDate": None, "Creator": "brnb", "Producer": "matplotlib"},
        ".png": {"Software": None},
    }
    if path.suffix not in nothing:
        raise ValueError(f"{path}: end the name in {', '.join(nothing)}")
    with style():
        figure.savefig(path, metadata=nothing[path.suffix], dpi=200)


def _column(pen: _Pen, architecture: Architecture, lang: str) -> float:
    """Draw one architecture; returns how high it is."""
    told = drawn_facts(architecture)
    _foot(pen, words.foot_rows(told, lang))
    pen.quiet(label("draw_text", lang))
    pen.arrow()
    pen.box(words.input_table(told, lang), "table")
    pen.arrow(5)
    _block(pen, told, lang)
    pen.arrow(5)
    pen.box([TextLine(label("draw_final_norm", lang), ())], "norm")
    pen.arrow()
    head = label("draw_tied_head", lang) if told["tied"] else label("draw_head", lang)
    pen.box([TextLine(head, ("tied",))], "table")
    pen.arrow()
    pen.quiet(label("draw_next", lang))
    pen.y += 6
    pen.text(WIDE / 2, pen.y, words.heading(told, lang), fontsize=8)
    pen.y += 6.5
    pen.text(WIDE / 2, pen.y, TextLine(architecture.name, ()), fontsize=11, weight="bold")
    return pen.y + 6


def _foot(pen: _Pen, rows: list[tuple[str, TextLine]]) -> None:
    """Names on the left and values on the right, below a line."""
    pen.y += 3
    for name, value in reversed(rows):
        pen.text(LEFT, pen.y, TextLine(name, ()), ha="left", fontsize=7, color=QUIET)
        pen.text(RIGHT, pen.y, value, ha="right", fontsize=7)
        pen.y += 4.6
    pen.axes.plot((LEFT, RIGHT), (pen.y - 1, pen.y - 1), color="#a0a0a0", linewidth=0.6)
    pen.y += 3


def _block(pen: _Pen, told: Facts, lang: str) -> None:
    """The repeated block: two parts, and past each of them the residual stream."""
    low = pen.y
    pen.line((MIDDLE, pen.y), (MIDDLE, pen.y + 3))
    pen.y += 3
    _part(
        pen,
        told,
        words.attention_lines(told, lang),
        "attention",
        words.attention_marks(told, lang),
        lang,
    )
    experts = told["network"] if isinstance(told["network"], ExpertNetworks) else None
    _part(pen, told, words.network_lines(told, lang), "network", experts, lang)
    times = TextLine(f"× {told['depth']}", ("depth",))
    pen.text(RIGHT, pen.y - 2, times, fontsize=11, weight="bold", ha="right")
    pen.line((MIDDLE, pen.y), (MIDDLE, pen.y + 2))
    pen.y += 2
    pen.frame(1.5, 98.5, low, pen.y, FILLS["block"], "#b0b0b0")
    pen.axes.patches[-1].set_zorder(0.5)  # behind what is in it


def _part(pen: _Pen, told: Facts, lines: list[TextLine], fill: str, inside: Any, lang: str) -> None:
    """Attention or network with its norms, and the sum with what passed by on the left."""
    branch = pen.y
    norm = [TextLine(label("draw_norm", lang), ("norm",))]
    pen.arrow()
    if told["norm"] in ("pre", "sandwich"):
        pen.box(norm, "norm")
        pen.arrow(3)
    bottom = pen.y
    pen.box(lines, fill, extra=8 if inside else 0)
    if isinstance(inside, ExpertNetworks):
        _experts(pen, bottom, inside)
    elif inside:
        _pills(pen, bottom, inside)
    if told["norm"] in ("post", "sandwich"):
        pen.arrow(3)
        pen.box(norm, "norm")
    _sum(pen, branch)


def _sum(pen: _Pen, branch: float) -> None:
    """What a part gives and what passed it by meet in a plus."""
    from matplotlib.patches import Circle

    y, r = pen.y + 6, 2.4
    pen.arrow(6 - r)
    pen.axes.plot(MIDDLE, branch, "o", color=INK, markersize=2.2)
    pen.line((MIDDLE, branch), (STREAM, branch), (STREAM, y), (MIDDLE - r - 2, y))
    pen.head((MIDDLE - r - 3, y), (MIDDLE - r, y))
    pen.axes.add_patch(Circle((MIDDLE, y), r, facecolor="white", edgecolor=INK, linewidth=0.8))
    pen.line((MIDDLE - 1.3, y), (MIDDLE + 1.3, y))
    pen.line((MIDDLE, y - 1.3), (MIDDLE, y + 1.3))
    pen.line((MIDDLE, y + r), (MIDDLE, y + r + 3))
    pen.y = y + r + 3


def _pills(pen: _Pen, bottom: float, marks: list[TextLine]) -> None:
    """Small frames with names along the foot of a box."""
    widths = [3 + 1.55 * len(mark.text) for mark in marks]
    left = (2 * MIDDLE - sum(widths) - 2 * (len(marks) - 1)) / 2
    for mark, width in zip(marks, widths, strict=True):
        edge = CHANGED if pen.differs(mark) else "#5b86ad"
        pen.frame(left, left + width, bottom + 2.6, bottom + 7.8, "white", edge)
        pen.text(left + width / 2, bottom + 5.2, mark, fontsize=6)
        left += width + 2


def _experts(pen: _Pen, bottom: float, network: ExpertNetworks) -> None:
    """A row of experts: dark ones are chosen, the first in a frame of its own is shared."""
    from matplotlib.patches import Rectangle

    many, step = 24, 2.6
    chosen = max(1, round(many * network.active / network.count))
    shared = bool(network.shared_hidden)
    left = (2 * MIDDLE - step * (many + 2 * shared)) / 2
    if shared:
        pen.axes.add_patch(Rectangle((left, bottom + 3), 2, 4, facecolor="#e6a23c", linewidth=0))
        left += 2 * step
    picked = {round((i + 0.5) * many / chosen) % many for i in range(chosen)}
    for i in range(many):
        face = "#2e8b57" if i in picked else "#c4dccd"
        spot = Rectangle((left + step * i, bottom + 3), 2, 4, facecolor=face, linewidth=0)
        pen.axes.add_patch(spot)


def draw_all(shown: Mapping[str, Architecture], folder: Path, lang: str) -> list[Path]:
    """Write a drawing of each as ``<key>.pdf``, a quarter of an SVG's bytes; returns the files."""
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for key, one in shown.items():
        figure = drawing(one, lang)
        files.append(folder / f"{key}.pdf")
        save_drawing(figure, files[-1])
        plt.close(figure)
    return files
