"""Chapter 22: what laws of scale say, printed, replicated and fitted by us, as sentences."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from brnb.report.labels import label
from brnb.report.sentences import capitalised, enumerated, fill_sentence

if TYPE_CHECKING:
    import pandas as pd

    from brnb.studies.law import Fit, LossPrediction

CLOSE = 0.05  # share within which a printed sum is what it is called


def say_slopes(kaplan: "pd.DataFrame", lang: str) -> str:
    """How far the printed derivatives lie from the formulas', and which variable gains most."""
    ratios = (kaplan["slope_recomputed"] / kaplan["slope_published"]).astype(float)
    kind = "say_slopes_below" if ratios.max() > 1 + CLOSE else "say_slopes_agree"
    leader = kaplan.iloc[int(kaplan["elasticity"].astype(float).argmax())]
    gained = "say_other_gains_most" if leader["variable"] != "N" else "say_size_gains_most"
    fields = {"variable": str(leader["variable"]), "nats": leader["elasticity"]}
    return "\n".join([
        fill_sentence(kind, lang, ratio=ratios.max()),
        fill_sentence(gained, lang, **fields),
    ])  # fmt: skip


def say_shifts(kaplan: "pd.DataFrame", lang: str) -> str:
    """By how many nats the text's floor and unit move each loss."""
    gaps = (kaplan["loss_published"] - kaplan["loss_recomputed"]).astype(float)
    parts = [
        fill_sentence("say_shift_of", lang, variable=str(variable), nats=gap)
        for variable, gap in zip(kaplan["variable"], gaps, strict=True)
    ]
    return fill_sentence("say_shifts", lang, parts=enumerated(parts, lang))


def say_optimum(optimum: "pd.DataFrame", lang: str) -> str:
    """Tokens a parameter at the largest budget by constants, replication and text, and the loss."""
    ours, replication, printed = optimum.iloc[-3:].to_dict("records")
    lost = printed["predicted_loss"] - ours["predicted_loss"]
    ratios = {
        "ours": ours["tokens_per_parameter"],
        "replication": replication["tokens_per_parameter"],
        "printed": printed["tokens_per_parameter"],
    }
    return fill_sentence("say_optimum", lang, flops=float(ours["flops"]), lost=lost, **ratios)


def say_exponents(exponents: "pd.DataFrame", lang: str) -> str:
    """Powers of C that N* and D* grow with, by law."""
    return "\n".join(
        fill_sentence(
            "say_exponents",
            lang,
            law=capitalised(str(row["law"])),
            size=row["for_size"],
            data=row["for_data"],
        )
        for row in exponents.to_dict("records")
    )


def say_training_flops(parts: "pd.DataFrame", lang: str) -> str:
    """How many times what it calls it Eq. C.32 is."""
    ratio = float(parts["ratio"].iloc[-2])
    kind = "say_training_flops" if abs(ratio - 1) > CLOSE else "say_training_flops_agree"
    return fill_sentence(kind, lang, ratio=ratio)


def say_interval(table: "pd.DataFrame", lang: str) -> str:
    """How much too wide Eq. C.39's interval is amid the data and beyond them."""
    amid, beyond = table.iloc[2], table.iloc[-1]
    flops = {"amid": float(amid["flops"]), "beyond": float(beyond["flops"])}
    kind = "say_interval_wide" if amid["too_wide"] > 1 else "say_interval_narrow"
    return fill_sentence(
        kind, lang, times=amid["too_wide"], times_beyond=beyond["too_wide"], **flops
    )


def say_extrapolation(table: "pd.DataFrame", lang: str) -> str:
    """The printed prediction, its terms added, and the loss of the optimum."""
    printed, added, best = table["predicted_loss"].astype(float)
    kind = "say_terms_agree" if round(added, 2) == round(printed, 2) else "say_terms_differ"
    return fill_sentence(kind, lang, printed=printed, added=added, best=best)


def say_emergence(table: "pd.DataFrame", lang: str) -> str:
    """Decades of compute that a token and a long answer take to rise, for the same loss."""
    rising = table.dropna(subset=["decades"])
    first, last = rising.iloc[0], rising.iloc[-1]
    kind = "say_threshold" if last["decades"] < first["decades"] else "say_no_threshold"
    lengths = {"count": int(first["answer_tokens"]), "long": int(last["answer_tokens"])}
    return fill_sentence(kind, lang, slow=first["decades"], fast=last["decades"], **lengths)


def say_fits(fits: Mapping[str, "Fit"], lang: str) -> str:
    """Our exponents with intervals, and whether the data identify the constant."""
    parts = []
    for name, fit in fits.items():
        low, high = fit.interval("exponent")
        ends = {"exponent": fit.law.exponent, "low": low, "high": high}
        text = fill_sentence("say_fit", lang, law=label(name, lang), **ends)
        if fit.law.floor or fit.draws[:, 0].any():
            kind = "say_floor" if fit.interval("floor")[0] > 0 else "say_no_floor"
            floor = dict(zip(("low", "high"), fit.interval("floor"), strict=True))
            text += " " + fill_sentence(kind, lang, floor=fit.law.floor, **floor)
        parts.append(text)
    return "\n".join(parts)


def say_largest(predicted: Mapping[str, "LossPrediction"], lang: str) -> str:
    """How far each law of the smaller sizes is off the largest, and whether its interval holds."""
    parts = []
    for name, one in predicted.items():
        inside = one.low <= one.measured <= one.high
        kind = "say_prediction_inside" if inside else "say_prediction_outside"
        losses = {"predicted": one.predicted, "measured": one.measured, "error": one.error}
        parts.append(fill_sentence(kind, lang, law=label(name, lang), **losses))
    return "\n".join(parts)


def say_hoffmann(error: float, lang: str) -> str:
    """By how much the law without the largest budget is off its largest training."""
    kind = "say_hoffmann_low" if error < 0 else "say_hoffmann_high"
    return fill_sentence(kind, lang, error=abs(error))


def say_seeds(spread: float, wrong: int, lang: str) -> str:
    """How far seeds differ, and how many pairs are out of order beyond twice that.

    `spread` is NaN where nothing was repeated.
    """
    if spread != spread:
        return label("say_seeds_unknown", lang)
    kind = "say_disordered" if wrong else "say_ordered"
    return fill_sentence(kind, lang, spread=spread, count=wrong)
