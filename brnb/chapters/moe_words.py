"""Chapter 17: what is measured of mixtures and dense models, as sentences with verdicts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.report.labels import find_label, label
from brnb.report.sentences import enumerated, fill_sentence
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.latency.hypotheses import HypothesisTest
    from brnb.latency.items import BenchmarkItem

PLAIN = ("bf16", "fp32")  # weights that are not quantised


def active_ratio(models: "pd.DataFrame") -> float:
    """Active parameters of the model that has most of them over the mean of the others."""
    active = models["billions_active"].astype(float).sort_values()
    return float(active.iloc[-1] / active.iloc[:-1].mean())


def say_families(models: "pd.DataFrame", lang: str) -> str:
    """Which models are of another family than the document says, and the largest active part."""
    renamed = models.loc[models["family"] != models["family_published"], "model"]
    largest = models["model"].iloc[models["billions_active"].astype(float).argmax()]
    if renamed.empty:
        families = label("say_families_agree", lang)
    else:
        names = enumerated([str(name) for name in renamed], lang)
        families = fill_sentence("say_families_differ", lang, count=len(renamed), names=names)
    ratio = fill_sentence("say_active_ratio", lang, name=largest, ratio=active_ratio(models))
    return f"{families} {ratio}"


def say_asked(
    everything: Sequence["BenchmarkItem"], asked: Sequence["BenchmarkItem"], lang: str
) -> str:
    """How many items the document's two benchmarks have, and how many are asked, with others."""
    names = {item.benchmark for item in everything}
    ours = sum(item.benchmark in names for item in asked)
    kind = "say_asked_all" if ours == len(everything) else "say_asked"
    text = fill_sentence(kind, lang, total=len(everything), count=ours)
    if others := len(asked) - ours:
        text += " " + fill_sentence("say_asked_others", lang, count=others)
    return text


def say_speeds(summary: "pd.DataFrame", lang: str) -> str:
    """Of each benchmark, the model with most tokens/s and that with fewest."""
    parts = []
    for benchmark, rows in summary.groupby("benchmark", sort=False):
        speeds = rows.set_index("model")["tokens_per_s"].astype(float)
        first, last = str(speeds.idxmax()), str(speeds.idxmin())
        parts.append(
            fill_sentence(
                "say_speeds",
                lang,
                benchmark=_name(str(benchmark), lang),
                first=_name(first, lang),
                most=speeds[first],
                last=_name(last, lang),
                least=speeds[last],
            )
        )
    return "\n".join(parts)


def say_efficiency(summary: "pd.DataFrame", lang: str) -> str:
    """Which model leads each benchmark by the document's efficiency, unless no answer is right."""
    if not summary["accuracy"].any():
        return label("say_none_right", lang)
    parts = []
    for benchmark, rows in summary.groupby("benchmark", sort=False):
        best = rows.iloc[rows["efficiency"].astype(float).argmax()]
        kind = "say_efficiency" if best["accuracy"] else "say_none_right_in"
        fields = {"benchmark": _name(str(benchmark), lang), "accuracy": best["accuracy"]}
        fields |= {"model": _name(str(best["model"]), lang), "speed": best["tokens_per_s"]}
        parts.append(fill_sentence(kind, lang, **fields))
    return "\n".join(parts)


def say_weights(ratios: "pd.DataFrame", lang: str) -> str:
    """What quantising does to each shape's speed and memory, and whether it makes any faster."""
    rows = ratios[~ratios["weights"].isin(PLAIN)]
    if rows.empty:
        return label("say_no_weights", lang)
    parts = [
        fill_sentence(
            "say_weights",
            lang,
            shape=_name(str(row["shape"]), lang),
            weights=str(row["weights"]).upper(),
            speed=row["speed_ratio"],
            low=row["speed_ratio_low"],
            high=row["speed_ratio_high"],
            memory=row["memory_relative"],
        )
        for row in rows.to_dict("records")
    ]
    faster = int((rows["speed_ratio_low"].astype(float) > 1).sum())
    counts: dict[str, Any] = {"count": len(rows), "faster": faster}
    counts["published"] = float(load("moe", "setup", "speed_up", "printed"))
    kind = "say_weights_faster" if faster else "say_weights_slower"
    return "\n".join([*parts, fill_sentence(kind, lang, **counts)])


def say_hypotheses(findings: Sequence["HypothesisTest"], lang: str) -> str:
    """A line a statistic: the printed verdict, and ours with the interval of each comparison.

    A statistic without an interval had no right answer to compare.
    """
    printed = load("moe", "hypotheses")
    tests = sorted(findings, key=lambda test: test.hypothesis)
    lines = []
    for hypothesis, statistic in dict.fromkeys((t.hypothesis, t.statistic) for t in tests):
        alike = [t for t in tests if (t.hypothesis, t.statistic) == (hypothesis, statistic)]
        names = {"hypothesis": hypothesis, "statistic": label(statistic, lang)}
        names["published"] = label(printed[hypothesis]["printed"], lang)
        if all(np.isnan(test.value) for test in alike):
            ours = label("say_nothing_right", lang)
        else:
            ours = "; ".join(_say_test(test, lang) for test in alike)
        lines.append(fill_sentence("say_hypothesis", lang, **names, ours=ours))
    return "\n".join(lines)


def _say_test(test: "HypothesisTest", lang: str) -> str:
    comparison = _name(test.comparison, lang)
    if np.isnan(test.value):
        return fill_sentence("say_nothing_to_compare", lang, comparison=comparison)
    return fill_sentence(
        "say_hypothesis_test",
        lang,
        verdict=label(test.verdict, lang),
        comparison=comparison,
        low=float(np.exp(test.low)),
        high=float(np.exp(test.high)),
    )


def say_quality(comparison: "pd.DataFrame", lang: str) -> str:
    """Whether the trained mixture predicts better than each rival, for the same text and time."""
    kinds = {
        "better": "say_mixture_better",
        "worse": "say_mixture_worse",
        "open": "say_mixture_open",
    }
    return "\n".join(
        fill_sentence(
            kinds[row["verdict"]],
            lang,
            equal=label(f"say_budget_{row['budget']}", lang),
            rival=label(f"say_rival_{row['rival']}", lang),
            change=row["change"],
            low=row["low"],
            high=row["high"],
        )
        for row in comparison.to_dict("records")
    )


def say_specialised(special: "pd.DataFrame", lang: str) -> str:
    """In how many layers and seeds the register tells more of the expert than chance would."""
    above = int(special["specialised"].sum())
    kind = "say_specialised" if above else "say_never_specialised"
    return fill_sentence(kind, lang, above=above, count=len(special))


def say_routing(costs: "pd.DataFrame", lang: str) -> str:
    """The fastest and the slowest engine of a forward pass beside the dense block, and routing."""
    shown = costs[(costs["tokens"] == costs["tokens"].max()) & (costs["direction"] == "forward")]
    ordered = shown.sort_values("overhead")
    text = [
        fill_sentence(
            kind,
            lang,
            tokens=row["tokens"],
            engine=label(f"engine_{row['engine']}", lang),
            times=row["overhead"],
            share=row["routing_share"],
        )
        for kind, (_, row) in zip(
            ("say_routing_fastest", "say_routing_slowest"),
            ordered.iloc[[0, -1]].iterrows(),
            strict=True,
        )
    ]
    beats = float(ordered["overhead"].iloc[0]) < 1
    text.append(label("say_routing_pays" if beats else "say_routing_costs", lang))
    return " ".join(text)


def _name(id: str, lang: str) -> str:
    """The label of an id that a parameter file may have made up, or the id itself."""
    return find_label(id, lang) or id
