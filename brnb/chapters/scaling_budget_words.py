"""Chapter 22: budgets, prices and savings as sentences, each verdict computed from its table."""

from typing import TYPE_CHECKING

from brnb.report.labels import label
from brnb.report.sentences import enumerated, fill_sentence

if TYPE_CHECKING:
    import pandas as pd

CLOSE = 0.05  # share within which a printed quantity agrees


def say_phases(phases: "pd.DataFrame", lang: str) -> str:
    """How much dearer the same hundredth of a nat becomes between the text's two limits."""
    low, high = phases["usd_per_centinat"].astype(float).iloc[[1, 3]]
    return fill_sentence("say_phases", lang, times=high / low)


def say_saturation(table: "pd.DataFrame", lang: str) -> str:
    """How much more compute a nat of a larger worth asks for."""
    worth = float(table["usd_per_nat"].iloc[-1] / table["usd_per_nat"].iloc[0])
    compute = float(table["flops"].iloc[-1] / table["flops"].iloc[0])
    return fill_sentence("say_saturation", lang, worth=worth, compute=compute)


def say_allocation(table: "pd.DataFrame", lang: str) -> str:
    """What share of the compute that performance alone asks for cost and time leave."""
    alone, cost, time = table["flops"].astype(float).iloc[::3]
    return fill_sentence("say_allocation", lang, cost=cost / alone, time=time / alone)


def say_trainings(table: "pd.DataFrame", lang: str) -> str:
    """How many trainings a budget buys with the smallest and with the largest discount."""
    first, last = table.iloc[0], table.iloc[-1]
    counts = {f"{end}_count": len(str(row["spent"]).split("+")) for end, row in
              (("low", first), ("high", last))}  # fmt: skip
    return fill_sentence("say_plan_of_budget", lang, low=first["discount"], high=last["discount"],
                         **counts)  # fmt: skip


def say_overspent(table: "pd.DataFrame", lang: str) -> str:
    """How many times the largest budget Eq. C.60 spends."""
    row = table.iloc[-1]
    kind = "say_overspent" if row["overspent"] > 1 else "say_not_overspent"
    return fill_sentence(kind, lang, budget=float(row["budget"]), times=row["overspent"])


def say_pareto(table: "pd.DataFrame", lang: str) -> str:
    """The model furthest from the optimum of its compute."""
    row = table.iloc[int(table["above_optimum"].astype(float).argmax())]
    return fill_sentence("say_off_optimum", lang, model=row["model"], nats=row["above_optimum"])


def say_compute_share(table: "pd.DataFrame", lang: str) -> str:
    """What share of each project's whole cost computing is."""
    return "\n".join(
        fill_sentence("say_compute_share", lang, model=row["model"], share=row["compute_share"])
        for row in table.to_dict("records")
    )


def say_gpt3(table: "pd.DataFrame", lang: str) -> str:
    """Years and dollars of GPT-3 on one A100, beside C.35 and C.36."""
    row = table.iloc[1]
    values = {"years": row["gpu_years"], "millions": row["usd_recomputed"] / 1e6}
    return fill_sentence("say_gpt3_cost", lang, **values)


def say_tiers(table: "pd.DataFrame", lang: str) -> str:
    """How many printed quantities of the tiers differ, with the ratio of each to its factors."""
    ratios = table["ratio"].astype(float)
    wrong = table[(ratios - 1).abs() > CLOSE]
    if wrong.empty:
        return fill_sentence("say_tiers_agree", lang, count=len(table))
    lines = [fill_sentence("say_tiers_differ", lang, count=len(wrong), total=len(table))]
    for tier, rows in wrong.groupby("tier", sort=False):
        parts = [
            fill_sentence("say_tier_ratio", lang, quantity=row["quantity"], ratio=row["ratio"])
            for row in rows.to_dict("records")
        ]
        lines.append(fill_sentence("say_tier", lang, tier=tier, parts=enumerated(parts, lang)))
    return "\n".join(lines)


def say_tier_energy(table: "pd.DataFrame", lang: str) -> str:
    """The printed energy cost of each tier over the product of its own factors."""
    ratios = (table["usd_published"] / table["usd_recomputed"]).astype(float)
    parts = [
        fill_sentence("say_tier_times", lang, tier=tier, ratio=ratio)
        for tier, ratio in zip(table["tier"], ratios, strict=True)
    ]
    return fill_sentence("say_tier_energy", lang, parts=enumerated(parts, lang))


def say_specifications(table: "pd.DataFrame", lang: str) -> str:
    """Which aggregate quantities are not those of the data sheets."""
    wrong = table[(table["ratio"].astype(float) - 1).abs() > CLOSE]
    if wrong.empty:
        return fill_sentence("say_sheets_agree", lang, count=len(table))
    return "\n".join(
        fill_sentence(
            "say_sheet", lang, tier=row["tier"], quantity=row["quantity"], share=row["ratio"]
        )
        for row in wrong.to_dict("records")
    )


