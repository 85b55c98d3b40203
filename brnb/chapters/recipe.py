"""Chapter 10: the modern recipe (v7) against v6, and what each of its ingredients is worth."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.report.figures import figure, look
from brnb.report.labels import label
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.studies.ablation import Race, Worth
    from brnb.train.history import History


def tab_v7_race(histories: Mapping[str, "History"], race: "Race") -> "pd.DataFrame":
    """One row a run, the baseline first: parameters, best bits per byte, and the tokens at which
    it was as good as the baseline's best; missing where it never was."""
    reached = (race.target, race.baseline_tokens), (race.best, race.tokens)
    return frame(
        [
            {"run": run, "parameters_million": history.parameters / 1e6, "bits_per_byte": best}
            | {"tokens_million": None if tokens is None else tokens / 1e6}
            | {"token_share": None if tokens is None else tokens / race.baseline_tokens}
            for (run, history), (best, tokens) in zip(histories.items(), reached, strict=True)
        ]
    )


def fig_v7_race(
    histories: Mapping[str, "History"], race: "Race", scale: float, lang: str
) -> "Figure":
    """Validation bits per byte of both runs against tokens: losses times `scale`. The legend tells
    their parameters.

    Dashed is the baseline's best; dotted, where each of the two had it.
    """
    fig, axis = figure(3.4)
    for run, history in histories.items():
        tokens = [row["tokens"] / 1e6 for row in history.validation]
        bits = [row["loss"] * scale for row in history.validation]
        size = f"{history.parameters / 1e6:.0f} M"
        axis.plot(tokens, bits, **look(run), label=f"{run} ({size})")
    axis.axhline(race.target, color="black", linestyle="--", linewidth=1)
    for reached in (race.baseline_tokens, race.tokens):
        if reached is not None:
            axis.axvline(reached / 1e6, color="black", linestyle=":", linewidth=1)
    axis.set_xlim(left=0)
    axis.set_xlabel(label("million_tokens", lang))
    axis.set_ylabel(label("bits_per_byte", lang))
    axis.legend()
    return fig


def tab_v7_ablation(rows: Sequence["Worth"], lang: str) -> "pd.DataFrame":
    """One row a recipe: mean and deviation over seeds, and what the removal adds, with its
    interval; `helps` says whether the ingredient helps, and is missing where the interval holds
    zero."""
    table = []
    for worth in rows:
        ingredient = worth.row.ingredient
        values = {
            "recipe": label(f"without_{ingredient}" if ingredient else "whole_recipe", lang),
            "parameters_million": worth.row.parameters / 1e6,
            "seeds": len(worth.row.bits_per_byte),
            "bits_per_byte": worth.mean,
            "deviation": worth.deviation,
        }
        removal: dict[str, float | bool | None] = {
            "change": worth.change,
            "ci_low": worth.low,
            "ci_high": worth.high,
            "helps": worth.helps,
        }
        table.append(values | (removal if ingredient else dict.fromkeys(removal)))
    return frame(table)


def fig_v7_ablation(rows: Sequence["Worth"], lang: str) -> "Figure":
    """What removing each ingredient adds to the bits per byte, with its interval; strips, seeds."""
    import seaborn as sns

    whole = next(row.row.bits_per_byte for row in rows if row.row.ingredient is None)
    removed = [row for row in rows if row.row.ingredient is not None]
    removed.sort(key=lambda row: row.change)
    names = [label(f"without_{row.row.ingredient}", lang) for row in removed]
    fig, axis = figure(0.9 + 0.3 * len(removed))
    for name, row in zip(names, removed, strict=True):
        interval = [[row.change - row.low], [row.high - row.change]]
        axis.errorbar([row.change], [name], xerr=interval, fmt="o", color="C0", capsize=2)
    seeds = [
        (bits - full, name)
        for name, row in zip(names, removed, strict=True)
        for bits, full in zip(row.row.bits_per_byte, whole, strict=True)
    ]
    sns.stripplot(
        x=[change for change, _ in seeds], y=[name for _, name in seeds], ax=axis, jitter=False,
        marker="|", color="black", linewidth=1, size=7,
    )  # fmt: skip
    axis.axvline(0, color="black", linestyle="--", linewidth=1)
    axis.set_xlabel(label("bits_per_byte_change", lang))
    axis.grid(visible=False, axis="y")
    return fig
