"""Chapter 03: how the tokenizers cut text, side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.tokenizers.formatting import GPT_4O_PRICE, FormattingPrice, formatting_price
from brnb.tokenizers.fragmentation import GUARDRAILS, Fragmentation, most_fragmented
from brnb.tokenizers.params import TokenizerParams
from brnb.tokenizers.suite import TokenizerEntry, evaluation_texts

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

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
    """One panel a measure, one bar a tokenizer; the guardrails' limits as dashed lines."""
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


def tab_formatting(entries: Iterable[TokenizerEntry]) -> "pd.DataFrame":
    """Tokens of the published Java program with and without formatting, GPT-4o's count first."""
    prices: list[FormattingPrice] = [GPT_4O_PRICE]
    prices += [formatting_price(entry.tokenizer) for entry in entries]
    return frame([asdict(price) | {"saving": price.saving} for price in prices])
