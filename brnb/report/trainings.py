"""What a receipt says about a training: work, time, and the share of the GPU's peak it reached."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from brnb import receipt
from brnb.theory.compute import flops_per_token, mfu
from brnb.theory.costs import hardware_id
from brnb.theory.memory import Step
from brnb.theory.shape import Shape
from brnb.thesis import load

REACH = 10  # times smaller or larger than what was measured; farther says little


@dataclass(frozen=True)
class Training:
    """A finished training from scratch.

    Attributes
    ----------
    run, device, gpu
        Run id; processor as the system names it; key of hardware.yaml, None for anything else.
    tokens, seconds
        Seen, and the time of the training loop without evaluation and checkpoints.
    multiplied, flops_per_token
        Weights that a token is multiplied with; operations of a step for each token.
    shape, step
        Of a Transformer; None for a recurrent network.
    peak_bytes, bits_per_byte, cleaning
        Peak GPU memory; validation result, and the cleaning of the text it was measured on.
    """

    run: str
    device: str
    gpu: str | None
    tokens: int
    seconds: float
    multiplied: int
    flops_per_token: float
    shape: Shape | None
    step: Step | None
    peak_bytes: int | None
    bits_per_byte: float | None
    cleaning: str

    @property
    def recurrent(self) -> bool:
        """Whether the model is a recurrent network."""
        return self.shape is None

    @property
    def utilization(self) -> float | None:
        """Model FLOPs utilisation; None without a known peak."""
        if self.gpu is None:
            return None
        peak = float(load("hardware", self.gpu, "bf16_tflops"))
        return mfu(self.tokens / self.seconds, self.flops_per_token, peak)


def read_trainings(folders: Iterable[Path]) -> list[Training]:
    """The trainings among runs: those that left ``model.json`` and a training time.

    Raises
    ------
    ValueError
        If a receipt is damaged, or its training took no time; names the file.
    """
    found = []
    for folder in folders:
        note = receipt.read(folder / "receipt.json")
        model = folder / "model.json"
        if model.is_file() and "training_seconds" in note.resources:
            if not note.resources["training_seconds"] > 0:
                raise ValueError(f"{folder / 'receipt.json'}: training_seconds is not above 0")
            found.append(_training(note, json.loads(model.read_text("utf-8"))["arguments"]))
    return found


def efficiency(
    trainings: Iterable[Training],
    gpu: str,
    multiplied: float,
    default: float,
    recurrent: bool = False,
) -> tuple[float, int]:
    """Utilisation to plan with, from trainings of the same kind on the same GPU.

    Small models leave a GPU idle, so the efficiency rises with size: it is interpolated between
    the measured sizes, both logarithmic; beyond them it is that of the last, up to `REACH` times.

    Returns
    -------
    float, int
        The share, and how many trainings measured it; `default` and 0 if none of such a size did.
    """
    import numpy as np

    by_size: dict[int, list[float]] = defaultdict(list)
    for run in trainings:
        if run.gpu == gpu and run.recurrent == recurrent and run.utilization is not None:
            by_size[run.multiplied].append(run.utilization)
    sizes = sorted(by_size)
    if not sizes or not sizes[0] / REACH <= multiplied <= sizes[-1] * REACH:
        return default, 0
    shares = [math.log(geometric_mean(by_size[size])) for size in sizes]
    found = np.interp(math.log(multiplied), [math.log(size) for size in sizes], shares)
    return math.exp(found), sum(map(len, by_size.values()))


def _training(note: receipt.Receipt, model: Mapping[str, Any]) -> Training:
    used, device = note.resources, note.provenance["gpu"]
    shape = _shape(model) if "heads" in model else None
    if shape is None:
        multiplied = used["parameters"] - model["vocab_size"] * model["embedding_size"]
        flops = 6.0 * multiplied
    else:
        multiplied = shape.matmul_parameters
        flops = flops_per_token(shape, note.params["seq_len"])
    batch, seq_len = note.params["batch_size"], note.params["seq_len"]
    return Training(
        run=note.run,
        device=device or "CPU",
        gpu=hardware_id(device) if device else None,
        tokens=used["tokens"],
        seconds=used["training_seconds"],
        multiplied=multiplied,
        flops_per_token=flops,
        shape=shape,
        step=Step(method="full", batch=batch, seq_len=seq_len) if shape else None,
        peak_bytes=used.get("peak_gpu_memory"),
        bits_per_byte=note.metrics.get("bits_per_byte"),
        cleaning=note.params["cleaning"],
    )


def _shape(model: Mapping[str, Any]) -> Shape:
    """Sizes of a `brnb.models.transformer.TransformerLM` from its arguments."""
    return Shape(
        vocab=model["vocab_size"],
        width=model["width"],
        layers=model["layers"],
        heads=model["heads"],
        kv_heads=model["kv_heads"],
        head_dim=model["width"] // model["heads"],
        hidden=model["hidden"],
        gated=model["mlp"] == "swiglu",
        tied=model["tied"],
        positions=model["context"] if model["position"] == "learned" else 0,
        bias=model["bias"],
        norm_bias=model["bias"] and model["norm"] == "layernorm",
    )
