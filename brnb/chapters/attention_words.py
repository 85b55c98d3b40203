"""Chapter 20: what its measurements say of appendix A, as sentences with verdicts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.report.labels import label, run_name
from brnb.report.sentences import enumerated, fill_sentence
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.evaluate.attention_costs import Cost
    from brnb.evaluate.gradient_paths import Products, Reach
    from brnb.evaluate.heads import Heads
    from brnb.evaluate.masked import Quality

SPARSE_PUBLISHED = 0.8  # share of weights under 0.01 that section A.2.3 gives
ROUNDING_DOUBLE, ROUNDING_SINGLE = 1e-12, 1e-5  # more than these is no rounding


def say_runs(runs: int, longest: int, lang: str) -> str:
    """How many runs the pipeline has, and how many of them wait for each other at most."""
    return fill_sentence("say_runs", lang, count=runs, longest=longest)


def say_schedule(worked: float, stages: int, micro_batches: int, lang: str) -> str:
    """Whether the schedule's share of work is that of Eq. B.84, M / (M + P - 1)."""
    formula = micro_batches / (micro_batches + stages - 1)
    kind = "say_schedule_agrees" if abs(worked - formula) < 1e-9 else "say_schedule_differs"
    counts = {"stages": stages, "batches": micro_batches}
    return fill_sentence(kind, lang, worked=worked, formula=formula, **counts)


def say_printed_formulas(printed: "pd.DataFrame", lang: str) -> str:
    """How many printed formulas give too little or too much, and the furthest on each side."""
    ratios = printed.set_index("equation")["printed_over_corrected"].astype(float)
    low, high = ratios[ratios < 1], ratios[ratios > 1]
    counts = {"count": len(ratios), "below": len(low), "above": len(high)}
    text = [fill_sentence("say_printed_formulas", lang, **counts)]
    if len(low):
        furthest = {"equation": str(low.idxmin()), "ratio": low.min()}
        text.append(fill_sentence("say_furthest_below", lang, **furthest))
    if len(high):
        furthest = {"equation": str(high.idxmax()), "ratio": high.max()}
        text.append(fill_sentence("say_furthest_above", lang, **furthest))
    return " ".join(text)


def say_properties(properties: "pd.DataFrame", lang: str) -> str:
    """The largest difference between two sides, and the equations whose is no rounding."""
    differences = properties["largest_difference"].astype(float)
    wrong = properties.loc[differences > ROUNDING_DOUBLE, "equation"]
    fields = {"count": len(properties), "largest": differences.max()}
    if wrong.empty:
        return fill_sentence("say_properties_hold", lang, **fields)
    names = enumerated([str(name) for name in wrong], lang)
    return fill_sentence("say_properties_fail", lang, names=names, **fields)


def say_seen(pairs: Mapping[str, int], lang: str) -> str:
    """What share of the pairs of ``naive``, which sees all, each other mask lets a model see."""
    parts = [
        fill_sentence("say_seen", lang, name=label(name, lang), share=count / pairs["naive"])
        for name, count in pairs.items()
        if name != "naive"
    ]
    return fill_sentence("say_seen_of_all", lang, parts=enumerated(parts, lang))


def say_crossover(width: int, crossing: float | None, machine: str, lang: str) -> str:
    """From which length plain attention costs more than the maps, by Eq. A.20 and measured.

    `crossing` is None if that is at no measured length; `machine` is ``"cpu"`` or ``"cuda"``.
    """
    kind = "say_crossover" if crossing else "say_no_crossover"
    fields = {"width": width, "counted": 6 * width, "measured": crossing}
    return fill_sentence(kind, lang, machine=machine.upper().replace("CUDA", "GPU"), **fields)


def say_memory(table: Sequence["Cost"], lang: str) -> str:
    """How much more memory plain attention holds than the fused one, at the longest text."""
    longest = max(cost.n for cost in table)
    held = {cost.kind: cost.bytes for cost in table if cost.n == longest}
    ratio = held["naive"] / held["flash"]
    kind = "say_memory_more" if ratio > 1 else "say_memory_no_more"
    return fill_sentence(kind, lang, tokens=longest, ratio=ratio)


def say_qualities(measured: Mapping[str, "Quality"], lang: str) -> str:
    """The measured quality of the masks whose Table 14 prints, beside what it prints."""
    printed = {row["mask"]: str(row["quality"]) for row in load("attention", "tab14")}
    parts = []
    for name in ("longformer", "bigbird"):
        quality = measured[name]
        published = float(printed[name].strip("~%")) / 100
        if quality.low <= published <= quality.high:
            kind = "say_quality_as_printed"
        else:
            kind = "say_quality_above" if quality.low > published else "say_quality_below"
        shares = {"share": quality.share, "low": quality.low, "high": quality.high}
        shares |= {"seen": quality.seen, "published": published}
        parts.append(fill_sentence(kind, lang, method=label(name, lang), **shares))
    return "\n".join(parts)


def say_reach(reaches: Mapping[str, "Reach"], lang: str) -> str:
    """How fast gradients shrink with distance in each run, and in which they reach further."""
    parts = []
    for run, reach in reaches.items():
        fall = reach.norms[0] / reach.norms[-1]
        kind = "say_reach_falls" if fall >= 1 else "say_reach_grows"
        fields = {"run": run_name(run, lang), "decay": reach.decay}
        fields |= {"distance": len(reach.norms) - 1, "times": max(fall, 1 / fall)}
        parts.append(fill_sentence(kind, lang, **fields))
    furthest = max(reaches, key=lambda run: reaches[run].decay)
    parts.append(fill_sentence("say_reach_furthest", lang, run=run_name(furthest, lang)))
    return "\n".join(parts)


def say_bounds(products: Sequence["Products"], lang: str) -> str:
    """At how many lengths a product of Jacobians exceeds the bound by eigenvalues, and by norms."""
    broken = sum(row.product > row.by_eigenvalue for row in products)
    held = sum(row.product <= row.by_norm * 1.001 for row in products)
    kind = "say_eigenvalues_fail" if broken else "say_eigenvalues_hold"
    counts = {"count": len(products), "broken": broken, "held": held}
    return f"{fill_sentence(kind, lang, **counts)} {fill_sentence('say_norms', lang, **counts)}"


def say_heads(heads: Sequence["Heads"], head_dim: int, lang: str) -> str:
    """What trained heads say of sparsity, rank and the local constant, beside the text's claims."""
    sparsest = max(head.sparsity for head in heads)
    kind = "say_sparse" if sparsest > SPARSE_PUBLISHED else "say_not_sparse"
    shares = {"share": sparsest, "uniform": heads[0].uniform_sparsity}
    rank = max(head.score_rank for head in heads)
    ranked = "say_rank_bounded" if rank <= head_dim else "say_rank_exceeded"
    steeper = sum(head.steepness[-1] > head.steepness[0] for head in heads)
    return "\n".join([
        fill_sentence(kind, lang, published=SPARSE_PUBLISHED, **shares),
        fill_sentence(ranked, lang, rank=rank, width=head_dim),
        fill_sentence("say_steeper", lang, steeper=steeper, count=len(heads)),
    ])  # fmt: skip


def say_shift(worst: float, lang: str) -> str:
    """Whether moving all positions by one matrix errs by more than fp32 rounds."""
    kind = "say_shift_holds" if worst < ROUNDING_SINGLE else "say_shift_fails"
    return fill_sentence(kind, lang, worst=worst)
