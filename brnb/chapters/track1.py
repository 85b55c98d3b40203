"""Chapter 11: all versions of Track 1 together, in the dissertation's tables and on one scale."""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from brnb.chapters.versions import COLUMNS, beside_published
from brnb.report.figures import figure, look
from brnb.report.labels import label, run_name
from brnb.report.log_axis import log_axis
from brnb.report.quantities import time_unit
from brnb.report.tables import AsPrinted, frame
from brnb.theory.costs import exact, price_list_for, receipt_cost
from brnb.thesis import load
from brnb.tokenizers.fragmentation import GUARDRAILS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from brnb.evaluate.legibility import Legibility
    from brnb.evaluate.records import Record
    from brnb.studies.cleanings import Reading
    from brnb.studies.finding import MeasureChange
    from brnb.theory.trainings import FinishedTraining

SUMMED = ("tokens_billion", "hours_published", "usd_published", "hours_projected", "usd_projected")
GUARDED: tuple[str, ...] = (
    "fallback_ratio",
    "fallback_limit",
    "short_piece_ratio",
    "short_piece_limit",
)
GUARDED += ("empty_samples", "guardrails_pass")
FAMILIES = ("character_rnn", "subword_rnn", "transformer")


def tab07(records: Iterable["Record"], lang: str) -> "pd.DataFrame":
    """Table 7 and ours: characters (v1 to v3)."""
    return beside_published("tab07", records, lang)


def tab08(records: Iterable["Record"], lang: str) -> "pd.DataFrame":
    """Table 8 and ours: subwords with an RNN (v4)."""
    return beside_published("tab08", records, lang)


def tab09(records: Iterable["Record"], lang: str) -> "pd.DataFrame":
    """Table 9 and ours: Transformers (v5 and v6)."""
    return beside_published("tab09", records, lang)


def tab10(measured: Mapping[str, "Legibility | None"], lang: str) -> "pd.DataFrame":
    """Table 10 and ours: both ratios with their limits, empty samples, and the verdict of each run.

    The dissertation prints no limits. Runs that it gives no ratios for, and runs of ours that left
    no samples, have missing values in that row.
    """
    printed = {row["run"]: row for row in load("published", "tab10", "rows")}
    rows: list[dict[str, Any]] = []
    for run, ours in measured.items():
        if run in printed:
            row = printed[run]
            ratios = {name: AsPrinted(row[name]) for name in GUARDRAILS}
            said = {"run": run, "source": label("published", lang), **ratios}
            said |= {"guardrails_pass": row["passes"]}
            rows.append({name: said.get(name) for name in ("run", "source", *GUARDED)})
        values = {name: getattr(ours, name, None) for name in GUARDED}
        rows.append({"run": run, "source": label("ours", lang)} | values)
    return frame(rows)


def tab_yardstick(
    records: Sequence["Record"], intervals: Mapping[str, tuple[float, float]]
) -> "pd.DataFrame":
    """All runs, those of a cleaning together and its best last: bits per byte of the test split
    with their intervals where there are any, and of validation.

    The two cleanings are two texts, and their bits per byte do not compare.
    """
    rows = []
    for record in sorted(records, key=_by_cleaning):
        low, high = intervals.get(record.run, (None, None))
        validation = record.validation
        rows.append(
            {
                "cleaning": record.params["cleaning"],
                "run": record.run,
                "parameters_million": record.history.parameters / 1e6,
                "tokens_million": record.history.tokens / 1e6,
                "hours": record.history.seconds / 3600,
                "bits_per_byte": record.result.bits_per_byte,
                "ci_low": low,
                "ci_high": high,
                "validation_bits_per_byte": None
                if validation is None
                else validation.bits_per_byte,
            }
        )
    return frame(rows)


def _by_cleaning(record: "Record") -> tuple[str, float]:
    return record.params["cleaning"], -record.result.bits_per_byte


def best_by_cleaning(records: Iterable["Record"]) -> dict[str, "Record"]:
    """Of each cleaning, the run of fewest bits per byte on the test split."""
    best: dict[str, Record] = {}
    for record in sorted(records, key=_by_cleaning):
        best[record.params["cleaning"]] = record
    return best


def chosen_gap(records: Iterable["Record"]) -> tuple[float, float]:
    """Bits per byte of test less those of validation over all runs: the mean, and the largest size.

    Raises
    ------
    ValueError
        If no run left both.
    """
    gaps = [r.result.bits_per_byte - r.validation.bits_per_byte for r in records if r.validation]
    if not gaps:
        raise ValueError(
            "no run has results on both splits: run the chapters of the versions again"
        )
    return sum(gaps) / len(gaps), max(map(abs, gaps))


