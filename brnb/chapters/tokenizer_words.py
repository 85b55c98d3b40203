"""Chapter 03: what its pictures say, as sentences computed from what was measured."""

from collections.abc import Sequence

from brnb.chapters.tokenizer_pictures import Fertility
from brnb.report.sentences import fill_sentence
from brnb.tokenizers.portuguese import THESIS_WORDS
from brnb.tokenizers.suite import TokenizerEntry


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
