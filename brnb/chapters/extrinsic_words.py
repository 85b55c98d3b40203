"""Chapter 15: what its test sets, answers and comparisons say, as sentences with verdicts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.chapters.comparisons import downstream_sentences
from brnb.chapters.extrinsic import claims, floor_sentences, spread_warnings
from brnb.report.labels import find_label, label, run_name
from brnb.report.sentences import enumerated, fill_sentence

if TYPE_CHECKING:
    from brnb.extrinsic.scores import ScoreRow


def system_names(base: str, others: Iterable[str], lang: str) -> dict[str, str]:
    """What tables call the systems that answer, by id: the base, its adapted form, the others."""
    plain = run_name(base, lang)
    names = {"adapted": f"{plain} + SFT", "baseline": plain}
    return names | {name: find_label(name, lang) or run_name(name, lang) for name in others}


def say_left_out(left_out: Mapping[str, int], lang: str) -> str:
    """How many pairs are no item of a test set, by reason; reasons that took none are not named."""
    parts = [
        fill_sentence(f"say_item_{reason}", lang, count=count)
        for reason, count in left_out.items()
        if count
    ]
    if not parts:
        return label("say_no_item_left_out", lang)
    return fill_sentence("say_items_left_out", lang, parts=enumerated(parts, lang))


def say_ended(ended: Mapping[str, int], total: int, names: Mapping[str, str], lang: str) -> str:
    """How many of its answers each system ended by itself; the others reached the length limit."""
    if not any(ended.values()):
        return fill_sentence("say_none_ended", lang, total=total)
    return "\n".join(
        fill_sentence("say_ended", lang, name=names[system], ended=count, total=total)
        for system, count in ended.items()
    )


def say_results(
    rows: Sequence["ScoreRow"], names: Mapping[str, str], primary: str, lang: str
) -> str:
    """Warnings, the differences that the evidence supports or that there is none, and floors."""
    lines = spread_warnings(rows, lang)
    lines += claims(rows, names, primary, lang) or [label("say_no_claim", lang)]
    return "\n".join([*lines, *floor_sentences(rows, primary, lang)])


def say_downstream(rows: Sequence["ScoreRow"], lang: str) -> str:
    """What CPT before SFT changes in each task, or that no variant with CPT answered."""
    return "\n".join(downstream_sentences(rows, lang)) or label("say_no_downstream", lang)


def say_generations(answers: int, tokens: int, seconds: float, lang: str) -> str:
    """How many answers the two systems wrote, of how many tokens, in how many seconds."""
    return fill_sentence(
        "say_generations",
        lang,
        answers=answers,
        tokens=tokens,
        seconds=seconds,
        speed=tokens / seconds if seconds else None,
    )
