"""Chapter 23: what the audit's tables say, as sentences computed from them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from brnb.audit.explain import verdict_word
from brnb.audit.outcome import OUTCOMES
from brnb.report.labels import label
from brnb.report.sentences import enumerated, fill_sentence

if TYPE_CHECKING:
    import pandas as pd


def say_verdicts(counts: Mapping[str, int], lang: str) -> str:
    """How many claims there are, how many hold, and the counts of the other verdicts."""
    total = sum(counts.values())
    first = next(iter(counts))
    rest = [
        fill_sentence("say_count", lang, count=count, name=verdict_word(kind, lang))
        for kind, count in counts.items()
        if kind != first and count
    ]
    share = counts[first] / total
    return fill_sentence(
        "say_verdicts", lang, total=total, share=share, rest=enumerated(rest, lang)
    )


def say_errata(errata: "pd.DataFrame", lang: str) -> str:
    """How many rows the errata have, by verdict, and the first, which is the gravest."""
    kinds = Counter(str(verdict) for verdict in errata["verdict"]).most_common()
    parts = [fill_sentence("say_count", lang, count=count, name=name) for name, count in kinds]
    counts = {"count": len(errata), "kinds": enumerated(parts, lang)}
    return fill_sentence("say_errata", lang, place=errata["place"].iloc[0], **counts)


def say_coverage(coverage: "pd.DataFrame", lang: str) -> str:
    """Whether every marked token of the documents is covered by a claim or has a reason."""
    sums = {name: int(coverage[name].sum()) for name in ("covered", "explained", "uncovered")}
    return fill_sentence("say_coverage_gap" if sums["uncovered"] else "say_coverage", lang, **sums)


def say_mutations(scores: "pd.DataFrame", lang: str) -> str:
    """What share of the edits was noticed, and what share by recomputation; the last row is all."""
    everything = scores.iloc[-1]
    return fill_sentence(
        "say_mutations",
        lang,
        edits=everything["edits"],
        found=everything["found_percent"],
        recomputed=everything["recomputed_percent"],
    )


def say_names(names: "pd.DataFrame", lang: str) -> str:
    """How many edits of names there were, and how many of these were found."""
    return fill_sentence(
        "say_names", lang, edits=int(names["edits"].sum()), found=int(names["found"].sum())
    )


def say_outcomes(verdicts: Iterable[str], lang: str) -> str:
    """How many published results are reproduced, differ, stay undecided or do not compare."""
    counts = Counter(verdicts)
    fields = {name.replace(" ", "_"): counts[name] for name in OUTCOMES}
    return fill_sentence("say_outcomes", lang, total=counts.total(), **fields)


def say_programmes(models: "pd.DataFrame", lang: str) -> str:
    """Which published trainings would need more of the peak than is plausible.

    `models` is that of `brnb.chapters.claims.tab_portuguese_models`.
    """
    shares = models["share_of_peak"].astype(float)
    doubted = models.loc[models["verdict"] == label("not_plausible", lang), "model"]
    known = int(shares.notna().sum())
    if doubted.empty:
        return fill_sentence("say_programmes", lang, known=known, count=len(models))
    names = enumerated([str(name) for name in doubted], lang)
    return fill_sentence(
        "say_programmes_doubted", lang, known=known, count=len(models), names=names,
        most=shares.max(),
    )  # fmt: skip
