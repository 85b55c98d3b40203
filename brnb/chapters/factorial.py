"""Chapter 11: every tokenizer with every architecture, and what that says of finding (2)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.evaluate.statistics import mean_and_deviation
from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.studies.factorial import Effect, PairTraining

BUDGETS = ("tokens", "time")
NAMES = {"lstm": "LSTM", "transformer": "Transformer"}


def tab_factorial(trained: Sequence["PairTraining"], lang: str) -> "pd.DataFrame":
    """One row a budget and pair: size, tokens, time, and bits per byte on test over seeds."""
    groups: dict[tuple[str, str, str], list[PairTraining]] = {}
    for one in trained:
        groups.setdefault((one.budget, one.tokenizer, one.architecture), []).append(one)
    rows = []
    for (budget, tokenizer, architecture), group in groups.items():
        mean, deviation = mean_and_deviation([one.bits_per_byte for one in group])
        rows.append(
            {
                "equal": label(f"equal_{budget}", lang),
                "tokenizer": tokenizer,
                "architecture": NAMES[architecture],
                "parameters_million": group[0].parameters / 1e6,
                "learning_rate": group[0].learning_rate,
                "tokens_million": group[0].tokens / 1e6,
                "seconds": sum(one.seconds for one in group) / len(group),
                "seeds": len(group),
                "bits_per_byte": mean,
                "standard_deviation": deviation,
            }
        )
    return frame(rows)


def tab_factorial_effects(effects: Mapping[str, Sequence["Effect"]], lang: str) -> "pd.DataFrame":
    """What tokenizer and architecture change at each budget, with intervals over seeds."""
    rows = [
        {"equal": label(f"equal_{budget}", lang), "effect": label(f"effect_{one.factor}", lang)}
        | {"change": one.change, "ci_low": one.low, "ci_high": one.high}
        for budget, found in effects.items()
        for one in found
    ]
    return frame(rows)


def fig_factorial(trained: Sequence["PairTraining"], lang: str) -> "Figure":
    """Bits per byte by tokenizer, a line an architecture, a panel a budget, a dot a seed."""
    fig, axes = figure(2.8, ncols=2, sharey=True)
    names = list(dict.fromkeys(one.tokenizer for one in trained))
    for axis, budget in zip(axes, BUDGETS, strict=True):
        for color, architecture in enumerate(("lstm", "transformer")):
            points = [o for o in trained if (o.budget, o.architecture) == (budget, architecture)]
            places = [names.index(one.tokenizer) for one in points]
            bits = [one.bits_per_byte for one in points]
            axis.plot(places, bits, "o", color=f"C{color}", markersize=4, alpha=0.6)
            means = [
                sum(b for b, at in zip(bits, places, strict=True) if at == n) / places.count(n)
                for n in range(len(names))
            ]
            axis.plot(range(len(names)), means, color=f"C{color}", label=NAMES[architecture])
        axis.set_xticks(range(len(names)), names)
        axis.set_title(label(f"equal_{budget}", lang))
    axes[0].set_ylabel(label("bits_per_byte", lang))
    axes[0].legend()
    return fig


def factorial_verdict(effects: Sequence["Effect"]) -> bool | None:
    """Whether the tokenizer changes more than the architecture; None if the seeds do not say."""
    (more,) = (one for one in effects if one.factor == "tokenizer_over_architecture")
    return None if more.low <= 0 <= more.high else more.low > 0
