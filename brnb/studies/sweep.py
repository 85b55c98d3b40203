"""v6's architecture at rising size, on the same tokens: what a scaling law is fitted to."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from brnb.models.transformer import TransformerLM
from brnb.params import ParameterError, validate
from brnb.train import fast
from brnb.train.history import History
from brnb.train.loop import train
from brnb.train.params import TransformerParams
from brnb.train.progress import titled

if TYPE_CHECKING:
    from brnb.studies.params import ScalingParams, Size
    from brnb.train.rows import Rows


@dataclass(frozen=True)
class SweepTraining:
    """One training of the sweep.

    Attributes
    ----------
    parameters, non_embedding
        Weights of the model: all, and without embeddings and head.
    loss, bits_per_byte
        Lowest of the validation text along the training, in nats per token and in bits per byte.
    """

    width: int
    layers: int
    seed: int
    learning_rate: float
    parameters: int
    non_embedding: int
    loss: float
    bits_per_byte: float
    history: History


def sweep(
    base: TransformerParams, params: "ScalingParams", rows: "Rows", checkpoints: Path
) -> list[SweepTraining]:
    """Train every size with every seed; trainings that are finished are only read back.

    Parameters
    ----------
    base
        The run whose architecture, text and optimizer all sizes share (`resized`).
    params
        Sizes, tokens, learning rate and repetitions.
    rows
        The text of `base`.
    checkpoints
        Folder for the checkpoints of all trainings, which are told apart by their content.
    """
    trainings = []
    for size in params.sizes:
        for seed in range(params.seed, params.seed + params.repeats):
            choice = resized(base, size, params, seed)
            named = titled(choice, f"{size.width} × {size.layers}", seed)
            torch.manual_seed(seed)
            model = TransformerLM(**choice.choices(rows.tokenizer.vocab_size))
            ids, held_out = rows.train.ids, rows.validation.ids
            history = train(
                model, ids, held_out, named, checkpoints, rows.identity, fast=fast.step_swaps
            )
            loss = history.best["loss"]
            bits = loss * (len(held_out) - 1) / math.log(2)
            trainings.append(
                SweepTraining(
                    size.width, size.layers, seed, choice.learning_rate, history.parameters,
                    non_embedding(model), loss, bits / rows.validation.text_bytes, history,
                )
            )  # fmt: skip
    return trainings


def resized(
    base: TransformerParams, size: "Size", params: "ScalingParams", seed: int
) -> TransformerParams:
    """The parameters of `base` for another size, number of tokens and seed.

    Heads keep their width, unless the model is narrower than one, and the MLP its ratio. The
    learning rate falls as one over the width, as the best one of Adam does for matrices (Yang et
    al., 2022).

    Raises
    ------
    ParameterError
        If the width is not that of whole heads, or another parameter does not fit the size.
    """
    where, head = f"size {size.width} × {size.layers}", base.width // base.heads
    heads = max(1, size.width // head)
    if size.width % heads or size.width > heads * head:
        raise ParameterError(f"{where}: make the width a multiple of {head}, that of one head")
    changes: dict[str, Any] = {
        "run_id": params.run_id,
        "profile": params.profile,
        "seed": seed,
        "width": size.width,
        "layers": size.layers,
        "heads": heads,
        "kv_heads": max(1, heads * base.kv_heads // base.heads),
        "hidden": round(size.width * base.hidden / base.width),
        "learning_rate": params.learning_rate * base.width / size.width,
        "tokens": params.tokens,
        "evaluate_every": params.evaluate_every,
    }
    return validate(type(base), base.model_dump() | changes, where)


def non_embedding(model: TransformerLM) -> int:
    """Weights without embeddings and head, the N of Kaplan et al. (2020)."""
    kinds = model.parameters_by_kind()
    return sum(weight.numel() for kind in ("hidden", "vector") for weight in kinds[kind])
