"""Compute of training: operations, utilisation, time (thesis 3.3.1 and C.1.2).

One multiplication and one addition are two floating-point operations (FLOPs).
"""

from typing import Literal

from brnb.theory.shape import Shape
from brnb.theory.units import not_negative, positive, positive_share
from brnb.thesis import load

DAY, YEAR = 86_400, 365 * 86_400  # seconds
# As `forward_flops` takes them (Brown et al., 2020, Table 2.1; GPT-2's vocabulary).
GPT3_SIZES = {"layers": 96, "width": 12288, "hidden": 49152, "seq_len": 2048, "vocab": 50257}


def training_flops(parameters: float, tokens: float) -> float:
    """Compute of training in FLOPs, C = 6ND (Eqs. 3.2, C.33, C.34, C.66, C.72).

    Parameters
    ----------
    parameters
        N that a token is multiplied with: active ones, embeddings left out.
    tokens
        D seen in training.
    """
    not_negative("parameters and tokens", parameters=parameters, tokens=tokens)
    return 6 * parameters * tokens


def forward_flops(
    layers: int, width: int, hidden: int, seq_len: int, vocab: int
) -> dict[str, float]:
    """Forward FLOPs of one token of a GPT, by part (Eqs. C.26-C.30).

    Four maps of d x d are 8 L d^2, scores and mixing 4 L n d (every position counted, as in the
    thesis), two maps of d x d_ff 4 L d d_ff, and the head 2 V d. For d_ff = 4d, n and V small,
    this is 24 L d^2 = 2N with N = 12 L d^2, hence 6N for training.

    The thesis prints 4 L d^2 for the four maps (half), 2 L n^2 d for attention (that of a whole
    causal sequence, not of a token) and 8 L d d_ff (twice). The sum, 36 L d^2 (C.31), is 1.5 times
    too large, and C.32, 129.6 L d^2 D = 10.8 N D, is not the 6ND that C.33 makes of it.
    """
    _sizes(layers, width, hidden, seq_len, vocab)
    return {
        "attention": 8 * layers * width**2 + 4 * layers * seq_len * width,
        "feedforward": 4 * layers * width * hidden,
        "head": 2 * vocab * width,
    }


def printed_forward_flops(
    layers: int, width: int, hidden: int, seq_len: int, vocab: int
) -> dict[str, float]:
    """Forward FLOPs as C.26-C.29 print them, of a token and of a sequence in one sum.

    The text goes on with 2 L d (18 d + n) in C.30, which is another sum again, 36 L d^2 + 2 L d n:
    C.29 with d_ff = 4d is 36 L d^2 + 2 L n^2 d.
    """
    _sizes(layers, width, hidden, seq_len, vocab)
    return {
        "attention": 4 * layers * width**2 + 2 * layers * seq_len**2 * width,
        "feedforward": 8 * layers * width * hidden,
        "head": 2 * vocab * width,
    }


def forward_flops_of_large(layers: int, width: int, seq_len: int = 0) -> float:
    """24 L d^2 + 4 L n d, the forward pass of a token without the head (cf. C.30, C.31)."""
    return sum(forward_flops(layers, width, 4 * width, seq_len, 0).values())


def printed_forward_flops_of_large(layers: int, width: int, seq_len: int = 0) -> float:
    """2 L d (18 d + n), as C.30 prints it, and 36 L d^2 for n = 0, as C.31 does."""
    not_negative("layers and elements", layers=layers, width=width, seq_len=seq_len)
    return 2 * layers * width * (18 * width + seq_len)


def layer_training_flops(layers: int, width: int, tokens: float) -> float:
    """72 L d^2 D: forward and twice that backward, which is 6ND for N = 12 L d^2 (cf. C.32)."""
    not_negative("tokens", tokens=tokens)
    return 3 * forward_flops_of_large(layers, width) * tokens


def printed_layer_training_flops(layers: int, width: int, tokens: float) -> float:
    """1.2 x 3 x 36 L d^2 D = 129.6 L d^2 D, as C.32 prints it: 10.8 ND, and 1.8 times C.33."""
    not_negative("tokens", tokens=tokens)
    return 1.2 * 3 * printed_forward_flops_of_large(layers, width) * tokens


