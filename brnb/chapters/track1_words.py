"""Chapter 11: what its figures of curves and costs say, as sentences computed from the records."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brnb.report.labels import run_name
from brnb.report.sentences import enumerated, fill_sentence
from brnb.theory.decision import pareto_front

if TYPE_CHECKING:
    from brnb.evaluate.records import Record


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
