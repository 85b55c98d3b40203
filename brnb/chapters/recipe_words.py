"""Chapter 10: what its race, its unseen texts and its ablation say, as sentences with verdicts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brnb.report.labels import label
from brnb.report.sentences import enumerated, fill_sentence

if TYPE_CHECKING:
    from brnb.studies.ablation import Race, Worth
    from brnb.studies.contest import Lead
    from brnb.studies.unseen import RegisterLead

GOAL = 1 / 3  # of v6's tokens: what the chapter sets out to need


def say_race(passed: "Race", lang: str) -> str:
    """With what share of v6's tokens v7 reaches its best, and whether the goal is met."""
    if passed.share is None:
        return fill_sentence("say_race_lost", lang, best=passed.best, target=passed.target)
    kind = "say_race_goal" if passed.share <= GOAL else "say_race_won"
    return fill_sentence(kind, lang, share=passed.share)


def say_ahead_on_test(change: float, low: float, high: float, lang: str) -> str:
    """v7 less v6 on the test documents, with the paired interval, and who is ahead."""
    text = fill_sentence("say_ahead_on_test", lang, change=change, low=low, high=high)
    return f"{text} {label(f'say_{_ahead(change, low, high)}', lang)}"


def say_unseen_read(documents: int, repeated: int, lang: str) -> str:
    """How many unseen documents are read, and how many training text nearly repeats."""
    read = fill_sentence("say_unseen_read", lang, count=documents)
    if not repeated:
        return f"{read} {label('say_unseen_new', lang)}"
    return f"{read} {fill_sentence('say_unseen_repeated', lang, count=repeated)}"


def say_unseen(compared: Sequence["RegisterLead"], lang: str) -> str:
    """v7 less v6 on all unseen registers together, and whether that differs from zero."""
    (whole,) = (row for row in compared if not row.register)
    text = fill_sentence("say_unseen", lang, change=whole.change)
    if whole.low is None or whole.high is None:
        return f"{text} {label('say_no_interval', lang)}"
    return f"{text} {label(f'say_{_ahead(whole.change, whole.low, whole.high)}', lang)}"


def say_leads(leads: Sequence["Lead"], lang: str) -> str:
    """A line a text and budget: who is ahead over the seeds, or that nobody is."""
    return "\n".join(
        fill_sentence(
            "say_lead",
            lang,
            text=label(f"say_text_{lead.text}", lang),
            equal=label(f"say_equal_{lead.budget}", lang),
            verdict=label(f"say_lead_{_ahead(lead.change, lead.low, lead.high)}", lang),
            change=lead.change,
            low=lead.low,
            high=lead.high,
        )
        for lead in leads
    )


def say_ingredients(worths: Sequence["Worth"], lang: str) -> str:
    """Without which ingredients the recipe gets worse, and without which better, beyond chance."""
    told = {"say_worse_without": True, "say_better_without": False}
    said = []
    for kind, helps in told.items():
        removed = [w.row.ingredient for w in worths if w.row.ingredient and w.helps is helps]
        names = [label(f"without_{name}", lang) for name in removed]
        if names:
            said.append(fill_sentence(kind, lang, names=enumerated(names, lang)))
    return " ".join(said) or label("say_no_ingredient", lang)


def _ahead(change: float, low: float, high: float) -> str:
    if low <= 0 <= high:
        return "undecided"
    return "challenger" if change < 0 else "baseline"
