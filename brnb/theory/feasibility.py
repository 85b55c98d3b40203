"""What fits in a GPU: the dissertation's memory estimates without activations (Eqs. 4.1-4.22).

They count bytes a parameter and nothing else; `brnb.theory.memory` predicts the peak of a real
step. A GB is 1e9 bytes, as in the thesis.
"""

from dataclasses import astuple, dataclass

from brnb.theory.lora import nf4_bits
from brnb.theory.units import not_negative, positive

GB = 1e9


@dataclass(frozen=True)
class Estimate:
    """GB of each part of the training state."""

    weights: float
    adapters: float
    gradients: float
    optimizer: float
    overhead: float

    @property
    def total(self) -> float:
        """GB of all parts (Eqs. 4.4, 4.14, 4.22)."""
        return float(sum(astuple(self)))

    def deficit(self, vram: float) -> float:
        """GB that a GPU of `vram` GB lacks; negative if it fits (Eq. 4.5)."""
        return self.total - vram


def full_training(parameters: float) -> Estimate:
    """fp32 weights and gradients, two Adam moments: 4 + 4 + 8 bytes a parameter (Eqs. 4.1-4.4)."""
    not_negative("parameters", parameters=parameters)
    return Estimate(4 * parameters / GB, 0, 4 * parameters / GB, 8 * parameters / GB, 0)


def lora_training(parameters: float, adapters: float) -> Estimate:
    """FP16 base, fp32 adapters with gradients and Adam's moments (Eqs. 4.10-4.14).

    The thesis puts 16e6 adapters beside 8e9 parameters; r = 64 has that many on the query map
    alone, see `brnb.theory.lora.lora_parameters`.
    """
    not_negative("parameters", parameters=parameters, adapters=adapters)
    a = adapters / GB
    return Estimate(2 * parameters / GB, 4 * a, 4 * a, 8 * a, 0)


def qlora_training(parameters: float, adapters: float, overhead: float) -> Estimate:
    """NF4 base, fp32 adapters with gradients and Adam's moments, `overhead` GB (Eqs. 4.16-4.22).

    For 70e9 parameters, 50e6 adapters and 8 GB the thesis prints 43.4 GB. Its sum leaves out
    Adam's moments (0.4 GB), which it counts for LoRA in 4.13, and NF4's scales (4.127 bits with
    double quantisation, not 4: 1.1 GB); the total is 44.9 GB.
    """
    not_negative("parameters", parameters=parameters, adapters=adapters)
    not_negative("GB", overhead=overhead)
    a = adapters / GB
    return Estimate(nf4_bits() / 8 * parameters / GB, 4 * a, 4 * a, 8 * a, overhead)


def quantisation_ratio(bits: float) -> float:
    """How many times smaller than FP16 weights of `bits` bits are (Eqs. 4.15-4.17: 4)."""
    positive("bits", bits=bits)
    return 16 / bits
