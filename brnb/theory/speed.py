"""How long a token of training takes on a GPU: a roofline, its losses fitted to measured trainings.

At full speed a step would take its operations over the peak, and its memory traffic over the
bandwidth. Real steps take a multiple of each: the multiples are fitted to everything that was
measured, and the result is scaled by what the same program did on the same GPU. The roofline is
that of Williams, Waterman and Patterson (2009); of Transformers the times add up, because their
kernels are bound now by one and now by the other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from brnb.theory.compute import flops_per_token
from brnb.theory.lora import lora_parameters
from brnb.theory.memory import LOGIT_BYTES, Step, layer_bytes
from brnb.theory.shape import Shape
from brnb.thesis import load

if TYPE_CHECKING:
    import numpy as np

Family = Literal["transformer", "recurrent"]
Kind = Literal["scratch", "adapters", "recurrent"]
WEIGHT_BYTES = {"full": 2.0, "lora": 2.0, "qlora": 2.5}  # moved by one pass over the base
CHUNKED_LOGIT_BYTES = 4  # bf16, written and read once more
SERIAL_STEP = 10e-6  # seconds: a few kernel launches; its multiple is fitted like the others


@dataclass(frozen=True)
class Work:
    """What one token takes of a GPU at full speed, each term in seconds.

    Of a Transformer: operations; activations, as often as they are kept; weights, once a
    micro-batch. Of a recurrent network: operations; the steps in time that wait for one another.
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
    kind: Kind
    work: Work
    seconds: float


@dataclass(frozen=True)
class Speed:
    """Seconds of one token, and how many trainings of that program, GPU and kind scale them."""

    seconds: float
    evidence: int


def kind_of(step: Step) -> Kind:
    """Whether a step trains all weights or adapters."""
    return "scratch" if step.full else "adapters"


def transformer_work(shape: Shape, step: Step, gpu: str) -> Work:
    """Operations, activations and weights of a token.

    Recomputed layers run their forward pass again and write their activations once more, half of
    what writing and reading them takes. Each pass reads the weights in bf16, or half a byte of NF4
    and writes them in bf16. The optimizer is left out: a step has many micro-batches.
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
    weights = WEIGHT_BYTES[step.method] * (2 + again) * shape.linear_parameters
    return Work(
        "transformer",
        (
            flops / (1e12 * float(facts["bf16_tflops"])),
            activations / bandwidth,
            weights / bandwidth / step.tokens,
        ),
    )


def recurrent_work(multiplied: int, layers: int, batch: int, gpu: str) -> Work:
    """Operations of a token, and its share of the steps that its batch takes one after another.

    Parameters
    ----------
    multiplied : int
        Weights that a token is multiplied with.
    layers, batch : int
        Layers of the network; sequences that advance together.
    """
    peak = 1e12 * float(load("hardware", gpu, "bf16_tflops"))
    return Work("recurrent", (6 * multiplied / peak, layers / batch * SERIAL_STEP))


def fit(measured: Sequence[Measured]) -> "np.ndarray":
    """Multiples of the terms of one family, with the least squared relative errors.

    Raises
    ------
    ValueError
        If nothing was measured.
    """
    import numpy as np

    if not measured:
        raise ValueError("no training of this family was measured: add one to measured.yaml")
    terms = np.array([np.array(m.work.terms) / m.seconds for m in measured])
    return _fit_sum(terms) if measured[0].work.family == "transformer" else _fit_slower(terms)


def _fit_sum(terms: "np.ndarray") -> "np.ndarray":
    """Multiples, none negative, whose terms add up to 1: the active ones are found by trying."""
    import numpy as np

    best, multiples = math.inf, np.zeros(terms.shape[1])
    for size in range(1, min(terms.shape) + 1):
        for active in map(list, combinations(range(terms.shape[1]), size)):
            found = np.linalg.lstsq(terms[:, active], np.ones(len(terms)), rcond=None)[0]
            error = float(((terms[:, active] @ found - 1) ** 2).sum())
            if (found >= 0).all() and error < best:
                best, multiples = error, np.zeros(terms.shape[1])
                multiples[active] = found
    return multiples


def _fit_slower(terms: "np.ndarray") -> "np.ndarray":
    """Multiples whose larger term is 1, of two.

    Whatever they are, the runs that wait for the serial steps are those with the fewest operations
    for each: all splits of that order are tried.
    """
    import numpy as np

    logs = np.log(terms[np.argsort(terms[:, 0] / terms[:, 1])])
    best, multiples = math.inf, np.ones(2)
    for split in range(len(logs) + 1):
        means = [logs[split:, 0].mean() if split < len(logs) else math.inf]
        means.append(logs[:split, 1].mean() if split else math.inf)
        error = float(((logs - means).max(axis=1) ** 2).sum())
        if error < best:
            best, multiples = error, np.exp(-np.array(means))
    return multiples


def _seconds(multiples: "np.ndarray", work: Work) -> float:
    """A Transformer's kernels follow one another; a recurrent step waits for its slower side."""
    terms = multiples * work.terms
    return float(terms.sum() if work.family == "transformer" else terms.max())


def predict(work: Work, gpu: str, kind: Kind, program: str, measured: Sequence[Measured]) -> Speed:
    """Seconds of a token.

    Parameters
    ----------
    work, gpu, kind, program
        Of the training to predict.
    measured : sequence of Measured
        What to learn from; leave out what is to be predicted.

    Raises
    ------
    ValueError
        If no training of the family was measured.
    """
    family = [m for m in measured if m.work.family == work.family]
    multiples = fit(family)
    nearest = [m for m in family if (m.gpu, m.kind, m.program) == (gpu, kind, program)]
    logs = [math.log(m.seconds / _seconds(multiples, m.work)) for m in nearest]
    scale = math.exp(sum(logs) / len(logs)) if logs else 1.0
    return Speed(scale * _seconds(multiples, work), len(nearest))
