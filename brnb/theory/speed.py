"""How long a token of training takes on a GPU: a roofline, its losses fitted to measured trainings.

At full speed a step would take its operations over the peak, and its memory traffic over the
bandwidth. The roofline is that of Williams, Waterman and Patterson (2009); the times add up,
because kernels are bound now by one and now by the other. Below it is a floor that no GPU shortens:
kernels have to be launched one after another, whatever their size. A small model waits for its
launches, a large one for its operations, and how fast one of them is says nothing of the other.

Real steps take a multiple of each: the multiples are fitted to everything that was measured, and
roofline and floor are each scaled by what the same program did on the same GPU where it met them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from brnb.theory.compute import flops_per_token
from brnb.theory.lora import lora_parameters
from brnb.theory.memory import LOGIT_BYTES, MicroBatch, layer_bytes
from brnb.theory.shape import Shape
from brnb.thesis import load

if TYPE_CHECKING:
    import numpy as np

Family = Literal["transformer", "recurrent"]
TrainingKind = Literal["scratch", "adapters", "recurrent"]
WEIGHT_BYTES = {"full": 2.0, "lora": 2.0, "qlora": 2.5}  # moved by one pass over the base
CHUNKED_LOGIT_BYTES = 4  # bf16, written and read once more
SERIAL_STEP = 10e-6  # seconds: a few kernel launches; its multiple is fitted like the others
LAUNCH = 10e-6  # seconds, from Python; its multiple is fitted too
RECORDED = 0.05  # of it: in a CUDA graph a kernel follows the other within a microsecond or two
# Kernels of a layer's forward and backward pass, and of each adapted map: operations that PyTorch
# dispatches for transformers' Llama under autocast and for PEFT's layers over bitsandbytes (143 and
# 259 of a layer with seven maps). The other kinds launch fewer, by what they fuse: estimates.
KERNELS = {"eager": 140, "fused": 100, "compiled": 40, "replayed": 50}
ADAPTER_KERNELS = 16
FORWARD_KERNELS = 0.4  # of those of both passes
# What tells trainings at the floor from those at the roofline: logarithms of how far both lie from
# a fit, and of the factors by which programs usually differ in operations and in launches.
NOISE, USUAL = math.log(1.15), (math.log(2), math.log(5))
NONE = 1e-30  # seconds


@dataclass(frozen=True)
class Work:
    """What one token takes of a GPU at full speed, each term in seconds; the last one is the floor.

    Of a Transformer: operations; activations, as often as they are kept; weights, once a
    micro-batch; and the launches of a micro-batch. Of a recurrent network: operations; and the
    steps in time that wait for one another.
    """

    family: Family
    terms: tuple[float, ...]


@dataclass(frozen=True)
class Measured:
    """A training whose speed is known.

    Attributes
    ----------
    name, program
        What was trained, and what ran it: code and kernels.
    gpu
        Key of hardware.yaml.
    kind
        Training from scratch, adapters (LoRA, QLoRA), or a recurrent network.
    work, seconds
        Of one token.
    """

    name: str
    program: str
    gpu: str
    kind: TrainingKind
    work: Work
    seconds: float


@dataclass(frozen=True)
class Speed:
    """Seconds of one token, and how many trainings of that program, GPU and kind scale them.

    Those that met the floor do not scale the roofline, nor the other way round.
    """

    seconds: float
    evidence: int


def kind_of(step: MicroBatch) -> TrainingKind:
    """Whether a step trains all weights or adapters."""
    return "scratch" if step.full else "adapters"


def transformer_work(shape: Shape, step: MicroBatch, gpu: str, recorded: bool = False) -> Work:
    """Operations, activations, weights and launches of a token.

    Recomputed layers run their forward pass again and write their activations once more, half of
    what writing and reading them takes. Each pass reads the weights in bf16, or half a byte of NF4
    and writes them in bf16, but for layers that are kept dequantised. The optimizer is left out: a
    step has many micro-batches.

    Parameters
    ----------
    shape, step, gpu
        What is trained, how, and on which key of hardware.yaml.
    recorded
        Whether the step is one CUDA graph, as this project's from scratch are.
    """
    facts = load("hardware", gpu)
    bandwidth = 1e9 * float(facts["bandwidth_gb_s"])
    layers = shape.layers if step.recomputed is None else step.recomputed
    again = layers / shape.layers
    adapters = 0 if step.full else lora_parameters(shape, step.rank, step.maps)
    method: Literal["full", "lora"] = "full" if step.full else "lora"
    flops = flops_per_token(shape, step.seq_len, method, adapters=adapters, recomputed=again)
    logits = shape.vocab * LOGIT_BYTES.get(step.head, CHUNKED_LOGIT_BYTES)
    activations = shape.layers * layer_bytes(shape, step) * (1 + again / 2) + logits
    wide = step.dequantised / shape.layers if step.method == "qlora" else 0.0
    moved = WEIGHT_BYTES[step.method] * (1 - wide) + WEIGHT_BYTES["lora"] * wide
    weights = moved * (2 + again) * shape.linear_parameters
    adapted = 0 if step.full else len({*shape.attention_maps, *shape.mlp_maps} & {*step.maps})
    kernels = KERNELS[step.kernels] + ADAPTER_KERNELS * adapted
    launches = shape.layers * kernels * (1 + FORWARD_KERNELS * again)
    launches *= RECORDED if recorded else 1
    return Work(
        "transformer",
        (
            flops / (1e12 * float(facts["bf16_tflops"])),
            activations / bandwidth,
            weights / bandwidth / step.tokens,
            launches * LAUNCH / step.tokens,
        ),
    )


def recurrent_work(multiplied: int, layers: int, batch: int, gpu: str) -> Work:
    """Operations of a token, and its share of the steps that its batch takes one after another.

    Parameters
    ----------
    multiplied
        Weights that a token is multiplied with.
    layers, batch
        Layers of the network; sequences that advance together.
    """
    peak = 1e12 * float(load("hardware", gpu, "bf16_tflops"))
    return Work("recurrent", (6 * multiplied / peak, layers / batch * SERIAL_STEP))


def fit(measured: Sequence[Measured]) -> "np.ndarray":
    """Multiples of the terms of one family, with the least squared relative errors.

    Whatever the multiples are, the trainings that wait at the floor are those with the most of it
    for their time: all splits of that order are tried, and one more at the floor has to be worth an
    error of `NOISE`. A floor where none waits is taken as it is, or as low as the times are.

    Raises
    ------
    ValueError
        If nothing was measured.
    """
    import numpy as np

    if not measured:
        raise ValueError("no training of this family was measured: add one to measured.yaml")
    terms = np.array([np.array(m.work.terms) / m.seconds for m in measured])
    terms = terms[np.argsort(-terms[:, -1])]
    busy, floor = terms[:, :-1], terms[:, -1]
    best, multiples = math.inf, np.ones(terms.shape[1])
    for waiting in range(len(terms)):
        lowest = np.exp(-np.log(floor[:waiting]).mean()) if waiting else min(1.0, 1 / floor[0])
        weights = _fit_sum(busy[waiting:])
        errors = np.maximum(busy @ weights, floor * lowest) - 1
        cost = float((errors**2).sum()) / NOISE**2 + waiting
        if cost < best:
            best, multiples = cost, np.append(weights, lowest)
    return multiples


def _fit_sum(terms: "np.ndarray") -> "np.ndarray":
    """Multiples, none negative, whose terms add up to 1 (Lawson & Hanson, 1974)."""
    import numpy as np
    from scipy.optimize import nnls

    multiples: np.ndarray = nnls(terms, np.ones(len(terms)))[0]
    return multiples


def predict(
    work: Work, gpu: str, kind: TrainingKind, program: str, measured: Sequence[Measured]
) -> Speed:
    """Predict the seconds that a training takes for a token.

    Parameters
    ----------
    work, gpu, kind, program
        Of the training to predict.
    measured
        What to learn from; leave out what is to be predicted.

    Raises
    ------
    ValueError
        If no training of the family was measured.
    """
    family = [m for m in measured if m.work.family == work.family]
    multiples = fit(family)
    same_program = [m for m in family if (m.gpu, m.kind, m.program) == (gpu, kind, program)]
    scales = _scales([_Run(math.log(m.seconds), *_sides(multiples, m.work)) for m in same_program])
    speeds = [
        Speed(math.exp(side + scale), evidence)
        for side, (scale, evidence) in zip(_sides(multiples, work), scales, strict=True)
    ]
    return max(speeds, key=lambda speed: speed.seconds)


class _Run(NamedTuple):
    """Logarithms of a measured time, and of its roofline and floor."""

    seconds: float
    roofline: float
    floor: float


def _sides(multiples: "np.ndarray", work: Work) -> tuple[float, float]:
    terms = multiples * work.terms
    return math.log(terms[:-1].sum() or NONE), math.log(terms[-1] or NONE)


def _scales(runs: Sequence[_Run]) -> list[tuple[float, int]]:
    """Logarithms of what a program multiplies roofline and floor by, and how many runs say so.

    Each run waited at one of the two, at the floor those with most of it for their roofline. Of all
    splits of that order the one counts that explains the times best with the most usual factors.
    """
    order = sorted(runs, key=lambda run: run.roofline - run.floor)
    best, scales = math.inf, [(0.0, 0), (0.0, 0)]
    for waiting in range(len(order) + 1):
        slow, fast = order[:waiting], order[waiting:]
        up = sum(run.seconds - run.roofline for run in fast) / max(len(fast), 1)
        raised = sum(run.seconds - run.floor for run in slow) / max(len(slow), 1)
        misfits = [max(r.roofline + up, r.floor + raised) - r.seconds for r in runs]
        cost = sum((misfit / NOISE) ** 2 for misfit in misfits)
        cost += (up / USUAL[0]) ** 2 + (raised / USUAL[1]) ** 2
        if cost < best:
            best, scales = cost, [(up, len(fast)), (raised, len(slow))]
    return scales
