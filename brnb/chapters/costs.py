"""Chapter 16: Tables 1 to 4, and what our own runs cost by which prices."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from brnb.report.figures import figure, look
from brnb.report.labels import format_number, label, run_name
from brnb.report.log_axis import log_axis
from brnb.report.quantities import time_unit
from brnb.report.tables import AsPrinted, frame
from brnb.theory import thesis_tables
from brnb.theory.costs import CostRow, RunCost, exact, hardware_id, receipt_cost
from brnb.theory.decision import pareto_front
from brnb.theory.plan import GRID, kg_co2
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.theory.trainings import FinishedTraining

Usage = Iterable[Mapping[str, Any]]
FRONTS = {"early": ("0.6", "--"), "v6": ("black", "-")}  # of each cleaning: colour and line
PHASES = {
    "character_rnn": ("v1", "v2", "v3"),
    "subword_rnn": ("v4",),
    "transformers": ("v5", "v6"),
    "phase_cpt": ("cpt_",),
    "phase_sft": ("sft_",),
    "phase_evaluation": ("eval_",),
}
"""Phases of the dissertation by how the ids of their runs begin."""
HATCHES = ("", "//", "..", "xx", "", "--")
NARROWEST = 0.2  # bits per byte that the axis spans at least


def tab01(costs: Iterable[RunCost]) -> "pd.DataFrame":
    """Table 1: GPU and hours of every run, as printed, by the other tables, and ours, each
    with where it is written down."""
    return _as_printed(_printed(thesis_tables.training_times(costs)))


def _printed(rows: list[CostRow]) -> list[CostRow]:
    """Runs that the dissertation's table has; what else we ran is in ``tab-cost-runs``."""
    return [row for row in rows if row.get("gpu_published")]


def tab02(price_list: str) -> "pd.DataFrame":
    """Table 2: USD per hour of every GPU, as printed, as Table 3 charges, and of our list."""
    return frame(thesis_tables.prices(price_list))


def tab03(costs: Iterable[RunCost]) -> "pd.DataFrame":
    """Table 3: USD of every run, as printed, as its hours and price give, and ours."""
    return _as_printed(_printed(thesis_tables.single_gpu_costs(costs)))


def tab04(costs: Iterable[RunCost]) -> "pd.DataFrame":
    """Table 4: hours and USD of Track 2 and their total, as printed, added up, and ours."""
    return _as_printed(thesis_tables.track_two(costs))


def _as_printed(rows: list[CostRow]) -> "pd.DataFrame":
    """Rows whose published numbers keep the decimals that the dissertation prints."""
    return frame(
        [
            {
                name: AsPrinted(value)
                if name.endswith("_published") and isinstance(value, Decimal)
                else value
                for name, value in row.items()
            }
            for row in rows
        ]
    )


def tab_cost_runs(costs: Iterable[RunCost], lang: str, grid: str = GRID) -> "pd.DataFrame":
    """Hours, money, energy and CO2 of every run, and who counted the energy, if anybody did."""
    rows = [
        {
            "run": cost.run,
            "gpu": _gpus(cost),
            "hours": cost.hours,
            "usd": cost.usd,
            "brl": cost.brl,
            "kwh": cost.kwh,
            "energy_method": _method(cost, lang),
            "kg_co2": None if cost.kwh is None else kg_co2(cost.kwh, grid),
            "tokens_per_usd": cost.tokens_per_usd,
        }
        for cost in costs
    ]
    return frame(rows)


def _gpus(cost: RunCost) -> str:
    name = cost.gpu or "CPU"
    return name if cost.gpus == 1 else f"{cost.gpus} × {name}"


def _method(cost: RunCost, lang: str) -> str | None:
    if cost.kwh_method is None:
        return None
    name = label(f"energy_{cost.kwh_method}", lang)
    return f"{name} ({label('estimated', lang)})" if cost.kwh_estimated else name


