"""Chapter 03: how the tokenizers cut text, side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brnb.data import read
from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.text.finished import corpus_documents
from brnb.tokenizers.formatting import GPT_4O_PRICE, FormattingPrice, formatting_price
from brnb.tokenizers.fragmentation import GUARDRAILS, Fragmentation, most_fragmented
from brnb.tokenizers.params import TokenizerParams
from brnb.tokenizers.portuguese import (
    THESIS_WORDS,
    language_cost,
    lost_characters,
    texts_by_register,
    tokens_per_word,
)
from brnb.tokenizers.suite import TokenizerEntry, evaluation_texts
from brnb.tokenizers.vocabularies import Vocabulary, published_vocabularies

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

EXAMPLES = 12  # lost characters that a table shows
PANELS = ("tokens_per_word", "bytes_per_token", "short_piece_ratio", "fallback_ratio")


def tab_fragmentation(entries: Iterable[TokenizerEntry]) -> "pd.DataFrame":
    """One row a tokenizer: what it is, how it fragments, whether it loses anything."""
    rows = []
    for entry in entries:
        measures = asdict(entry.measures)
        row = {"tokenizer": measures.pop("tokenizer"), "cleaning": entry.cleaning}
        row |= {"kind": entry.kind, "vocab": entry.tokenizer.vocab_size}
        for count in ("tokens", "words", "bytes"):
            del measures[count]
        rows.append(row | measures | {"lossless": entry.lossless})
    return frame(rows)


def fig_fragmentation(measures: Sequence[Fragmentation], lang: str) -> "Figure":
    """One panel a measure, one bar a tokenizer; fixed limits of the guardrails as dashed lines."""
    names = [measure.tokenizer for measure in measures]
    fig, axes = figure(0.8 + 0.2 * len(names), ncols=len(PANELS), sharey=True)
    for axis, name in zip(axes, PANELS, strict=True):
        axis.barh(names, [getattr(measure, name) for measure in measures])
        axis.set_xlabel(label(name, lang))
        axis.grid(visible=False, axis="y")
        if name in GUARDRAILS:
            axis.axvline(GUARDRAILS[name], color="black", linestyle="--", linewidth=1)
    axes[0].invert_yaxis()
    return fig


def tab_fragmented_words(
    entries: Iterable[TokenizerEntry], corpora: Path, params: TokenizerParams
) -> "pd.DataFrame":
    """Frequent words that the subword tokenizers cut most, with the pieces of each tokenizer."""
    subwords = [entry for entry in entries if entry.kind != "char"]
    worst = min(subwords, key=lambda entry: entry.tokenizer.vocab_size)
    texts = evaluation_texts(corpora, worst.cleaning, params)
    words = most_fragmented(worst.tokenizer, texts, top=params.frequent_words)
    rows = [
        {"word": word, "occurrences": occurrences}
        | {e.tokenizer.name: " ".join(e.tokenizer.pieces(word)) for e in subwords}
        for word, occurrences, _ in words
    ]
    return frame(rows)


def vocabularies(entries: Iterable[TokenizerEntry], cleaning: str) -> list[Vocabulary]:
    """Ours of a cleaning, from the finest, then the published ones that are installed."""
    ours = [entry.tokenizer for entry in entries if entry.cleaning == cleaning]
    return [Vocabulary(t.name, t.encode, t.pieces) for t in ours] + published_vocabularies()


def tab_vocabulary_registers(
    entries: Iterable[TokenizerEntry], corpora: Path, params: TokenizerParams
) -> "pd.DataFrame":
    """Tokens a word of every vocabulary on each register of the v6 cleaning, one row a register."""
    known = vocabularies(entries, "v6")
    held_out = corpus_documents(corpora, "v6", "validation")
    texts = texts_by_register(islice(held_out, params.evaluation_documents))
    rows = [
        {"register": register, "documents": len(group)}
        | {one.name: tokens_per_word(one, group) for one in known}
        for register, group in texts.items()
    ]
    return frame(rows)


def tab_portuguese_cost(
    entries: Iterable[TokenizerEntry], corpora: Path, params: TokenizerParams
) -> "pd.DataFrame":
    """What Portuguese costs under each vocabulary: tokens, context, compute and money."""
    english = read("compress/english.yaml")
    portuguese = evaluation_texts(corpora, "v6", params)
    rows = []
    for one in vocabularies(entries, "v6"):
        cost = language_cost(
            one,
            portuguese,
            english,
            context=params.context,
            parameters=params.model_parameters,
            usd_per_million_tokens=params.usd_per_million_tokens,
        )
        rows.append(
            {"tokenizer": cost.vocabulary, "tokens_per_word": cost.portuguese}
            | {"english_tokens_per_word": cost.english, "premium": cost.premium}
            | {
                "context_words": cost.context_words,
                "tflop": cost.tflop,
                "usd_per_million": cost.usd,
            }
        )
    return frame(rows)


def tab_lost_text(
    entries: Iterable[TokenizerEntry], corpora: Path, params: TokenizerParams
) -> "pd.DataFrame":
    """Characters that each vocabulary cannot write, and documents that do not come back whole."""
    rows: list[dict[str, Any]] = []
    for entry in entries:
        texts = evaluation_texts(corpora, entry.cleaning, params)
        lost = lost_characters(entry.tokenizer, texts)
        length = sum(map(len, texts))
        examples = " ".join(character for character, _ in lost.most_common(EXAMPLES))
        rows.append(
            {"tokenizer": entry.tokenizer.name, "cleaning": entry.cleaning}
            | {"lost_characters": len(lost), "lost_per_million": 1e6 * lost.total() / length}
            | {"lossy_documents": 1 - entry.lossless, "examples": examples or None}
        )
    return frame(rows)


def tab_thesis_words(entries: Sequence[TokenizerEntry]) -> "pd.DataFrame":
    """The words of 3.1 under every vocabulary, ours and the published ones that are installed."""
    ours = [Vocabulary(e.tokenizer.name, e.tokenizer.encode, e.tokenizer.pieces) for e in entries]
    rows: list[dict[str, Any]] = [
        {"tokenizer": one.name}
        | {word: " ".join(one.pieces(word)) if one.pieces else None for word in THESIS_WORDS}
        for one in (*ours, *published_vocabularies())
    ]
    return frame(rows)


def tab_formatting(entries: Iterable[TokenizerEntry]) -> "pd.DataFrame":
    """Tokens of the published Java program with and without formatting, GPT-4o's count first."""
    prices: list[FormattingPrice] = [GPT_4O_PRICE]
    prices += [formatting_price(entry.tokenizer) for entry in entries]
    return frame([asdict(price) | {"saving": price.saving} for price in prices])
