"""Chapter 14: what each adaptation gained on its own text against what it lost on others."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from brnb.evaluate.statistics import supported
from brnb.report.figures import figure, look
from brnb.report.labels import label
from brnb.report.sentences import enumerated, fill_sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from brnb.evaluate.losses import LossChange

Changes = Mapping[tuple[str, str], "LossChange"]


def fig_forgetting(changes: Changes, trained_on: Mapping[str, str], lang: str) -> "Figure":
    """Change of perplexity on the text trained for (across) and on another (up), in percent.

    Below and left of zero both are better; above and left the model learnt and forgot. Bars are
    the intervals; open marks are English.

    Parameters
    ----------
    changes
        By run and text.
    trained_on
        The text that each run was trained for.
    lang
        "pt" or "en".
    """
    fig, axis = figure(3.6)
    for (run, text), other in changes.items():
        if text == trained_on[run]:
            continue
        gained = changes[run, trained_on[run]]
        style = look(run) | {"markersize": 6, "linestyle": "none", "capsize": 2}
        style |= {"markerfacecolor": "white"} if text == "text_english" else {}
        name = f"{run.partition('_')[0].upper()} · {label(text, lang)}"
        x, y = 100 * gained.perplexity, 100 * other.perplexity
        axis.errorbar([x], [y], _bar(other), _bar(gained), label=name, **style)
    for line in (axis.axhline, axis.axvline):
        line(0, color="black", linewidth=0.8)
    _quadrants(axis, lang)
    axis.set_xlabel(label("change_own_text", lang))
    axis.set_ylabel(label("change_other_text", lang))
    fig.legend(loc="outside lower center", ncols=2, fontsize=8)
    return fig


def _bar(change: "LossChange") -> list[list[float]]:
    """Distances in percent from a change to both ends of its interval."""
    ends = (change.perplexity - change.low, change.high - change.perplexity)
    return [[100 * max(0.0, end)] for end in ends]


def _quadrants(axis: "Axes", lang: str) -> None:
    """Make room on both sides of zero, and name the two quadrants where a model has learnt."""
    low, high = axis.get_ylim()
    far = 1.25 * max(-low, high)
    axis.set_ylim(-far, far)
    axis.set_xlim(right=max(axis.get_xlim()[1], -0.08 * axis.get_xlim()[0]))
    words: dict[str, Any] = {
        "fontsize": 8,
        "style": "italic",
        "color": "0.35",
        "transform": axis.transAxes,
    }
    axis.text(0.01, 0.98, label("quadrant_forgets", lang), va="top", **words)
    axis.text(0.01, 0.02, label("quadrant_transfers", lang), va="bottom", **words)


def say_forgetting(changes: Changes, trained_on: Mapping[str, str], lang: str) -> str:
    """Which other texts got worse and which better, by the corrected test, and which neither."""
    worse: list[str] = []
    better: list[str] = []
    open_: list[str] = []
    for (run, text), change in changes.items():
        if text == trained_on[run]:
            continue
        named = {"method": run.partition("_")[0].upper(), "text": label(text, lang)}
        said = fill_sentence("say_change", lang, change=change.perplexity, **named)
        decided = worse if change.perplexity > 0 else better
        (decided if supported(change.comparison) else open_).append(said)
    kinds = {"say_forgot": worse, "say_transferred": better, "say_unmoved": open_}
    return " ".join(
        fill_sentence(kind, lang, names=enumerated(names, lang))
        for kind, names in kinds.items()
        if names
    )
