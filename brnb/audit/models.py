"""Models that the documents name, as shapes, and what claims ask about them."""

from brnb.theory.lora import lora_parameters
from brnb.theory.memory import MicroBatch, memory
from brnb.theory.shape import LLAMA_8B, MIXTRAL_8X7B

MODEL_SHAPES = {"llama31_8b": LLAMA_8B, "mixtral": MIXTRAL_8X7B}


def parameters(model: str) -> int:
    """Parameters of a model of `MODEL_SHAPES`."""
    return MODEL_SHAPES[model].parameters


def active_parameters(model: str) -> int:
    """Parameters that a token uses."""
    return MODEL_SHAPES[model].active_parameters


def trained_parameters(model: str, rank: int) -> int:
    """LoRA parameters on all seven maps of every layer."""
    return lora_parameters(MODEL_SHAPES[model], rank)


def qlora_peak_gb(model: str, rank: int, seq_len: int) -> float:
    """Peak memory in 10^9 bytes of a QLoRA step on one sequence, every layer recomputed."""
    step = MicroBatch(method="qlora", batch=1, seq_len=seq_len, rank=rank, recomputed=None)
    return memory(MODEL_SHAPES[model], step).total / 1e9
