"""Chapter 19: what quantising and distilling cost, as sentences with verdicts."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from brnb.report.labels import label, run_name
from brnb.report.sentences import capitalised, enumerated, fill_sentence

if TYPE_CHECKING:
    import pandas as pd

    from brnb.compress.comparisons import Compared
    from brnb.compress.distillation import OtherTokens
    from brnb.compress.edge import EdgeAnswer
    from brnb.compress.survey import MissingScheme, SchemeRow

CODED = 16  # bits from which a scheme is no quantisation
OPENING = 4  # words of a text that a sentence quotes


def say_missing(missing: Sequence["MissingScheme"], lang: str) -> str:
    """Which schemes a model does not have here and why, a line a reason; or that it has all."""
    lines = []
    for model, lacks in dict.fromkeys((one.model, one.lacks) for one in missing):
        schemes = [one.scheme for one in missing if (one.model, one.lacks) == (model, lacks)]
        names = enumerated([label(scheme, lang) for scheme in schemes], lang)
        lines.append(
            fill_sentence(f"say_lacks_{lacks}", lang, model=run_name(model, lang), names=names)
        )
    return "\n".join(lines) or label("say_no_scheme_missing", lang)


def say_sizes(measured: Sequence["SchemeRow"], lang: str) -> str:
    """Of each model, the schemes that cost nothing measurable, and the one that costs most."""
    parts = []
    for model in dict.fromkeys(row.model for row in measured):
        rows = [row for row in measured if row.model == model and row.bits < CODED]
        if not rows:
            continue
        safe = [label(row.scheme, lang) for row in rows if row.low <= 0 <= row.high]
        worst = max(rows, key=lambda row: row.change)
        kind = "say_schemes_safe" if safe else "say_no_scheme_safe"
        fields = {"model": run_name(model, lang), "names": enumerated(safe or ["–"], lang)}
        loses = "say_scheme_loses" if worst.change > 0 else "say_no_scheme_loses"
        parts.append(
            f"{fill_sentence(kind, lang, **fields)} "
            + fill_sentence(loses, lang, scheme=label(worst.scheme, lang), change=worst.change)
        )
    return "\n".join(parts)


def say_predictions(measured: Sequence["SchemeRow"], lang: str) -> str:
    """Of each model, the scheme that keeps fewest of its first predictions, and how many."""
    parts = []
    for model in dict.fromkeys(row.model for row in measured):
        rows = [row for row in measured if row.model == model and row.bits < CODED]
        if not rows:
            continue
        worst = min(rows, key=lambda row: row.agreement)
        fields = {"model": run_name(model, lang), "scheme": label(worst.scheme, lang)}
        parts.append(fill_sentence("say_predictions", lang, share=worst.agreement, **fields))
    return "\n".join(parts)


def say_speed(speed: "pd.DataFrame", lang: str) -> str:
    """Of each engine, in how many rows fewer bits are faster than bf16, and what gains most."""
    whole = [label(scheme, lang) for scheme in ("fp32", "bf16", "f32")]
    rows = speed[~speed["scheme"].isin(whole)].dropna(subset=["speed_ratio"])
    gguf = rows["scheme"].str.startswith("GGUF")
    engines = {"PyTorch": rows[~gguf], "llama.cpp": rows[gguf]}
    return "\n".join(
        _say_engine(engine, shown, lang) for engine, shown in engines.items() if len(shown)
    )


def _say_engine(engine: str, rows: "pd.DataFrame", lang: str) -> str:
    ratios = rows["speed_ratio"].astype(float)
    faster = int((ratios > 1).sum())
    if not faster:
        return fill_sentence("say_speed_slower", lang, engine=engine, count=len(rows))
    best = rows.iloc[int(ratios.argmax())]
    fields = {"scheme": best["scheme"], "device": best["device"], "batch": int(best["batch"])}
    fields |= {"engine": engine, "count": faster, "total": len(rows)}
    return fill_sentence("say_speed_faster", lang, ratio=ratios.max(), **fields)


def say_calibration(languages: Sequence["Compared"], lang: str) -> str:
    """Whether English calibration, or none, changes each model beside Portuguese calibration."""
    parts = []
    for row in languages:
        if row.change is not None and row.low is not None and row.high is not None:
            sure = row.low > 0 or row.high < 0
            kind = f"{'say_changes' if sure else 'say_unsure'}_{row.way}"
            fields = {"model": run_name(row.model, lang), "change": row.change}
            parts.append(fill_sentence(kind, lang, **fields))
    return "\n".join(parts)


def say_mixed(mixed: Sequence["Compared"], lang: str) -> str:
    """Whether shared-out bits beat the same bits everywhere, for each budget."""
    parts = []
    for row in mixed:
        if row.change is not None and row.low is not None and row.high is not None:
            kind = _verdict(
                "say_mixed_wins", "say_mixed_loses", "say_mixed_open", row.low, row.high
            )
            parts.append(fill_sentence(kind, lang, bits=row.bits, change=row.change))
    return "\n".join(parts)


def say_refusal(refusal: "OtherTokens", lang: str) -> str:
    """Why a student of another tokenizer is refused: the first token that it reads differently."""
    pairs = zip_longest(refusal.student, refusal.teacher)
    at, (student, teacher) = next((n, pair) for n, pair in enumerate(pairs, 1) if len({*pair}) > 1)
    beginning = " ".join(refusal.probe.split()[:OPENING])
    return fill_sentence(
        "say_refusal", lang, beginning=beginning, at=at, student=student, teacher=teacher
    )


def say_students(students: "pd.DataFrame", lang: str) -> str:
    """Whether each way of distilling helps beside text alone, and whether the teacher paid.

    `students` is the table of `brnb.chapters.distillation.tab_distillation`.
    """
    rows = students.dropna(subset=["change"]).set_index("way")
    parts = []
    for way, row in rows.iterrows():
        low, high = float(row["ci_low"]), float(row["ci_high"])
        kind = _verdict("say_way_helps", "say_way_harms", "say_way_open", low, high)
        ends = {"change": row["change"], "low": low, "high": high}
        parts.append(fill_sentence(kind, lang, way=capitalised(str(way)), **ends))
    logits, longer = (label(f"way_{way}", lang) for way in ("logits", "text_same_time"))
    if {logits, longer} <= set(rows.index):
        of: Any = rows.loc
        paid = of[logits, "ci_high"] < of[longer, "ci_low"]
        parts.append(label("say_teacher_pays" if paid else "say_teacher_does_not_pay", lang))
    return "\n".join(parts)


def say_same_size(teacher: Sequence["SchemeRow"], student: Sequence["SchemeRow"], lang: str) -> str:
    """Who predicts best in a file no larger than the student's in bf16."""
    size = max(row.disk for row in student if row.scheme == "bf16")
    pupil = min((r for r in student if r.disk <= size), key=lambda row: row.bits_per_byte)
    rivals = [row for row in teacher if row.disk <= size]
    fields = {"size": size / 1e6, "pupil": label(pupil.scheme, lang)}
    fields |= {"pupil_bits": pupil.bits_per_byte}
    if not rivals:
        return fill_sentence("say_teacher_too_large", lang, **fields)
    rival = min(rivals, key=lambda row: row.bits_per_byte)
    wins = pupil.bits_per_byte < rival.bits_per_byte
    kind = "say_student_smaller" if wins else "say_teacher_smaller"
    fields |= {"rival": label(rival.scheme, lang), "rival_bits": rival.bits_per_byte}
    return fill_sentence(kind, lang, **fields)


def say_edge(served: Mapping[tuple[str, str], "EdgeAnswer"], lang: str) -> str:
    """The fastest file of the edge, and how many times the student's speed is the teacher's."""
    (who, scheme), best = max(served.items(), key=lambda pair: pair[1].tokens_per_second)
    fields = {"who": label(f"way_{who}", lang), "scheme": label(scheme, lang)}
    text = fill_sentence("say_edge", lang, speed=best.tokens_per_second, **fields)
    schemes = [
        scheme for who, scheme in served if who == "student" and ("teacher", scheme) in served
    ]
    ratios = [
        served["student", scheme].tokens_per_second / served["teacher", scheme].tokens_per_second
        for scheme in schemes
    ]
    if not ratios:
        return text
    return f"{text} {fill_sentence('say_edge_ratio', lang, low=min(ratios), high=max(ratios))}"


def _verdict(below: str, above: str, neither: str, low: float, high: float) -> str:
    """The sentence for an interval that lies below zero, above it, or on both sides."""
    return below if high < 0 else above if low > 0 else neither
