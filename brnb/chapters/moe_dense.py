"""Chapter 17: mixtures of experts and dense models, as document 003 compares them, and timed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.latency.items import BENCHMARKS
from brnb.report.figures import MARKERS, figure
from brnb.report.labels import find_label, label
from brnb.report.tables import frame
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.latency.hypotheses import HypothesisTest
    from brnb.latency.items import BenchmarkItem
    from brnb.latency.study import TimedContestant

FAMILIES = {"dense": "C0", "moe": "C1"}
HATCHES = ("", "//", "..", "\\\\", "xx")


def tab_moe_models(lang: str) -> "pd.DataFrame":
    """The four models: what the document calls them, and what they are."""
    rows = [
        {
            "model": model["name"],
            "family_published": label(model["printed_family"], lang),
            "billions_published": float(model["printed_total"]),
            "family": label(model["family"], lang),
            "billions_total": model["total"] / 1e9,
            "billions_active": model["active"] / 1e9,
        }
        for model in load("moe", "models")
    ]
    return frame(rows)


def tab_moe_benchmarks(items: Sequence["BenchmarkItem"], lang: str) -> "pd.DataFrame":
    """Items asked, by benchmark and task, with the words of their prompts."""
    rows = []
    for benchmark, task in dict.fromkeys((item.benchmark, item.task) for item in items):
        group = [i for i in items if (i.benchmark, i.task) == (benchmark, task)]
        words = sorted(len(item.prompt.split()) for item in group)
        row: dict[str, Any] = {"benchmark": _name(benchmark, lang)}
        row |= {"task": _name(f"task_{task}", lang, task)}
        row |= {"items": len(group), "printed_items": sum(item.printed for item in group)}
        rows.append(row | {"words_median": float(np.median(words)), "words_most": words[-1]})
    return frame(rows)


def tab_moe_examples(items: Sequence["BenchmarkItem"], lang: str) -> "pd.DataFrame":
    """The items that the document prints, and an answer to each that counts as right."""
    rows = [
        {
            "benchmark": _name(item.benchmark, lang),
            "task": label(f"task_{item.task}", lang),
            "prompt": item.question,
            "expected": item.answers[0],
        }
        for item in items
        if item.printed
    ]
    return frame(rows)


def tab_moe_timings(
    summary: "pd.DataFrame", timed: Sequence["TimedContestant"], lang: str
) -> "pd.DataFrame":
    """Medians over items with the ends of their intervals, sizes and memory."""
    sizes = {result.contestant.name: result.size for result in timed}
    rows = [
        {
            "model": _name(row["model"], lang),
            "benchmark": _name(row["benchmark"], lang),
            "billions_total": sizes[row["model"]].total / 1e9,
            "billions_active": sizes[row["model"]].active / 1e9,
            "first_token_ms": 1e3 * row["first_token_s"],
            "latency_s": row["latency_s"],
            "latency_low": row["latency_s_low"],
            "latency_high": row["latency_s_high"],
            "tokens_per_s": row["tokens_per_s"],
            "peak_gib": row["peak_bytes"] / 2**30,
        }
        for row in summary.to_dict("records")
    ]
    return frame(rows)


def tab_moe_accuracy(summary: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """Right answers by model and benchmark: as published, and checked; efficiency of the first."""
    rows = [
        {
            "model": _name(row["model"], lang),
            "benchmark": _name(row["benchmark"], lang),
            "items": row["items"],
            "substring_percent": 100 * row["accuracy"],
            "checked_percent": 100 * row["checked"],
            "accuracy_speed": row["efficiency"],
        }
        for row in summary.to_dict("records")
    ]
    return frame(rows)


def fig_moe_throughput(summary: "pd.DataFrame", lang: str) -> "Figure":
    """Tokens/s by model and benchmark, medians with intervals."""
    return _bars(summary, "tokens_per_s", label("tokens_per_s", lang), lang)


def fig_moe_latency(summary: "pd.DataFrame", lang: str) -> "Figure":
    """Latency by model and benchmark, and the two ranges that the document prints, as bands.

    Marks, not bars: on a logarithmic axis the length of a bar means nothing.
    """
    fig = _bars(summary, "latency_s", label("latency_s", lang), lang, marks=True)
    axis = fig.axes[0]
    for family, color in FAMILIES.items():
        low, high = (float(text) for text in load("moe", "figures", "latency", family))
        name = f"{label(family, lang)} ({label('published', lang).lower()})"
        axis.axhspan(low * 0.97, high * 1.03, color=color, alpha=0.25, label=name)
    axis.set_yscale("log")
    axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def fig_moe_accuracy(summary: "pd.DataFrame", lang: str) -> "Figure":
    """Share of right answers by model and benchmark, scored as the document scores."""
    fig = _bars(summary, "accuracy", label("accuracy_share", lang), lang)
    fig.axes[0].set_ylim(0, 1)
    return fig


def fig_moe_efficiency(summary: "pd.DataFrame", lang: str) -> "Figure":
    """Accuracy × tokens/s by model and benchmark."""
    fig = _bars(summary, "efficiency", label("accuracy_speed", lang), lang)
    fig.axes[0].set_ylim(bottom=0)
    return fig


def _bars(
    summary: "pd.DataFrame", column: str, title: str, lang: str, marks: bool = False
) -> "Figure":
    """A bar a model, or a mark, grouped by benchmark, coloured by family, hatched by model."""
    benchmarks = [name for name in BENCHMARKS if (summary["benchmark"] == name).any()]
    models = list(dict.fromkeys(summary["model"]))
    fig, axis = figure(3.0)
    width = 0.8 / len(models)
    for place, model in enumerate(models):
        rows = summary[summary["model"] == model].set_index("benchmark").loc[benchmarks]
        values = rows[column].to_numpy(float)
        at = np.arange(len(benchmarks)) + (place - (len(models) - 1) / 2) * width
        ends = None
        if f"{column}_low" in rows:
            low, high = (rows[f"{column}_{end}"].to_numpy(float) for end in ("low", "high"))
            ends = [values - low, high - values]
        shade = 0.45 + 0.55 * (1 - place / len(models))
        name = _name(model, lang)
        look = {"color": FAMILIES[rows["family"].iloc[0]], "alpha": shade}
        if marks:
            shape = {"fmt": MARKERS[place], "markersize": 6, "capsize": 2}
            axis.errorbar(at, values, ends, label=name, **look, **shape)
            continue
        look |= {"hatch": HATCHES[place % len(HATCHES)], "edgecolor": "white", "ecolor": "black"}
        axis.bar(at, values, 0.9 * width, yerr=ends, capsize=1.5, label=name, **look)
    axis.set_xticks(range(len(benchmarks)), [_name(name, lang) for name in benchmarks])
    axis.set_ylabel(title)
    axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def tab_moe_weights(ratios: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """What a format does to speed and memory beside the plain weights; the document's 2 on top."""
    printed = float(load("moe", "setup", "speed_up", "printed"))
    head = {"shape": label("published", lang), "weights": "nf4", "speed_ratio": printed}
    named = [row | {"shape": _name(row["shape"], lang)} for row in ratios.to_dict("records")]
    return frame([head, *named])[list(ratios.columns)]


def tab_moe_hypotheses(findings: Sequence["HypothesisTest"], lang: str) -> "pd.DataFrame":
    """Each hypothesis as printed, then each statistic with its interval and verdict."""
    printed = load("moe", "hypotheses")
    rows = []
    for finding in findings:
        ends = (finding.value, finding.low, finding.high)
        ratio, low, high = (float(np.exp(value)) for value in ends)
        row: dict[str, Any] = {"hypothesis": finding.hypothesis}
        row |= {"comparison": _name(finding.comparison, lang)}
        row |= {"statistic": label(finding.statistic, lang)}
        row |= {"moe_over_dense": ratio, "ci_low": low, "ci_high": high}
        row |= {"verdict_published": label(printed[finding.hypothesis]["printed"], lang)}
        rows.append(row | {"verdict": label(finding.verdict, lang)})
    return frame(sorted(rows, key=lambda row: row["hypothesis"]))


def _name(id: str, lang: str, default: str = "") -> str:
    """The label of an id that a parameter file may have made up, or the id itself."""
    return find_label(id, lang) or default or id