def flops_per_token(
    shape: Shape,
    seq_len: int,
    method: Literal["full", "lora"] = "full",
    *,
    adapters: int = 0,
    recomputed: float = 0.0,
    causal: bool = True,
) -> float:
    """FLOPs of one training step for each token.

    A map of N weights is 2N forward, 2N for the gradient of its input and 2N for that of its
    weights: 6N in full training, 4N where it is frozen (LoRA, QLoRA). Scores and mixing are
    4 n d_q a layer forward and twice that backward; with a causal mask half of the positions.

    Parameters
    ----------
    shape
        The model; only active experts count, embeddings do not.
    seq_len
        n, the tokens that attention spans.
    method
        Whether the maps are trained, or frozen beside trained adapters.
    adapters
        Adapter parameters, see `brnb.theory.lora.lora_parameters`; 6 FLOPs each.
    recomputed
        Share of layers whose forward pass runs twice. Model FLOPs utilisation leaves it at 0
        (Chowdhery et al., 2022, appendix B).
    causal
        False counts masked positions too, as the PaLM convention (12 L d n in training) does.
    """
    if not 0 <= recomputed <= 1:
        raise ValueError(f"recomputed = {recomputed}: it must be a share between 0 and 1")
    attention = 4 * shape.layers * shape.heads * shape.head_dim * seq_len * (0.5 if causal else 1)
    maps = 2 * shape.matmul_parameters
    backward = (2 if method == "full" else 1) * maps + 2 * attention + 4 * adapters
    layers = maps - 2 * shape.head_parameters + attention + 2 * adapters
    return maps + attention + 2 * adapters + recomputed * layers + backward


def mfu(tokens_per_second: float, flops_of_token: float, peak_tflops: float) -> float:
    """Model FLOPs utilisation: the share of the GPU's peak that the model's operations use."""
    return tokens_per_second * flops_of_token / (peak_tflops * 1e12)


def gpu_seconds(flops: float, peak_tflops: float, utilization: float) -> float:
    """Seconds of one GPU for that compute (Eqs. C.35, C.67, C.73).

    C.35 prints 292 GPU-years for GPT-3; 3.15e23 FLOPs at 0.4 of 312 TFLOP/s are 29,213 GPU-days,
    which are 80 years. C.67 prints 148 days and C.73 210; they are 1,719 and 243.

    Raises
    ------
    ValueError
        If the utilisation is not above 0 and at most 1.
    """
    not_negative("FLOP", flops=flops)
    positive("TFLOP/s", peak_tflops=peak_tflops)
    positive_share(utilization=utilization)
    return flops / (peak_tflops * 1e12 * utilization)


def training_hours(
    tokens: float, flops_of_token: float, gpu: str, utilization: float, count: int = 1
) -> float:
    """Hours to train on `tokens` with `count` GPUs.

    Parameters
    ----------
    tokens, flops_of_token
        The budget, and the result of `flops_per_token`.
    gpu
        Key of brnb/thesis/hardware.yaml; its dense bf16 peak counts.
    utilization
        Share of the peak, measured (`mfu`) or assumed; 0.3-0.5 is usual (C.53).
    count
        GPUs that scale without loss.

    Raises
    ------
    KeyError
        If hardware.yaml has no such GPU; lists those that it has.
    ValueError
        If the utilisation is not above 0 and at most 1, or there is no GPU.
    """
    if count < 1:
        raise ValueError(f"count = {count}: it must be at least 1")
    peak = float(load("hardware", gpu, "bf16_tflops"))
    return gpu_seconds(tokens * flops_of_token, peak, utilization) / count / 3600


def _sizes(layers: int, width: int, hidden: int, seq_len: int, vocab: int) -> None:
    not_negative("layers", layers=layers)
    not_negative("elements", width=width, hidden=hidden, seq_len=seq_len, vocab=vocab)
