"""Chapters 04 to 10: a version's results as sentences, each verdict computed from its numbers."""

from typing import TYPE_CHECKING

from brnb.chapters.versions import BILLION
from brnb.report.labels import label
from brnb.report.sentences import enumerated, fill_sentence
from brnb.thesis import load
from brnb.tokenizers.fragmentation import GUARDRAILS

if TYPE_CHECKING:
    from brnb.evaluate.intrinsic import Intrinsic
    from brnb.evaluate.legibility import Legibility
    from brnb.train.history import History
    from brnb.train.rows import Rows

STEADY = 0.001  # share of a loss below which two of them are called the same


def say_text(rows: "Rows", lang: str) -> str:
    """How much text the training has: tokens and bytes, documents, pieces of the vocabulary."""
    return fill_sentence(
        "say_text",
        lang,
        tokens=len(rows.train.ids),
        documents=rows.train.documents,
        pieces=rows.tokenizer.vocab_size,
        held_out=rows.validation.documents,
        bytes_per_token=rows.train.text_bytes / len(rows.train.ids),
    )


def say_both_cleanings(early: int, v6: int, lang: str) -> str:
    """Tokens of the same validation documents in both cleanings, by one tokenizer."""
    return fill_sentence("say_both_cleanings", lang, early=early, v6=v6, ratio=early / v6)


def say_curve(history: "History", lang: str) -> str:
    """From where to where the validation loss went, and whether it still falls or rises again.

    It still falls if its last point is its lowest, and rises if the last lies more than `STEADY`
    above the lowest.
    """
    first, last, best = history.validation[0], history.validation[-1], history.best
    if best is last:
        verdict = "say_curve_falling"
    elif last["loss"] > (1 + STEADY) * best["loss"]:
        verdict = "say_curve_rising"
    else:
        verdict = "say_curve_flat"
    where = {"first": first["loss"], "last": last["loss"], "best": best["loss"]}
    where |= {"millions": last["tokens"] / 1e6, "best_millions": best["tokens"] / 1e6}
    where["rise"] = last["loss"] - best["loss"]
    text = [fill_sentence("say_curve", lang, **where), fill_sentence(verdict, lang, **where)]
    if history.train:
        gap = last["loss"] - history.train[-1]["loss"]
        above = "say_gap_above" if gap > 0 else "say_gap_below"
        text.append(fill_sentence(above, lang, gap=abs(gap)))
    return " ".join(text)


def say_passes(history: "History", lang: str) -> str:
    """How often the training read its corpus, how fast, and for how long."""
    kind = "say_passes_many" if history.tokens > history.pass_tokens else "say_passes_part"
    return fill_sentence(
        kind,
        lang,
        parameters=history.parameters / 1e6,
        passes=history.tokens / history.pass_tokens,
        speed=round(history.tokens_per_second),
        seconds=history.seconds,
    )


def say_result(table: str, run: str, result: "Intrinsic", history: "History", lang: str) -> str:
    """What the evaluation means, and how far it lies from the published perplexity, if any.

    Parameters
    ----------
    table
        ``tab07``, ``tab08`` or ``tab09``, where the dissertation prints the run.
    run, result, history
        The run, its evaluation and its training.
    lang
        "pt" or "en".
    """
    text = fill_sentence(
        "say_result",
        lang,
        loss=result.loss,
        ppl=result.perplexity,
        accuracy=result.accuracy,
        bits=result.bits_per_byte,
        saved=1 - result.bits_per_byte / 8,
    )
    printed = {row["run"]: row for row in load("published", table, "rows")}.get(run)
    if printed is None:
        return f"{text} {label('say_unpublished', lang)}"
    ppl = float(printed.get("ppl") or printed["val_ppl"])
    tokens = float(printed.get("tokens", 0)) * BILLION
    which = "say_above_published" if result.perplexity > ppl else "say_below_published"
    share = result.perplexity / ppl - 1
    compared = fill_sentence(
        which, lang, published=ppl, change=abs(share), tokens=history.tokens / tokens
    )
    return f"{text} {compared}"


def say_legibility(legible: "Legibility", lang: str) -> str:
    """Which guardrails the samples break, how often they repeat themselves, which words exist."""
    broken = [
        fill_sentence(f"say_{name}", lang, value=value, limit=limit)
        for name in GUARDRAILS
        if (value := getattr(legible, name)) is not None
        and value > (limit := getattr(legible, name.replace("ratio", "limit")))
    ]
    if legible.empty_samples:
        broken.append(fill_sentence("say_empty_samples", lang, count=legible.empty_samples))
    if legible.guardrails_pass:
        verdict = fill_sentence(
            "say_guardrails_pass",
            lang,
            fallback=legible.fallback_ratio,
            short=legible.short_piece_ratio,
        )
    else:
        verdict = fill_sentence("say_guardrails_broken", lang, broken=enumerated(broken, lang))
    words = fill_sentence(
        "say_words",
        lang,
        words=legible.sample_words,
        known=legible.dictionary_share,
        repeated=legible.repetition,
        portuguese=legible.language_share,
    )
    return f"{verdict} {words}"
