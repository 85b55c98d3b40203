"""What the dissertation's equations print, beside what they should (4.1-4.22, A and C)."""

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from brnb.theory.attention_cost import (
    attention_seconds,
    crossover_length,
    naive_attention_bytes,
    naive_traffic_bytes,
    score_bytes,
    transfer_seconds,
)
from brnb.theory.budget import tier
from brnb.theory.chinchilla import (
    chinchilla_loss,
    optimal_allocation,
    optimal_exponents,
    printed_compute_allocation,
)
from brnb.theory.compute import YEAR, forward_flops, gpu_seconds, training_flops
from brnb.theory.costs import Number, exact
from brnb.theory.decision import decision_matrix
from brnb.theory.feasibility import (
    full_training,
    lora_training,
    qlora_training,
    quantisation_ratio,
)
from brnb.theory.kaplan import kaplan_slope
from brnb.theory.lora import (
    adapter_parameters,
    compression_ratio,
    lora_parameters,
    nf4_bits,
    reduction,
)
from brnb.theory.number_formats import number_range
from brnb.theory.online_softmax import memory_reduction
from brnb.theory.shape import LLAMA_8B
from brnb.theory.units import bytes_per_second
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
    return {**_chapter_4(), **_attention(), **_laws(), **_scaling(), **_tiers(), **_adaptation()}


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


def _attention() -> dict[str, float]:
    n, heads, head_dim = 8192, 32, 128
    fp16, fp32 = number_range("fp16"), number_range("fp32")
    traffic = naive_traffic_bytes(n, heads, head_dim)
    return {
        "A.1.3.2": crossover_length(512),
        "A.21": float(score_bytes(n)) / 1e6,
        "A.40": float(naive_attention_bytes(n, heads, head_dim)) / 1e9,
        "A.42": 1e3 * float(transfer_seconds(traffic, bytes_per_second("1.6 TB/s"))),
        "A.44": 1e3 * float(attention_seconds(n, heads, head_dim, 312e12)),
        "A.52": float(memory_reduction(n, head_dim)),
        "A.61-low": fp16[0],
        "A.61-high": fp16[1],
        "A.62-low": fp32[0],
        "A.62-high": fp32[1],
    }


def _laws() -> dict[str, float]:
    printed_size, printed_tokens = printed_compute_allocation(1e26)
    size, tokens = optimal_allocation(1e26)
    for_size, for_data = optimal_exponents()
    return {
        "C.11": -float(kaplan_slope("N", 1e10)),
        "C.12": -float(kaplan_slope("D", 1e11)),
        "C.13": -float(kaplan_slope("C", 1e20)),
        "C.24": for_size,
        "C.25": for_data,
        "C.40": float(size),
        "C.41": float(tokens),
        "C.43": float(chinchilla_loss(printed_size, printed_tokens)),
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
