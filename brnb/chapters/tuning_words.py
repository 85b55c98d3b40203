"""Chapters 12 and 13: what is drawn, tuned and merged, as sentences computed from the results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from brnb.report.labels import label, run_name
from brnb.report.sentences import fill_sentence

if TYPE_CHECKING:
    from brnb.finetune.merge import GgufUnavailable

MIB = 2**20  # bytes


def say_drawn(split: str, training: int, held_out: int, lang: str) -> str:
    """From which split of the corpus documents are drawn, and how many for what."""
    counts = {"training": training, "held_out": held_out}
    return fill_sentence(f"say_drawn_from_{split}", lang, **counts)


def say_removed(removed: Mapping[str, int], lang: str) -> str:
    """How many texts or pairs each rule left out; a rule that left out none is not named."""
    parts = [
        fill_sentence("say_count", lang, name=label(name, lang), count=count)
        for name, count in removed.items()
        if count
    ]
    if not parts:
        return fill_sentence("say_none_removed", lang, count=len(removed))
    return fill_sentence("say_removed", lang, parts="; ".join(parts))


def say_noise(counts: Mapping[str, int], lang: str) -> str:
    """How many pairs were looked at, and which kind of noise is the most frequent."""
    kinds = {kind: count for kind, count in counts.items() if kind != "pairs"}
    kind = max(kinds, key=lambda name: kinds[name])
    if not kinds[kind]:
        return fill_sentence("say_no_noise", lang, pairs=counts["pairs"], kinds=len(kinds))
    share = kinds[kind] / counts["pairs"]
    name = label(f"noise_{kind}", lang)
    return fill_sentence(
        "say_noise", lang, pairs=counts["pairs"], kind=name, noisy=kinds[kind], share=share
    )


def say_base(name: str, parameters: int, lang: str, template: bool | None = None) -> str:
    """Which model is tuned and how large it is; whether its chat template is ours, if it has one.

    Parameters
    ----------
    name, parameters
        Of the base.
    lang
        "pt" or "en".
    template
        Whether `brnb.bases.template.ensure_template` gave it one; None where none is needed.
    """
    text = fill_sentence("say_base", lang, name=run_name(name, lang), parameters=parameters)
    if template is None:
        return text
    return f"{text} {label('say_template_ours' if template else 'say_template_own', lang)}"


def say_merged(difference: float, lang: str) -> str:
    """How much merging the adapters changes the logits, relative to the largest one."""
    return fill_sentence("say_merged", lang, difference=difference)


def say_gguf(file: Path, reason: "GgufUnavailable | None", lang: str) -> str:
    """Where the GGUF is and how large; or why there is none (`brnb.finetune.merge.try_gguf`)."""
    if reason is None:
        size = file.stat().st_size / MIB
        return fill_sentence("say_gguf_written", lang, name=file.name, mib=size)
    if not reason.installed:
        return label("say_gguf_not_installed", lang)
    *_, last = str(reason).strip().splitlines()
    return fill_sentence("say_gguf_refused", lang, reason=last)


def say_training(validation: Sequence[Mapping[str, float]], lang: str) -> str:
    """How far the validation loss of a training fell from the first point of its curve."""
    first, best = validation[0], min(validation, key=lambda row: row["loss"])
    kind = "say_training" if best is not first else "say_training_never_fell"
    return fill_sentence(
        kind,
        lang,
        first=first["loss"],
        best=best["loss"],
        tokens=round(best["tokens"]),
        fall=first["loss"] - best["loss"],
    )