def say_roadmap(table: "pd.DataFrame", lang: str) -> str:
    """The cheapest and the dearest phase, those that one GPU does not hold, and the deadlines."""
    usd = table["usd"].dropna().astype(float)
    lines = [fill_sentence("say_roadmap_cost", lang, low=usd.min(), high=usd.max())]
    without = [str(name) for name in table["phase"][~table["fits"].astype(bool)]]
    if without:
        lines.append(fill_sentence("say_roadmap_unfit", lang, names="; ".join(without)))
    else:
        lines.append(label("say_roadmap_fits", lang))
    shares = (table["days"] / table["deadline_days"]).astype(float).dropna()
    kind = "say_deadline_kept" if shares.max() <= 1 else "say_deadline_missed"
    lines.append(fill_sentence(kind, lang, share=shares.max()))
    return "\n".join(lines)


def say_lora(table: "pd.DataFrame", lang: str) -> str:
    """What the largest rank trains, beside what 4.8 and 4.9 say."""
    row = table.iloc[-1]
    values = {"millions": row["trained_million"], "reduction": row["reduction"]}
    return fill_sentence("say_lora", lang, rank=int(row["rank"]), **values)


def say_rank(table: "pd.DataFrame", size: int, lang: str) -> str:
    """The rank that Eq. C.83 asks for beside those that hold the same share of the energy."""
    row = table.iloc[0]
    ranks = {"even": int(row["rank_even"]), "steep": int(row["rank_steep"])}
    kind = "say_rank_too_high" if row["rank_published"] > size else "say_rank"
    fields = {"share": row["fraction"], "printed": row["rank_published"]}
    return fill_sentence(kind, lang, size=size, **fields, **ranks)


def say_bits(table: "pd.DataFrame", lang: str) -> str:
    """With which budgets shared-out bits lose to equal ones."""
    worse = table[table["error_allocated"].astype(float) > table["error_even"].astype(float)]
    if worse.empty:
        return fill_sentence("say_bits_win", lang, count=len(table))
    names = enumerated([str(bits) for bits in worse["bits_allowed"]], lang)
    return fill_sentence("say_bits_lose", lang, names=names)


def say_bit_price(table: "pd.DataFrame", lang: str) -> str:
    """How many bits a low and a high price leave."""
    return fill_sentence(
        "say_bit_price", lang, cheap=int(table["bits"].iloc[0]), dear=int(table["bits"].iloc[-1])
    )


def say_checkpointing(table: "pd.DataFrame", lang: str) -> str:
    """The measured price of recomputing, beside C.89 and beside half a step."""
    measured = table["overhead_measured"].dropna().astype(float)
    values = {"printed": table["overhead_printed"].iloc[0]}
    values |= {"counted": table["overhead_frozen"].iloc[0]}
    if measured.empty:
        return fill_sentence("say_checkpointing_unmeasured", lang, **values)
    values |= {"low": measured.min(), "high": measured.max()}
    return fill_sentence("say_checkpointing", lang, **values)


def say_overhead(table: "pd.DataFrame", lang: str) -> str:
    """What the deepest model pays, printed and in fact."""
    row = table.iloc[-1]
    values = {"printed": row["overhead_printed"], "counted": row["overhead_recomputed"]}
    return fill_sentence("say_overhead", lang, layers=int(row["layers"]), **values)


def say_best_checkpoints(more: float, weight: int, lang: str) -> str:
    """How many more checkpoints a larger weight of time asks for, beside the root of C.91."""
    kind = "say_root" if abs(more - weight**0.5) < CLOSE else "say_no_root"
    return fill_sentence(kind, lang, weight=weight, more=more)


def say_utilities(table: "pd.DataFrame", lang: str) -> str:
    """The utilities whose terms do not add up to what is printed."""
    rows = table.dropna(subset=["utility_published"])
    gaps = (rows["utility_recomputed"] - rows["utility_published"]).astype(float).abs()
    wrong = rows[gaps > 0.0005]
    if wrong.empty:
        return label("say_utilities_agree", lang)
    return "\n".join(
        fill_sentence(
            "say_utility",
            lang,
            strategy=row["strategy"],
            added=row["utility_recomputed"],
            printed=row["utility_published"],
        )
        for row in wrong.to_dict("records")
    )


def say_most_efficient(table: "pd.DataFrame", lang: str) -> str:
    """Which training saves most bits for an operation, and whether it is the smallest."""
    best = table.iloc[int(table["per_petaflop"].astype(float).argmax())]
    return fill_sentence("say_efficiency_of_run", lang, run=best["run"])
