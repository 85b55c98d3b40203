"""Chapter 16: what its tables say, as sentences computed from their rows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.chapters.costs import PHASES
from brnb.chapters.planner import WITHIN
from brnb.report.labels import label, run_name
from brnb.report.quantities import format_quantity
from brnb.report.sentences import capitalised, enumerated, fill_sentence
from brnb.theory.decision import pareto_front

if TYPE_CHECKING:
    import pandas as pd

    from brnb.theory.costs import RunCost
    from brnb.theory.trainings import FinishedTraining


def say_agreement(table: "pd.DataFrame", lang: str, named: str | None = None) -> str:
    """How many printed rows agree with the recomputed ones, and which do not.

    Rows without a verdict are not counted. `named` is the column that names a row; the first if
    there is none.
    """
    judged = table[table["agrees"].notna()]
    wrong = judged[judged["agrees"].eq(False)]
    if wrong.empty:
        return fill_sentence("say_all_agree", lang, count=len(judged))
    names = [str(name) for name in wrong[named or table.columns[0]]]
    counts = {"count": len(judged), "agree": len(judged) - len(wrong)}
    return fill_sentence("say_some_disagree", lang, names=enumerated(names, lang), **counts)


def say_known_models(table: "pd.DataFrame", lang: str) -> str:
    """How far the days and costs of Table 20 lie from those of one A100 at 40% of its peak."""
    days = (table["days_recomputed"] / table["days_published"].astype(float)).astype(float)
    usd = (table["usd_published"].astype(float) / table["usd_recomputed"]).astype(float)
    return fill_sentence(
        "say_known_models",
        lang,
        fewest=days.min(),
        most=days.max(),
        cheapest=usd.min(),
        dearest=usd.max(),
    )


def say_fitting(table: "pd.DataFrame", lang: str) -> str:
    """Which GPUs have the memory for how many of the approaches of Table 5."""
    yes = label("yes", lang)
    counts = {gpu: int(table[gpu].eq(yes).sum()) for gpu in table.columns[1:]}
    parts = [
        fill_sentence("say_fits", lang, gpu=gpu, fits=fits, count=len(table))
        for gpu, fits in counts.items()
    ]
    text = enumerated(parts, lang)
    return f"{capitalised(text)}."


def say_spent(costs: Sequence["RunCost"], lang: str) -> str:
    """Hours of all our runs together, and what is known of their price and energy."""
    priced = [cost.usd for cost in costs if cost.usd is not None]
    counted = [float(cost.kwh) for cost in costs if cost.kwh is not None]
    hours = float(sum(cost.hours for cost in costs))
    text = [fill_sentence("say_spent", lang, runs=len(costs), hours=hours)]
    if priced:
        usd = float(sum(priced))
        text.append(fill_sentence("say_spent_priced", lang, priced=len(priced), usd=usd))
    if counted:
        text.append(fill_sentence("say_spent_energy", lang, counted=len(counted), kwh=sum(counted)))
    return " ".join(text)


def unpriced(costs: Sequence["RunCost"], lang: str) -> list[str]:
    """A line for the runs without a GPU, and one for each GPU that no price is known of."""
    lines = []
    cpu = [run_name(cost.run, lang) for cost in costs if cost.usd is None and cost.gpu is None]
    if cpu and len(cpu) == len(costs):
        lines.append(label("say_unpriced_all", lang))
    elif cpu:
        lines.append(
            fill_sentence("say_unpriced_cpu", lang, count=len(cpu), runs=enumerated(cpu, lang))
        )
    for gpu in sorted({cost.gpu for cost in costs if cost.usd is None and cost.gpu}):
        runs = [run_name(c.run, lang) for c in costs if c.gpu == gpu and c.usd is None]
        lines.append(fill_sentence("say_unpriced_gpu", lang, gpu=gpu, runs=enumerated(runs, lang)))
    return lines


def say_shares(times: "pd.DataFrame", lang: str) -> str:
    """Which phase takes most of the dissertation's hours, and which most of ours.

    `times` is that of `brnb.chapters.costs.tab01`; runs without published hours do not count.
    """
    both = times[times["hours_published"].notna()]
    said = []
    for source in ("published", "ours"):
        hours = both[f"hours_{source}"].map(lambda value: float(value or 0)).fillna(0)
        phases = {
            phase: float(hours[both["run"].str.startswith(starts)].sum())
            for phase, starts in PHASES.items()
        }
        longest = max(phases, key=lambda phase: phases[phase])
        total = sum(phases.values())
        said.append((label(longest, lang), phases[longest] / total if total else None))
    (theirs, their_share), (ours, our_share) = said
    shares = {"their_share": their_share, "our_share": our_share}
    return fill_sentence("say_shares", lang, theirs=theirs, ours=ours, **shares)


def say_spread(lists: "pd.DataFrame", lang: str) -> str:
    """Of the GPU whose price differs most among the lists, by how much."""
    prices = lists.assign(price=lists["usd_per_hour"].astype(float)).groupby("gpu")["price"]
    ratios = prices.max() / prices.min()
    gpu = ratios.index[int(ratios.argmax())]
    return fill_sentence("say_spread", lang, gpu=str(gpu), ratio=float(ratios.max()))


def say_front(trainings: Sequence["FinishedTraining"], usd: Mapping[str, Any], lang: str) -> str:
    """Which runs no cheaper one equals, for each cleaning: those that `fig_cost_pareto` joins."""
    shown = [run for run in trainings if run.bits_per_byte is not None]
    priced = all(usd.get(run.run) is not None for run in shown)
    parts = []
    for cleaning in dict.fromkeys(run.cleaning for run in shown):
        runs = [run for run in shown if run.cleaning == cleaning]
        points = [
            (float(usd[run.run]) if priced else run.seconds, -float(run.bits_per_byte or 0))
            for run in runs
        ]
        names = [run_name(runs[i].run, lang) for i in pareto_front(points)]
        counts = {"count": len(runs), "names": enumerated(names, lang)}
        parts.append(fill_sentence("say_front", lang, cleaning=cleaning, **counts))
    return " ".join(parts)


def say_plans(planned: "pd.DataFrame", lang: str) -> str:
    """Which planned trainings fit, and the cheapest and the dearest of them."""
    without = [str(case) for case in planned.loc[~planned["fits"].astype(bool), "case"]]
    usd = planned.dropna(subset=["usd"]).sort_values("usd", key=lambda values: values.astype(float))
    kind = "say_plans_fit" if not without else "say_plans_without"
    text = [fill_sentence(kind, lang, count=len(planned), names=enumerated(without or ["–"], lang))]
    if len(usd):
        low, high = usd.iloc[0], usd.iloc[-1]
        text.append(
            fill_sentence(
                "say_plans_cost",
                lang,
                cheap=low["case"],
                low=float(low["usd"]),
                dear=high["case"],
                high=float(high["usd"]),
            )
        )
    return " ".join(text)


def say_plan(planned: "pd.DataFrame", lang: str) -> str:
    """What the first of some planned trainings takes: time, money, and memory of a GPU."""
    row = planned.iloc[0]
    money = label("say_plan_unpriced", lang)
    if row["usd"] is not None:
        money = fill_sentence("say_plan_usd", lang, usd=float(row["usd"]))
    fits = label("say_plan_fits" if row["fits"] else "say_plan_too_large", lang)
    hours = format_quantity(float(row["hours"]), "hours", lang)
    numbers = {"hours": hours, "tokens": float(row["tokens_million"]), "gb": float(row["gb"])}
    return fill_sentence("say_plan", lang, gpu=row["gpu"], money=money, fits=fits, **numbers)


def say_errors(errors: "pd.DataFrame", predicted: "pd.DataFrame", lang: str) -> str:
    """Median error of the predicted times, how many are within `WITHIN`, and the worst of them."""
    everything = errors.iloc[-1]
    worst = predicted.iloc[predicted["error_percent"].astype(float).abs().argmax()]
    return fill_sentence(
        "say_plan_errors",
        lang,
        count=everything["count"],
        median=everything["median_error"],
        within=everything["within"],
        limit=WITHIN,
        worst=f"{run_name(str(worst['run']), lang)} ({worst['program']})",
        error=worst["error_percent"],
    )


def say_memory_errors(table: "pd.DataFrame", lang: str) -> str:
    """Median and largest error of the counted memory."""
    errors = table["memory_error_percent"].astype(float).abs()
    worst = run_name(str(table["run"].iloc[errors.argmax()]), lang)
    return fill_sentence(
        "say_memory_errors",
        lang,
        count=len(table),
        median=errors.median(),
        largest=errors.max(),
        worst=worst,
    )


def say_cost_by_size(sizes: "pd.DataFrame", lang: str) -> str:
    """For each method: by how much cost grows as the model does, and the largest on one GPU."""
    parts = []
    for method, rows in sizes.groupby("method", sort=False):
        first, last = rows.iloc[0], rows.iloc[-1]
        fitting = rows.loc[rows["fits"].astype(bool), "parameters"]
        parts.append(
            fill_sentence(
                "say_cost_by_size",
                lang,
                method=capitalised(label(str(method), lang)),
                larger=last["parameters"] / first["parameters"],
                dearer=last["usd"] / first["usd"],
                fits=None if fitting.empty else float(fitting.max()) / 1e9,
            )
        )
    return "\n".join(parts)


def say_decision(table: "pd.DataFrame", lang: str) -> str:
    """The best strategy by the weights in force, and by what share of all weights it stays so."""
    best = table.iloc[table["utility"].astype(float).argmax()]
    rival = table.iloc[table["best_share"].astype(float).argmax()]
    kind = "say_decision_same" if best["strategy"] == rival["strategy"] else "say_decision_other"
    return fill_sentence(
        kind,
        lang,
        best=best["strategy"],
        utility=best["utility"],
        share=best["best_share"],
        rival=rival["strategy"],
        rival_share=rival["best_share"],
    )
