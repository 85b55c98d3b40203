"""Chapter 23: published results beside ours, and what of them is reproduced."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from brnb.audit.outcome import OUTCOMES, Outcome
from brnb.report.labels import label
from brnb.report.sentences import fill_sentence
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd


def tab_reproduces_summary(outcomes: Iterable[Outcome], lang: str) -> "pd.DataFrame":
    """What is reproduced, in one screen: verdicts by table, section or document."""
    counts: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        name = re.split(r":| \(", _where(outcome, lang))[0]
        counts.setdefault(name, Counter())[outcome.verdict] += 1
    total = sum(counts.values(), Counter())
    rows = [
        {"place": name, **{kind: verdicts[kind] for kind in OUTCOMES}}
        for name, verdicts in (*counts.items(), (label("total", lang), total))
    ]
    return frame(rows).rename(
        columns={kind: _outcome_word(kind, lang).capitalize() for kind in OUTCOMES}
    )


def tab_reproduces(outcomes: Iterable[Outcome], lang: str) -> "pd.DataFrame":
    """Published results and findings beside ours, with verdict and reason."""
    rows = [
        {
            "place": _where(outcome, lang),
            "finding": label(f"finding_{outcome.result}", lang),
            "published": outcome.published,
            "ours": outcome.ours,
            "ci_low": outcome.low,
            "ci_high": outcome.high,
            "verdict": _outcome_words(outcome, lang),
        }
        for outcome in outcomes
    ]
    return frame(rows)


def _where(outcome: Outcome, lang: str) -> str:
    """Place of a result in the reader's language; tables are read as the chapters left them."""
    place = re.sub(r"^00\d", lambda m: label(f"document_{m[0]}", lang), outcome.place)
    for word in ("table_word", "summarisation", "rewriting", "way_eager"):
        place = place.replace(label(word, "pt"), label(word, lang))
    return place


def _outcome_word(verdict: str, lang: str) -> str:
    return label(f"outcome_{verdict.replace(' ', '_')}", lang)


def _outcome_words(outcome: Outcome, lang: str) -> str:
    """Verdict and reason: what cannot be compared, or how many measures are for and against."""
    word = _outcome_word(outcome.verdict, lang)
    if outcome.counts:
        counts = dict(zip(("supporting", "against", "open"), outcome.counts, strict=True))
        return f"{word}: {fill_sentence('outcome_counts', lang, **counts)}"
    if not outcome.reason:
        return word
    because = label(f"because_{outcome.reason}", lang)
    return f"{word}: {because}{_share(outcome.share, lang)}"


def _share(share: float | None, lang: str) -> str:
    """Our tokens as a percentage of the published, where these are the reason."""
    if share is None:
        return ""
    text = f"{100 * share:.1f}%" if share >= 0.001 else "< 0.1%"
    return f" ({text.replace('.', ',' if lang == 'pt' else '.')})"