def tab_track1_registers(
    records: Sequence["Record"], resamples: int, seed: int, confidence: float
) -> "pd.DataFrame":
    """Bits per byte of the best run of each cleaning on every register of the test split."""
    rows = []
    for cleaning, record in best_by_cleaning(records).items():
        documents = record.documents
        if documents is None:
            continue
        for register in sorted(set(documents.registers)):
            chosen = documents.of_register(register)
            several = len(chosen.nats) > 1  # one document has no interval
            low, high = chosen.interval(resamples, seed, confidence) if several else (None, None)
            rows.append(
                {
                    "cleaning": cleaning,
                    "run": record.run,
                    "register": register,
                    "documents": len(chosen.nats),
                    "bits_per_byte": chosen.bits_per_byte,
                    "ci_low": low,
                    "ci_high": high,
                }
            )
    return frame(rows)


def tab_alignment(readings: Sequence["Reading"]) -> "pd.DataFrame":
    """Every model of a tokenizer on the text of both cleanings; the paired change from the first.

    One row a text and a model: bits per byte, and how many more than the first model's on the same
    documents, with the interval.
    """
    rows = [
        {"read_cleaning": r.cleaning, "run": r.run, "trained_cleaning": r.trained}
        | {"bits_per_byte": r.bits_per_byte, "change": r.change, "ci_low": r.low, "ci_high": r.high}
        for r in readings
    ]
    return frame(rows)


def tab_nucleus(measured: Mapping[tuple[str, float], "Legibility"]) -> "pd.DataFrame":
    """What the guardrails say of samples drawn with other nuclei (top-p), one row each."""
    names = ["short_piece_ratio", "short_piece_limit", "empty_samples", "guardrails_pass"]
    names += ["repetition", "dictionary_share"]
    rows = [
        {"run": run, "top_p": AsPrinted(str(top_p))}
        | {name: getattr(legible, name) for name in names}
        for (run, top_p), legible in measured.items()
    ]
    return frame(rows)


def tab_track1_hours(trainings: Iterable["FinishedTraining"], lang: str) -> "pd.DataFrame":
    """What the dissertation's tokens took, and what they take at our measured speed; sums below.

    The speed is that of the training loop without evaluations, checkpoints and its first step, on
    the device of the receipt and with the receipt's sizes. Money is by the dissertation's price
    list where it prices the device, else by the latest that does, and missing for a CPU. Runs
    that the dissertation does not count tokens for are left out.
    """
    rows: list[dict[str, Any]] = []
    spent = {row["run"]: row for row in load("published", "tab03", "rows")}
    tables = (load("published", table, "rows") for table in COLUMNS)
    tokens = {row["run"]: exact(row["tokens"]) for rows_ in tables for row in rows_}
    for ours in (training for training in trainings if training.run in tokens):
        published, device = spent[ours.run], ours.device if ours.gpu else None
        seconds = tokens[ours.run] * 10**9 / exact(ours.tokens_per_second)
        usage = {"run": ours.run, "gpu": device, "seconds": seconds}
        cost = receipt_cost(usage, price_list_for(device))
        rows.append(
            {
                "run": ours.run,
                "tokens_billion": tokens[ours.run],
                "gpu_published": published["gpu"],
                "hours_published": exact(published["hours"]),
                "usd_published": exact(published["usd"]),
                "gpu": cost.gpu or ours.device,
                "tokens_per_second": round(ours.tokens_per_second),
                "measured_over": ours.seconds,
                "hours_projected": cost.hours,
                "usd_projected": cost.usd,
            }
        )
    total = {name: _sum(row[name] for row in rows) for name in SUMMED}
    rows.append({"run": label("total", lang)} | total)
    return frame(rows)


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    """None if a part is missing: a partial total would pass for the whole."""
    known = list(values)
    return None if None in known else sum((v for v in known if v is not None), Decimal(0))


def tab_finding(changes: Sequence["MeasureChange"], lang: str) -> "pd.DataFrame":
    """One row a measure: its change, the interval, and whether that is better."""
    rows = [
        {"measure": label(c.measure, lang), "change": c.change, "ci_low": c.low, "ci_high": c.high}
        | {"better": c.better}
        for c in changes
    ]
    return frame(rows)


def tab_finding_equal_tokens(changes: Sequence["MeasureChange"], lang: str) -> "pd.DataFrame":
    """The same measures of the pairs that were trained on equally many tokens."""
    return tab_finding(changes, lang)


