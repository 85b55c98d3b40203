"""Tables and figures of chapter 19 on students: trained, quantised, and served at the edge."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from brnb.evaluate.statistics import mean_and_deviation, student_interval
from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.compress.edge import EdgeAnswer
    from brnb.compress.graduates import Graduate
    from brnb.compress.survey import SchemeRow

DECIMALS = {
    "students": {"parameters_million": 3, "training_tokens": 0, "training_seconds": 1}
    | {"bits_per_byte": 4, "deviation": 4, "change": 4, "ci_low": 4, "ci_high": 4}
    | {"divergence": 4, "agreement_percent": 1},
    "edge": {"disk_mb": 3, "served_mb": 1, "first_token_ms": 1, "tokens_per_second": 0}
    | {"bits_per_byte": 4, "joules_per_thousand": 1},
    "combined": {"weight_bits": 2, "disk_mb": 3, "share_of_teacher": 1, "bits_per_byte": 4}
    | {"over_teacher": 4, "change": 5, "ci_low": 5, "ci_high": 5},
}


def tab_distillation(
    graduates: Sequence["Graduate"], confidence: float, lang: str
) -> "pd.DataFrame":
    """One row a way of training: means over seeds, and the change from text alone, seed by seed.

    The interval is Student's of the paired differences; the teacher's own row is the first.
    """
    rows = []
    for way in dict.fromkeys(g.way for g in graduates):
        group = [g for g in graduates if g.way == way]
        mean, deviation = mean_and_deviation([g.bits_per_byte for g in group])
        values = {
            "way": label(f"way_{way}", lang),
            "parameters_million": group[0].parameters / 1e6,
            "training_tokens": float(np.mean([g.tokens for g in group])),
            "training_seconds": float(np.mean([g.seconds for g in group])),
            "seeds": len(group),
            "bits_per_byte": mean,
            "deviation": deviation if len(group) > 1 else None,
            "divergence": float(np.mean([g.divergence for g in group])),
            "agreement_percent": 100 * float(np.mean([g.agreement for g in group])),
        }
        rows.append(values | _change(graduates, way, confidence))
    return frame(rows)


def fig_distillation(graduates: Sequence["Graduate"], lang: str) -> "Figure":
    """Bits per byte of every student, one point a seed, against the seconds of its training; the
    dashed line is the teacher."""
    fig, axes = figure(3.4)
    ways = [way for way in dict.fromkeys(g.way for g in graduates) if way != "teacher"]
    for i, way in enumerate(ways):
        group = [g for g in graduates if g.way == way]
        axes.plot(
            [g.seconds for g in group], [g.bits_per_byte for g in group], "osD^v"[i], color=f"C{i}",
            linestyle="none", label=label(f"way_{way}", lang),
        )  # fmt: skip
    teacher = next(g for g in graduates if g.way == "teacher")
    name = label("way_teacher", lang)
    axes.axhline(teacher.bits_per_byte, color="black", linestyle="--", linewidth=1, label=name)
    axes.set(xlabel=label("training_seconds", lang), ylabel=label("bits_per_byte", lang))
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def tab_distillation_quantized(
    teacher: Sequence["SchemeRow"], student: Sequence["SchemeRow"], lang: str
) -> "pd.DataFrame":
    """Teacher and student in the same schemes: file, its share of the teacher's in fp32, and bits.

    `change` is what the scheme adds to the model's own fp32; `over_teacher` what teacher's fp32
    has less.
    """
    whole = next(row for row in teacher if row.scheme == "fp32")
    return frame(
        [
            {
                "model": label(who, lang),
                "scheme": label(row.scheme, lang),
                "weight_bits": row.bits,
                "disk_mb": row.disk / 1e6,
                "share_of_teacher": 100 * row.disk / whole.disk,
                "bits_per_byte": row.bits_per_byte,
                "over_teacher": row.bits_per_byte - whole.bits_per_byte,
                "change": row.change,
                "ci_low": row.low,
                "ci_high": row.high,
            }
            for who, rows in (("way_teacher", teacher), ("way_student", student))
            for row in rows
        ]
    )


def tab_edge(
    served: Mapping[tuple[str, str], "EdgeAnswer"], bits: Mapping[tuple[str, str], float], lang: str
) -> "pd.DataFrame":
    """Each GGUF as an edge machine serves it, by who (``teacher``, ``student``) and scheme."""
    return frame(
        [
            {
                "model": label(f"way_{who}", lang),
                "scheme": label(scheme, lang),
                "disk_mb": one.file_bytes / 1e6,
                "served_mb": one.memory / 1e6,
                "first_token_ms": 1e3 * one.first_token,
                "tokens_per_second": one.tokens_per_second,
                "joules_per_thousand": one.joules_per_thousand,
                "energy_counted": one.energy_measured,
                "bits_per_byte": bits.get((who, scheme)),
            }
            for (who, scheme), one in served.items()
        ]
    )


def _change(
    graduates: Sequence["Graduate"], way: str, confidence: float
) -> dict[str, float | None]:
    """What a way adds to the bits per byte of text alone, with its interval."""
    text = {g.seed: g.bits_per_byte for g in graduates if g.way == "text"}
    same = [g for g in graduates if g.way == way and g.seed in text]
    if way in ("text", "teacher") or len(same) < 2:
        return {"change": None, "ci_low": None, "ci_high": None}
    mean, low, high = student_interval([g.bits_per_byte - text[g.seed] for g in same], confidence)
    return {"change": mean, "ci_low": low, "ci_high": high}
