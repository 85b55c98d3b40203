"""Chapter 11: the versions at equal tokens, and each at the end of its training."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from brnb.report.labels import run_name
from brnb.report.sentences import enumerated, fill_sentence
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd

    from brnb.studies.equal_tokens import CurveEnd, EqualTokens


def tab_equal_tokens(points: Iterable["EqualTokens"]) -> "pd.DataFrame":
    """One row a run, the best of a cleaning last: tokens that all on it read, their share of the
    run's own training, and bits per byte on validation (missing before its first evaluation) and
    of the text that it was just training on."""
    rows = [
        {"cleaning": point.cleaning, "run": point.run, "tokens_million": point.tokens / 1e6}
        | {"training_share": point.share, "validation_bits_per_byte": point.validation}
        | {"training_bits_per_byte": point.training}
        for point in points
    ]
    return frame(rows)


def tab_convergence(ends: Iterable["CurveEnd"]) -> "pd.DataFrame":
    """One row a run at its end, the best of a cleaning last: its last and its best evaluation, and
    what the last doubling of the tokens brought; `converged` where that is next to nothing."""
    rows = [
        {"cleaning": end.cleaning, "run": end.run, "tokens_million": end.tokens / 1e6}
        | {"training_passes": end.passes, "validation_bits_per_byte": end.validation}
        | {"best_bits_per_byte": end.best, "best_tokens_million": end.best_tokens / 1e6}
        | {"gain_per_doubling": end.gain, "converged": end.converged}
        for end in ends
    ]
    return frame(rows)


def say_budgets(points: Sequence["EqualTokens"], ends: Sequence["CurveEnd"], lang: str) -> str:
    """Of each cleaning, who is ahead at equal tokens and who in the end; and who has converged."""
    text = []
    for cleaning, ahead in {point.cleaning: point for point in points}.items():
        best = [end for end in ends if end.cleaning == cleaning][-1]
        verdict = "say_budgets_same" if best.run == ahead.run else "say_budgets_differ"
        told = {"cleaning": cleaning, "millions": ahead.tokens / 1e6}
        names = {"ahead": run_name(ahead.run, lang), "best": run_name(best.run, lang)}
        text.append(fill_sentence(verdict, lang, **told, **names))
    done = [run_name(end.run, lang) for end in ends if end.converged]
    if done:
        text.append(fill_sentence("say_converged", lang, runs=enumerated(done, lang)))
    else:
        text.append(fill_sentence("say_converged_none", lang))
    return " ".join(text)