def fig_track1_loss(records: Sequence["Record"], lang: str) -> "Figure":
    """Validation curves on one page: a panel a family in nats per token, then all in bits per byte.

    Nats per token compare only runs with one tokenizer; bits per byte, the same curves times
    tokens per byte, compare them all.
    """
    fig, axes = figure(6.4, nrows=2, ncols=2)
    panels = dict(zip((*FAMILIES, "all_runs"), axes.flat, strict=True))
    for record in records:
        rows = record.history.validation
        if not rows:
            continue
        millions = [row["tokens"] / 1e6 for row in rows]
        nats = [row["loss"] for row in rows]
        measured = record.validation or record.result
        scale = measured.bits_per_byte / measured.loss
        bits = [scale * x for x in nats]
        panels[_family(record)].plot(millions, nats, **look(record.run))
        panels["all_runs"].plot(
            millions, bits, label=run_name(record.run, lang), **look(record.run)
        )
    for name, axis in panels.items():
        axis.set_title(label(name, lang))
        axis.set_xlabel(label("million_tokens", lang))
        axis.set_ylabel(label("bits_per_byte" if name == "all_runs" else "loss_nats", lang))
    log_axis(panels["all_runs"].xaxis, lang)
    _legend_below(fig, panels["all_runs"])
    return fig


def fig_track1_cost(
    records: Sequence["Record"], intervals: Mapping[str, tuple[float, float]], lang: str
) -> "Figure":
    """Bits per byte against the time of training and against its compute, 6ND (Eq. 3.2).

    Bars are the intervals over documents.
    """
    fig, axes = figure(4.2, ncols=2, sharey=True)
    unit, scale = time_unit(record.history.seconds for record in records)
    for record in records:
        value = record.result.bits_per_byte
        low, high = intervals.get(record.run, (value, value))
        history = record.history
        flops = 6 * history.parameters * history.tokens
        style = look(record.run) | {"label": run_name(record.run, lang)}
        for axis, x in zip(axes, (history.seconds / scale, flops), strict=True):
            bar = [[value - low], [high - value]]
            axis.errorbar([x], [value], bar, capsize=2, **style)
    for axis, name in zip(axes, (unit, "training_flops"), strict=True):
        log_axis(axis.xaxis, lang)
        axis.set_xlabel(label(name, lang))
    axes[0].set_ylabel(label("bits_per_byte", lang))
    _legend_below(fig, axes[0])
    return fig


def fig_track1_ranking(
    records: Sequence["Record"], intervals: Mapping[str, tuple[float, float]], lang: str
) -> "Figure":
    """Every run's bits per byte with its interval over documents, the best of a cleaning on top."""
    fig, axis = figure(0.9 + 0.24 * len(records))
    ordered = sorted(records, key=_by_cleaning)
    for row, record in enumerate(ordered):
        value = record.result.bits_per_byte
        low, high = intervals.get(record.run, (value, value))
        style = look(record.run)
        if record.params["cleaning"] != "v6":
            style["markerfacecolor"] = "white"
        axis.errorbar([value], [row], xerr=[[value - low], [high - value]], **style)
    axis.set_yticks(range(len(ordered)), [run_name(record.run, lang) for record in ordered])
    axis.set_xlabel(label("bits_per_byte", lang))
    axis.grid(visible=False, axis="y")
    return fig


def fig_track1_fragmentation(records: Sequence["Record"], lang: str) -> "Figure":
    """Short pieces in the samples, over the limit of their vocabulary, against real words and
    Portuguese in them; 1, where a run fails, is dashed."""
    fig, axes = figure(4.2, ncols=2)
    for record in records:
        legible = record.legibility
        if legible is None:
            continue
        for axis, y in zip(axes, (legible.dictionary_share, legible.language_share), strict=True):
            if legible.short_piece_ratio is not None and y is not None:
                over = legible.short_piece_ratio / legible.short_piece_limit
                axis.plot([over], [y], label=run_name(record.run, lang), **look(record.run))
    for axis, name in zip(axes, ("dictionary_share", "language_share"), strict=True):
        axis.axvline(1.0, color="black", linestyle="--", linewidth=1)
        axis.set_xlabel(label("short_pieces_over_limit", lang))
        axis.set_ylabel(label(name, lang))
    _legend_below(fig, axes[0])
    return fig


def _family(record: "Record") -> str:
    if "heads" in record.params:
        return "transformer"
    return "character_rnn" if record.params["tokenizer"].startswith("char") else "subword_rnn"


def _legend_below(fig: "Figure", axis: "Axes") -> None:
    handles, names = axis.get_legend_handles_labels()
    rows = math.ceil(len(names) / 3) or 1
    fig.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8, title=None)
    fig.set_figheight(fig.get_figheight() + 0.12 * rows)
