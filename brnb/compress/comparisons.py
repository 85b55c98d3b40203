"""Ways to the same size on the same documents: calibration's language, how bits are shared."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from brnb.compress.allocation import Sensitivity, mean_bits, mixed_bits
from brnb.compress.calibration import collect_inputs
from brnb.compress.fidelity import Fidelity, paired_change
from brnb.compress.survey import Survey


@dataclass(frozen=True)
class Compared:
    """One of several compressed forms of a model, beside the first of them.

    Attributes
    ----------
    way
        What tells it from the others.
    bits
        Mean code bits of a weight of the maps, without scales.
    bits_per_byte, divergence
        On test documents; KL from the original.
    change, low, high
        In bits per byte from the first form's, with the paired interval; None for the first.
    """

    model: str
    way: str
    bits: float
    bits_per_byte: float
    divergence: float
    change: float | None
    low: float | None
    high: float | None


def calibration_languages(survey: Survey, english: Tensor) -> list[Compared]:
    """4 bits calibrated on Portuguese, on as much English, and not at all, in equal groups.

    Parameters
    ----------
    survey
        Its first windows are the Portuguese.
    english
        Windows of the same shape.
    """
    native, foreign = (
        collect_inputs(survey.model, windows.to(survey.device))
        for windows in (survey.windows[: len(english)], english)
    )
    forms = {
        "calibrated_pt": survey.compressed("gptq", native),
        "calibrated_en": survey.compressed("gptq", foreign),
        "uncalibrated": survey.compressed("int4"),
    }
    return list(_beside_first(survey, {way: (model, 4.0) for way, model in forms.items()}))


def mixed_against_uniform(
    survey: Survey, table: dict[str, Sensitivity], budgets: list[float]
) -> tuple[list[Compared], dict[float, dict[str, int]]]:
    """Uniform bits, and bits shared by C.84-C.86 under the same budget, for every budget.

    Returns
    -------
    rows, bits
        Pairs of forms, the uniform first; the bits of every map by budget.
    """
    rows: list[Compared] = []
    shared = {}
    for budget in budgets:
        uniform = dict.fromkeys(table, int(budget))
        shared[budget] = mixed_bits(table, budget)
        forms = {
            f"{way}_bits": (survey.compressed(way, bits=bits), mean_bits(table, bits))
            for way, bits in (("uniform", uniform), ("mixed", shared[budget]))
        }
        rows += _beside_first(survey, forms)
    return rows, shared


def _beside_first(survey: Survey, forms: dict[str, tuple[nn.Module, float]]) -> Iterator[Compared]:
    p, first = survey.params, None
    for way, (model, bits) in forms.items():
        found: Fidelity = survey.fidelity(model)
        change = first and paired_change(
            first.documents, found.documents, p.resamples, p.confidence, p.seed
        )
        first = first or found
        yield Compared(
            survey.original.name, way, bits, found.documents.bits_per_byte, found.divergence,
            change and change.value, change and change.low, change and change.high,
        )  # fmt: skip
