"""Chapter 03: what its tables and pictures say, as sentences computed from what was measured."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brnb.chapters.tokenizer_pictures import Fertility
from brnb.report.labels import label
from brnb.report.sentences import enumerated, fill_sentence
from brnb.tokenizers.portuguese import THESIS_WORDS
from brnb.tokenizers.suite import TokenizerEntry

if TYPE_CHECKING:
    import pandas as pd


def say_fixed_limits(entries: Sequence[TokenizerEntry], lang: str) -> str:
    """Under which vocabularies text that people wrote breaks the limits of Table 10."""
    broken = [e.tokenizer.name for e in entries if e.measures.broken_guardrails()]
    if not broken:
        return label("say_fixed_limits_hold", lang)
    return fill_sentence(
        "say_fixed_limits", lang, names=enumerated(broken, lang), count=len(broken),
        total=len(entries),
    )  # fmt: skip


def say_boxes(entries: Sequence[TokenizerEntry], lang: str) -> str:
    """Pieces of the longer of the words of 3.1: the most and the fewest among our vocabularies."""
    word = max(THESIS_WORDS, key=len)
    counts = {e.tokenizer.name: sum(bool(p.strip("▁ ")) for p in e.tokenizer.pieces(word))
              for e in entries}  # fmt: skip
    most, fewest = (pick(counts, key=lambda name: counts[name]) for pick in (max, min))
    return fill_sentence(
        "say_boxes", lang, word=word, most=counts[most], coarse=fewest, fine=most,
        fewest=counts[fewest],
    )  # fmt: skip


def say_fertility(measured: Sequence[Fertility], lang: str) -> str:
    """What the largest of our vocabularies saves over the smallest one of the same cleaning."""
    ours = [one for one in measured if not one.published and one.cleaning == "v6"]
    small, large = (pick(ours, key=lambda one: one.pieces) for pick in (min, max))
    return fill_sentence(
        "say_fertility",
        lang,
        small=small.name,
        large=large.name,
        ratio=large.pieces / small.pieces,
        before=small.tokens_per_word,
        after=large.tokens_per_word,
        saved=1 - large.tokens_per_word / small.tokens_per_word,
    )


def say_vocabularies(absent: Sequence[str], lang: str) -> str:
    """Whether every published vocabulary was counted; else which were not, and what adds them."""
    if not absent:
        return label("say_vocabularies_counted", lang)
    return fill_sentence("say_vocabularies_absent", lang, names=enumerated(absent, lang))


def say_lost_text(lost: "pd.DataFrame", lang: str) -> str:
    """Which vocabulary loses text of most documents, or that none loses any."""
    worst = lost.iloc[int(lost["lossy_documents"].astype(float).argmax())]
    if not worst["lossy_documents"]:
        return label("say_nothing_lost", lang)
    name, share = str(worst["tokenizer"]), float(worst["lossy_documents"])
    return fill_sentence("say_lost_most", lang, name=name, share=share)


def say_cheapest(costs: "pd.DataFrame", lang: str) -> str:
    """The vocabularies that write a word with fewest and with most tokens."""
    fertility = costs.set_index("tokenizer")["tokens_per_word"].astype(float)
    first, last = str(fertility.idxmin()), str(fertility.idxmax())
    return fill_sentence(
        "say_cheapest", lang, first=first, fewest=fertility[first], last=last,
        most=fertility[last], ratio=fertility[last] / fertility[first],
    )  # fmt: skip
