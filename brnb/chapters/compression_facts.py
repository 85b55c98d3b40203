"""The tables of document 001: what it says, what the sources say, and what was measured here."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brnb.report.labels import format_number, label
from brnb.report.tables import frame
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.compress.graduates import Graduate
    from brnb.compress.survey import SchemeRow


def tab_compression_facts(lang: str) -> "pd.DataFrame":
    """Every example of document 001 as printed, its verdict, the corrected fact and its source."""
    return frame(
        [
            {
                "theme": label(f"theme_{theme}", lang),
                "printed": fact["printed"][lang],
                "verdict": label(f"fact_{fact['verdict']}", lang),
                "corrected_value": fact["corrected"][lang],
                "source": fact["source"],
            }
            for theme in ("slm", "quantised", "distilled")
            for fact in load("compression", theme)
        ]
    )


def tab_compression_comparison(
    teacher: Sequence["SchemeRow"], graduates: Sequence["Graduate"], scheme: str, lang: str
) -> "pd.DataFrame":
    """Section 3's five rows as printed, with what was measured of a scheme and of the students."""
    measured = _measured(teacher, graduates, scheme, lang)
    return frame(
        [
            {
                "characteristic": label(f"characteristic_{row['row']}", lang),
                "quantised_printed": row["quantised"][lang],
                "quantised_measured": measured[row["row"]][0],
                "distilled_printed": row["distilled"][lang],
                "distilled_measured": measured[row["row"]][1],
            }
            for row in load("compression", "comparison")
        ]
    )


def tab_compression_references() -> "pd.DataFrame":
    """The four links of document 001."""
    return frame(
        [
            {"title": row["title"], "cited": row["cited"], "address": row["link"]}
            for row in load("compression", "references")
        ]
    )


def _measured(
    teacher: Sequence["SchemeRow"], graduates: Sequence["Graduate"], scheme: str, lang: str
) -> dict[str, tuple[str, str]]:
    """By row of the comparison: the quantised model's text, the distilled one's."""
    whole, small = (next(r for r in teacher if r.scheme == name) for name in ("fp32", scheme))
    master = next(g for g in graduates if g.way == "teacher")
    pupil = next(g for g in graduates if g.way == "logits")

    def ratio(value: float) -> str:
        return f"{format_number(value, lang, 2)}×"

    def bits(value: float) -> str:
        sign = "+" if value >= 0 else "−"
        return f"{sign}{format_number(abs(value), lang, 4)} {label('bits_per_byte', lang).lower()}"

    file, model = label("of_the_file", lang), label("of_the_parameters", lang)
    fewest = min(whole.speed["cpu"], key=int)
    speed = small.speed["cpu"][fewest] / whole.speed["cpu"][fewest]
    seconds = f"{format_number(pupil.seconds, lang, 1)} s"
    return {
        "objective": (
            f"{ratio(small.disk / whole.disk)} {file}",
            f"{ratio(pupil.parameters / master.parameters)} {model}",
        ),
        "technique": (
            f"{format_number(small.bits, lang, 2)} {label('bits_a_weight', lang)}",
            f"KL {format_number(pupil.divergence, lang, 3)}",
        ),
        "quality": (bits(small.change), bits(pupil.bits_per_byte - master.bits_per_byte)),
        "resources": (
            f"{ratio(small.held / whole.held)} {label('of_the_memory', lang)}; "
            f"{ratio(speed)} {label('of_the_speed', lang)}",
            f"{ratio(pupil.parameters / master.parameters)} {label('of_the_memory', lang)}",
        ),
        "complexity": (label("no_training", lang), seconds),
    }
