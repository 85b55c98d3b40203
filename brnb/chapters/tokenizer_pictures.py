"""Chapter 03: words as the pieces of each tokenizer, and what a larger vocabulary buys."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.log_axis import log_axis
from brnb.tokenizers.portuguese import THESIS_WORDS, tokens_per_word
from brnb.tokenizers.suite import TokenizerEntry, evaluation_texts
from brnb.tokenizers.vocabularies import Vocabulary, published_vocabularies

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from brnb.tokenizers.params import TokenizerParams

_LETTER = 0.067  # inches: a letter of the drawn words, DejaVu Sans Mono at 8 pt
_GAP = 0.13  # inches between the letters of two boxes
_STEP = 0.42  # tokens a word between two names that stand above each other
_NEAR = 8  # ratio of sizes below which two names would overlap


class Fertility(NamedTuple):
    """Pieces of a vocabulary and the tokens that it needs for a word of Portuguese."""

    name: str
    cleaning: str
    pieces: int
    tokens_per_word: float
    published: bool


def fig_token_boxes(entries: Sequence[TokenizerEntry]) -> "Figure":
    """The words of 3.1, a box a piece, a row a tokenizer, the published vocabularies last.

    Boxes are told apart by their frames, so that the picture needs no colour.
    """
    ours = [Vocabulary(e.tokenizer.name, e.tokenizer.encode, e.tokenizer.pieces) for e in entries]
    rows = [*ours, *published_vocabularies()]
    fig, axis = figure(0.35 + 0.27 * (len(rows) + 1))
    width = float(fig.get_size_inches()[0])
    starts = [1.15, 1.6 + len(THESIS_WORDS[0]) * (_LETTER + _GAP)]
    for column, word in zip(starts, THESIS_WORDS, strict=True):
        axis.text(column, -0.9, word, style="italic", va="center")
        for row, one in enumerate(rows):
            if one.pieces:
                _boxes(axis, column, row, [piece.strip("▁ ") for piece in one.pieces(word)])
    for row, one in enumerate(rows):
        axis.text(1.0, row, one.name, ha="right", va="center", fontsize=9)
    axis.set(xlim=(0, width), ylim=(len(rows) - 0.4, -1.4))
    axis.axis("off")
    return fig


def _boxes(axis: "Axes", left: float, row: int, pieces: Sequence[str]) -> None:
    """Draw pieces side by side from `left` on, in inches, and their number behind them."""
    shown = [piece for piece in pieces if piece]
    look = {"boxstyle": "square,pad=0.22", "linewidth": 0.7, "edgecolor": "0.25"}
    for number, piece in enumerate(shown):
        box = look | {"facecolor": "white" if number % 2 else "0.9"}
        middle = left + _LETTER * len(piece) / 2
        font: dict[str, Any] = {"family": "DejaVu Sans Mono", "fontsize": 8}
        axis.text(middle, row, piece, ha="center", va="center", bbox=box, **font)
        left += _LETTER * len(piece) + _GAP
    axis.text(left, row, str(len(shown)), va="center", fontsize=8, color="0.35")


def fertilities(
    entries: Sequence[TokenizerEntry], corpora: Path, params: "TokenizerParams"
) -> list[Fertility]:
    """Every vocabulary of the chapter with its fertility, ours on text of its own cleaning.

    The published ones, where they are installed, read the v6 cleaning.
    """
    ours = [
        Fertility(e.tokenizer.name, e.cleaning, e.tokenizer.vocab_size,
                  e.measures.tokens_per_word, published=False)
        for e in entries
    ]  # fmt: skip
    published = published_vocabularies()
    texts = evaluation_texts(corpora, "v6", params) if published else []
    return ours + [
        Fertility(one.name, "v6", one.size, tokens_per_word(one, texts), published=True)
        for one in published
        if one.size
    ]


def fig_fertility(measured: Sequence[Fertility], lang: str) -> "Figure":
    """Tokens a word against the size of the vocabulary, which is logarithmic; 1 is dashed.

    Open marks are vocabularies of the early cleaning, crosses published ones.
    """
    fig, axis = figure(3.0)
    for one in measured:
        style = {"marker": "X", "color": "C3"} if one.published else {"marker": "o", "color": "C0"}
        style |= {"markerfacecolor": "white"} if one.cleaning == "early" else {}
        axis.plot([one.pieces], [one.tokens_per_word], linestyle="none", markersize=6, **style)
    for one, height in _name_heights(measured):
        at = {"xytext": (1.12 * one.pieces, height), "fontsize": 8, "va": "center"}
        line = {"arrowstyle": "-", "lw": 0.4, "color": "0.5"}
        axis.annotate(one.name, (one.pieces, one.tokens_per_word), arrowprops=line, **at)
    axis.axhline(1, color="black", linestyle="--", linewidth=1)
    axis.set_ylim(0, 1.25 * max(one.tokens_per_word for one in measured))
    sizes = [one.pieces for one in measured]
    axis.set_xlim(0.5 * min(sizes), 6 * max(sizes))
    axis.set_xlabel(label("pieces_of_vocabulary", lang))
    axis.set_ylabel(label("tokens_per_word", lang))
    log_axis(axis.xaxis, lang)
    return fig


def _name_heights(measured: Sequence[Fertility]) -> list[tuple[Fertility, float]]:
    """How high each name stands: above its mark, and above the names of marks that are near."""
    placed: list[tuple[Fertility, float]] = []
    for one in sorted(measured, key=lambda one: (one.tokens_per_word, one.pieces)):
        near = [h for other, h in placed if 1 / _NEAR < one.pieces / other.pieces < _NEAR]
        placed.append((one, max([one.tokens_per_word + _STEP, *(h + _STEP for h in near)])))
    return placed
