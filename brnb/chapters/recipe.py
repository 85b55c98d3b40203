"""Chapter 10: the modern recipe (v7) against v6, and what each of its ingredients is worth."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.evaluate.statistics import mean_and_deviation
from brnb.report.figures import figure, look
from brnb.report.labels import label
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.studies.ablation import Race, Worth
    from brnb.studies.contest import Lead, RaceEntry
    from brnb.studies.unseen import RegisterLead
    from brnb.train.history import History


def tab_v7_race(
    histories: Mapping[str, "History"], race: "Race", batches: Mapping[str, int]
) -> "pd.DataFrame":
    """One row a run, the baseline first: parameters, sequences a step, best bits per byte, and the
    tokens and seconds of steps at which it was as good as the baseline's best; missing where it
    never was."""
    reached = (race.target, race.baseline_tokens), (race.best, race.tokens)
    rows = []
    for (run, history), (best, tokens) in zip(histories.items(), reached, strict=True):
        seconds = None if tokens is None else tokens / history.tokens_per_second
        rows.append(
            {"run": run, "parameters_million": history.parameters / 1e6}
            | {"batch": batches[run], "bits_per_byte": best}
            | {"tokens_million": None if tokens is None else tokens / 1e6, "seconds": seconds}
            | {"token_share": None if tokens is None else tokens / race.baseline_tokens}
        )
    return frame([row | {"time_share": _share(row, rows[0])} for row in rows])


def _share(row: Mapping[str, Any], first: Mapping[str, Any]) -> float | None:
    return row["seconds"] / first["seconds"] if row["seconds"] and first["seconds"] else None


def tab_v7_contest(entries: Sequence["RaceEntry"], lang: str) -> "pd.DataFrame":
    """One row a budget and rival: what tuning chose, sizes, bits per byte over seeds,
    on test and on unseen registers."""
    groups: dict[tuple[str, str], list[RaceEntry]] = {}
    for one in entries:
        groups.setdefault((one.budget, one.rival), []).append(one)
    rows = []
    for (budget, rival), group in groups.items():
        mean, deviation = mean_and_deviation([one.bits_per_byte for one in group])
        told = ", ".join(f"{name} {value:g}" for name, value in group[0].chosen.items())
        rows.append(
            {"equal": label(f"equal_{budget}", lang), "rival": label(f"rival_{rival}", lang)}
            | {"tuned_choice": told or None, "batch": group[0].batch_size}
            | {"parameters_million": group[0].parameters / 1e6}
            | {"tokens_million": group[0].tokens / 1e6, "training_flop": group[0].flop}
            | {"seconds": sum(one.seconds for one in group) / len(group), "seeds": len(group)}
            | {"bits_per_byte": mean, "standard_deviation": deviation}
            | {"unseen_bits_per_byte": sum(one.unseen for one in group) / len(group)}
        )
    return frame(rows)


def tab_v7_leads(leads: Sequence["Lead"], lang: str) -> "pd.DataFrame":
    """v7 less v6 on each text at each budget, with Student's interval over seeds; below zero v7 is
    ahead."""
    rows = [
        {"text": label(f"text_{one.text}", lang), "equal": label(f"equal_{one.budget}", lang)}
        | {"change": one.change, "ci_low": one.low, "ci_high": one.high}
        for one in leads
    ]
    return frame(rows)


def tab_v7_unseen(compared: Sequence["RegisterLead"], lang: str) -> "pd.DataFrame":
    """Both finished runs on registers that neither trained on, all of them first: bits per byte,
    and the second less the first, paired by document."""
    rows = [
        {"register": one.register or label("all_registers", lang), "documents": one.documents}
        | {"baseline_bits_per_byte": one.first, "challenger_bits_per_byte": one.second}
        | {"change": one.change, "ci_low": one.low, "ci_high": one.high}
        for one in compared
    ]
    return frame(rows)


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
