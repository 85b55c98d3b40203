"""Chapter 11: what its tables and figures say, as sentences computed from the records."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.chapters.factorial import factorial_verdict
from brnb.chapters.track1 import best_by_cleaning, chosen_gap
from brnb.report.labels import label, run_name
from brnb.report.sentences import enumerated, fill_sentence
from brnb.studies.finding import verdict
from brnb.theory.decision import pareto_front

if TYPE_CHECKING:
    from brnb.evaluate.legibility import Legibility
    from brnb.evaluate.records import Record
    from brnb.studies.cleanings import Reading
    from brnb.studies.factorial import Effect
    from brnb.studies.finding import MeasureChange


def say_gap(records: Sequence["Record"], lang: str) -> str:
    """How far test lies from the validation that chose the weights: on average, and at most."""
    mean, largest = chosen_gap(records)
    return fill_sentence("say_test_gap", lang, mean=mean, largest=largest)


def say_guardrails(measured: Mapping[str, "Legibility | None"], lang: str) -> str:
    """How many runs fail the guardrails, and how many of their samples have no word."""
    judged = [one for one in measured.values() if one is not None]
    failed = sum(not one.guardrails_pass for one in judged)
    text = fill_sentence("say_failed_runs", lang, failed=failed, count=len(judged))
    empty = sum(one.empty_samples for one in judged)
    kind = "say_wordless_samples" if empty else "say_no_wordless_sample"
    return f"{text} {fill_sentence(kind, lang, count=empty)}"


def say_nuclei(measured: Mapping[tuple[str, float], "Legibility"], lang: str) -> str:
    """Which runs the guardrails pass with one nucleus and not with another."""
    seen: dict[str, set[bool]] = {}
    for (run, _), legible in measured.items():
        seen.setdefault(run, set()).add(legible.guardrails_pass)
    turned = [run_name(run, lang) for run, verdicts in seen.items() if len(verdicts) > 1]
    if not turned:
        return label("say_nuclei_agree", lang)
    return fill_sentence(
        "say_nuclei", lang, names=enumerated(turned, lang), count=len(turned), total=len(seen)
    )


def say_best(records: Sequence["Record"], lang: str) -> str:
    """The run of fewest bits per byte on test, of each cleaning."""
    return " ".join(
        fill_sentence(
            "say_best_run",
            lang,
            cleaning=cleaning,
            run=run_name(record.run, lang),
            bits=record.result.bits_per_byte,
        )
        for cleaning, record in best_by_cleaning(records).items()
    )


def say_factorial(effects: Mapping[str, Sequence["Effect"]], lang: str) -> str:
    """At each budget, whether tokenizer or architecture changes more, or nobody can tell."""
    kinds = {True: "say_tokenizer_more", False: "say_architecture_more", None: "say_neither_more"}
    return " ".join(
        fill_sentence(
            kinds[factorial_verdict(found)], lang, equal=label(f"say_first_equal_{budget}", lang)
        )
        for budget, found in effects.items()
    )


def say_alignment(readings: Sequence["Reading"], lang: str) -> str:
    """On the text of each cleaning, how the second model differs from the first."""
    first, said = "", []
    for reading in readings:
        if reading.change is None or reading.low is None or reading.high is None:
            first = run_name(reading.run, lang)
            continue
        unsure = reading.low <= 0 <= reading.high
        text = fill_sentence(
            "say_alignment",
            lang,
            cleaning=reading.cleaning,
            run=run_name(reading.run, lang),
            first=first,
            change=reading.change,
        )
        said.append(f"{text} {label('say_zero_inside' if unsure else 'say_zero_outside', lang)}")
    return "\n".join(said)


def say_finding(
    changes: Sequence["MeasureChange"], equal: Sequence["MeasureChange"], lang: str
) -> str:
    """Whether the loss fell and the text got worse: between the versions, and at equal tokens."""
    return "\n".join(
        _say_finding(kind, found, lang)
        for kind, found in (("versions", changes), ("equal_tokens", equal))
    )


def _say_finding(kind: str, changes: Sequence["MeasureChange"], lang: str) -> str:
    judged = verdict(changes)
    fell = "say_loss_fell" if judged.loss_fell else "say_loss_did_not_fall"
    said = [fill_sentence(fell, lang, case=label(f"say_finding_{kind}", lang))]
    for sentence, measures in (("worse", judged.worse), ("improved", judged.improved)):
        names = [_lower_first(label(measure, lang)) for measure in measures]
        if names:
            said.append(fill_sentence(f"say_{sentence}", lang, names=enumerated(names, lang)))
        else:
            said.append(label(f"say_none_{sentence}", lang))
    said.append(label("say_finding_shown" if judged.shown else "say_finding_not_shown", lang))
    return " ".join(said)


def _lower_first(text: str) -> str:
    return text[0].lower() + text[1:]


def say_falling(records: Sequence["Record"], lang: str) -> str:
    """How many validation curves have their lowest point at the end, and which do not."""
    curves = {record.run: record.history for record in records if record.history.validation}
    over = [run for run, history in curves.items() if history.best is not history.validation[-1]]
    counts = {"falling": len(curves) - len(over), "count": len(curves)}
    said = fill_sentence("say_falling", lang, **counts)
    if not over:
        return said
    names = enumerated([run_name(run, lang) for run in over], lang)
    return f"{said} {fill_sentence('say_stopped_falling', lang, names=names)}"


def say_compute_front(records: Sequence["Record"], lang: str) -> str:
    """Of each cleaning, the runs that none of less compute (6ND) equals in bits per byte."""
    said = []
    for cleaning in dict.fromkeys(record.params["cleaning"] for record in records):
        group = [record for record in records if record.params["cleaning"] == cleaning]
        points = [
            (6.0 * r.history.parameters * r.history.tokens, -r.result.bits_per_byte) for r in group
        ]
        names = enumerated([run_name(group[at].run, lang) for at in pareto_front(points)], lang)
        said.append(fill_sentence("say_compute_front", lang, cleaning=cleaning, names=names))
    return " ".join(said)
