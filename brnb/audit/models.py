"""Models that the documents name, as shapes, and what claims ask about them."""

from brnb.theory.lora import lora_parameters
from brnb.theory.memory import MicroBatch, memory
from brnb.theory.shape import Shape

MODEL_SHAPES = {
    "llama31_8b": Shape(
        vocab=128256, width=4096, layers=32, heads=32, kv_heads=8, head_dim=128, hidden=14336
    ),
    "llama31_70b": Shape(
        vocab=128256, width=8192, layers=80, heads=64, kv_heads=8, head_dim=128, hidden=28672
    ),
    "gpt3": Shape(
        vocab=50257,
        width=12288,
        layers=96,
        heads=96,
        kv_heads=96,
        head_dim=128,
        hidden=49152,
        gated=False,
        positions=2048,
        tied=True,
        bias=True,
        norm_bias=True,
    ),
    "mixtral": Shape(
        vocab=32000,
        width=4096,
        layers=32,
        heads=32,
        kv_heads=8,
        head_dim=128,
        hidden=14336,
        experts=8,
        experts_active=2,
    ),
}


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