def tab_cost_price_lists(usage: Usage, exchange_rate: str, lang: str) -> "pd.DataFrame":
    """Every run of ours, and the dissertation's hours on each GPU, by all lists that price it."""
    published: dict[str, Decimal] = {}
    for row in load("published", "tab01", "rows"):
        published[row["gpu"]] = published.get(row["gpu"], Decimal(0)) + exact(row["hours"])
    name = label("dissertation", lang)
    theirs = [{"run": name, "gpu": g, "seconds": 3600 * h} for g, h in published.items()]
    rows = []
    for used in [*theirs, *usage]:
        key = hardware_id(used["gpu"]) if used["gpu"] else None
        for price_list, entry in load("prices", "usd_per_hour").items():
            if key in entry["prices"]:
                cost = receipt_cost(used, price_list, exchange_rate)
                fields = ("run", "gpu", "hours")
                row = {field: getattr(cost, field) for field in fields}
                row |= {"price_list": price_list, "usd_per_hour": cost.usd_per_hour}
                rows.append(row | {"usd": cost.usd, "brl": cost.brl})
    return frame(rows)


def tab_price_lists(lang: str) -> "pd.DataFrame":
    """The price lists with their dates, sources and how many GPUs they price."""
    rows = [
        {
            "price_list": key,
            "date": None if entry["date"] is None else str(entry["date"]),
            "gpus": len(entry["prices"]),
            "source": entry["source"][lang],
        }
        for key, entry in load("prices", "usd_per_hour").items()
    ]
    return frame(rows)


def fig_cost_shares(times: "pd.DataFrame", lang: str) -> "Figure":
    """Where the hours go: the dissertation's and ours, each stacked by phase and adding up to 100%.

    Parameters
    ----------
    times
        Of `tab01`: ``run``, ``hours_published`` and ``hours_ours``; runs without published hours
        are left out of both bars.
    lang
        "pt" or "en".
    """
    both = times[times["hours_published"].notna()]
    fig, axis = figure(2.3)
    names = []
    for row, source in enumerate(("published", "ours")):
        hours = both[f"hours_{source}"].map(lambda value: float(value or 0)).fillna(0)
        total, left = float(hours.sum()), 0.0
        for place, (phase, starts) in enumerate(PHASES.items()):
            part = float(hours[both["run"].str.startswith(starts)].sum())
            share = 100 * part / total if total else 0.0
            style = {"color": f"C{place}", "hatch": HATCHES[place], "edgecolor": "white"}
            text = None if row else label(phase, lang)
            axis.barh([row], [share], left=[left], height=0.6, label=text, **style)
            left += share
        shown = format_number(total, lang, 1 if total >= 1 else 3, "h")
        names.append(f"{label(source, lang)} ({shown})")
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set(xlim=(0, 100), xlabel=label("share_of_hours", lang))
    axis.grid(visible=False, axis="y")
    fig.legend(loc="outside lower center", ncols=3, fontsize=8)
    return fig


def fig_cost_pareto(
    trainings: Sequence["FinishedTraining"], usd: Mapping[str, Decimal | None], lang: str
) -> "Figure":
    """Bits per byte against the cost of every run, with the front of each cleaning.

    The cost is money where every run has a price, else time. Bits per byte of two cleanings are
    of two texts: each has a front of its own.
    """
    fig, axis = figure(3.8)
    shown = [run for run in trainings if run.bits_per_byte is not None]
    prices = {run.run: usd.get(run.run) for run in shown}
    priced = bool(shown) and None not in prices.values()
    unit, scale = time_unit(run.seconds for run in shown)
    for cleaning, (color, line) in FRONTS.items():
        points = []
        for run in (run for run in shown if run.cleaning == cleaning):
            x = float(prices[run.run] or 0) if priced else run.seconds / scale
            points.append((x, float(run.bits_per_byte or 0)))
            style = look(run.run) | {"linestyle": "none"}
            axis.plot(*points[-1], label=run_name(run.run, lang), markersize=6, **style)
        best = [points[i] for i in pareto_front([(x, -y) for x, y in points])]
        if len(best) > 1:
            name = f"{label('pareto_front', lang)} ({cleaning})"
            axis.step(
                *zip(*best, strict=True), where="post", color=color, ls=line, lw=1, label=name
            )
    low, high = axis.get_ylim()
    if high - low < NARROWEST:  # two equal results should look equal
        axis.set_ylim((low + high - NARROWEST) / 2, (low + high + NARROWEST) / 2)
    log_axis(axis.xaxis, lang)
    axis.set_xlabel(label("usd" if priced else unit, lang))
    axis.set_ylabel(label("bits_per_byte", lang))
    fig.legend(loc="outside lower center", ncols=3, fontsize=8)
    return fig
