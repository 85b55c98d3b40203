"""What the dissertation's equations print, beside what they should (4.1-4.22, C.31-C.94)."""

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from brnb.theory.budget import tier
from brnb.theory.compute import YEAR, forward_flops, gpu_seconds, training_flops
from brnb.theory.costs import Number, exact
from brnb.theory.decision import decision_matrix
from brnb.theory.feasibility import (
    full_training,
    lora_training,
    qlora_training,
    quantisation_ratio,
)
from brnb.theory.lora import (
    adapter_parameters,
    compression_ratio,
    lora_parameters,
    nf4_bits,
    reduction,
)
from brnb.theory.shape import LLAMA_8B
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

MB = 1000  # of a GB


def rounds_to(value: Number, printed: str) -> bool:
    """Whether a value has the printed digits once it is rounded to them, halves up.

    Examples
    --------
    >>> rounds_to(16.256, "16.3"), rounds_to(3.15e23, "3.1e23")
    (True, False)
    """
    digits = Decimal(printed)
    return exact(value).quantize(digits, rounding=ROUND_HALF_UP) == digits


def equations() -> dict[str, float]:
    """Value of every equation of brnb/thesis/equations.yaml, in the unit given there."""
    return {**_chapter_4(), **_scaling(), **_tiers(), **_adaptation()}


def equation_table() -> "pd.DataFrame":
    """Every equation that prints a number.

    Returns
    -------
    pandas.DataFrame
        ``equation``, ``section``, ``quantity``, ``unit``, ``published`` (`Decimal`),
        ``recomputed`` (float), ``agrees``, ``why`` (None where they agree).
    """
    import pandas as pd

    values = equations()
    rows = [
        {
            "equation": key,
            "section": fact["section"],
            "quantity": fact["quantity"],
            "unit": fact["unit"],
            "published": Decimal(fact["printed"]),
            "recomputed": values[key],
            "agrees": rounds_to(values[key], fact["printed"]),
            "why": fact.get("why"),
        }
        for key, fact in load("equations").items()
    ]
    return pd.DataFrame(rows, dtype=object)


def _chapter_4() -> dict[str, float]:
    full = full_training(7e9)
    lora = lora_training(8e9, 16e6)
    qlora = qlora_training(70e9, 50e6, overhead=8)
    return {
        "3.4-params": adapter_parameters(4096, 4096, 8),
        "3.4-ratio": compression_ratio(4096, 4096, 8),
        "4.1": full.weights,
        "4.2": full.gradients,
        "4.3": full.optimizer,
        "4.4": full.total,
        "4.5": full.deficit(24),
        "4.8": lora_parameters(LLAMA_8B, 64),
        "4.9": reduction(8e9, 16e6),
        "4.10": lora.weights,
        "4.11": lora.adapters * MB,
        "4.12": lora.gradients * MB,
        "4.13": lora.optimizer * MB,
        "4.14": lora.total,
        "4.15": 2 * 70e9 / 1e9,
        "4.16": qlora.weights,
        "4.17": quantisation_ratio(nf4_bits()),
        "4.18": qlora.weights,
        "4.19": qlora.adapters * MB,
        "4.20": qlora.gradients * MB,
        "4.22": qlora.total,
    }


def _scaling() -> dict[str, float]:
    width = 4096
    token = forward_flops(1, width, 4 * width, 0, 0)
    per_token = sum(token.values()) / width**2
    gpt3 = training_flops(175e9, 300e9)
    seconds = gpu_seconds(gpt3, 312, 0.4)
    return {
        "C.31": per_token,
        "C.32": 3 * per_token,
        "C.34": gpt3,
        "C.35": seconds / YEAR,
        "C.36": seconds / 3600 * 3.06,
        "C.60": 1 / (1 - 0.34),
    }


def _tiers() -> dict[str, float]:
    one, two, three = (tier(name) for name in ("tier1", "tier2", "tier3"))
    values = {
        "C.62": one["energy"],
        "C.63": one["cooling"],
        "C.65": one["total"],
        "C.66": one["flops"],
        "C.67": one["days"],
        "C.69": two["energy"],
        "C.71": two["total"],
        "C.72": two["flops"],
        "C.73": two["days"],
        "C.75": three["energy"],
        "C.77": three["total"],
    }
    return {key: value for key, value in values.items() if value is not None}


def _adaptation() -> dict[str, float]:
    utility = decision_matrix()
    return {
        "C.82": compression_ratio(4096, 4096, 64),
        "C.93": utility["Treinamento completo"],
        "C.94": utility["Fine-tuning + LoRA"],
    }
