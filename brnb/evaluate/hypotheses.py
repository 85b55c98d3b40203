"""Measures that speak for or against a hypothesis of the dissertation, and the verdict on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from brnb.evaluate.statistics import Comparison, supported

HypothesisVerdict = Literal[
    "verdict_supported",
    "verdict_in_part",
    "verdict_contradicted",
    "verdict_partial",
    "verdict_open",
]


@dataclass(frozen=True)
class Evidence:
    """One measure of a hypothesis of section 4.4.1.2: two values, and what they say.

    Attributes
    ----------
    hypothesis, measure
        ``i``, ``ii`` or ``iii``; and a label's id.
    before, after
        Of the baseline and the adapted model; for ``iii``, with one seed and with all.
    low, high
        Interval of the change, None where there is none.
    verdict
        Whether this measure speaks for the hypothesis.
    """

    hypothesis: str
    measure: str
    before: float
    after: float
    low: float | None
    high: float | None
    verdict: HypothesisVerdict


def of_comparison(
    hypothesis: str, measure: str, claim: Comparison, rising: bool = True
) -> Evidence:
    """A measure that should rise, or fall, if the hypothesis holds, with its change's interval."""
    verdict: HypothesisVerdict = "verdict_open"
    if supported(claim):
        hoped = (claim.difference > 0) == rising
        verdict = "verdict_supported" if hoped else "verdict_contradicted"
    return Evidence(
        hypothesis, measure, claim.baseline, claim.adapted, claim.low, claim.high, verdict
    )


def conclude(evidence: Sequence[Evidence]) -> dict[str, HypothesisVerdict]:
    """The verdict on each hypothesis from those of its measures.

    Supported where every measure speaks for it, and in part where some do and the others decide
    nothing; contradicted where one speaks against it and none for it; partial where some speak for
    it and some against; open where none decides.
    """
    verdicts: dict[str, HypothesisVerdict] = {}
    for name in dict.fromkeys(one.hypothesis for one in evidence):
        said = {one.verdict for one in evidence if one.hypothesis == name}
        decided = said - {"verdict_open"}
        if said == {"verdict_supported", "verdict_open"}:
            verdicts[name] = "verdict_in_part"
        elif len(decided) > 1:
            verdicts[name] = "verdict_partial"
        else:
            verdicts[name] = decided.pop() if decided else "verdict_open"
    return verdicts
