"""Short trainings that leave a note of what was measured, and no checkpoint."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from brnb.atomic import write_json
from brnb.fingerprint import digest, reached
from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.train import fast
from brnb.train.loop import Training
from brnb.train.params import RecurrentParams, TransformerParams

if TYPE_CHECKING:
    from brnb.train.params import TrainParams
    from brnb.train.rows import Rows

NEUTRAL = {"profile", "run_id", "lang", "checkpoint_seconds"}  # of the name of a note


def noted_training(
    recipe: "TrainParams",
    rows: "Rows",
    folder: Path,
    study: str,
    measure: Callable[[Training, Any], dict[str, Any]],
) -> dict[str, Any]:
    """What was measured of a training: one that is finished is not trained again.

    Writing a checkpoint would take as long as the training.

    Parameters
    ----------
    recipe, rows
        What to train, and on which text.
    folder
        Keeps the note, under a name made of code, parameters and text.
    study
        The module that asks, whose code counts.
    measure
        Of the finished training and its model: plain values.
    """
    told = recipe.model_dump(exclude=NEUTRAL)
    key = digest({"code": reached([study]), "params": told, "data": rows.identity})
    note = folder / f"{key}.json"
    if not note.is_file():
        torch.manual_seed(recipe.seed)
        model = new_model(recipe, rows.tokenizer.vocab_size)
        ids, work = rows.train.ids, folder / key
        swaps = None if isinstance(recipe, RecurrentParams) else fast.step_swaps
        training = Training(model, ids, recipe, work, rows.identity, swaps)
        with training.progress:
            while training.step < recipe.steps:
                training.advance()
        write_json(note, measure(training, model))
    values: dict[str, Any] = json.loads(note.read_text("utf-8"))
    return values


def new_model(recipe: "TrainParams", vocab_size: int) -> RecurrentLM | TransformerLM:
    """An untrained model of the form that parameters ask for.

    Raises
    ------
    TypeError
        If they are neither of a recurrent model nor of a Transformer.
    """
    if isinstance(recipe, RecurrentParams):
        p = recipe
        sizes = p.hidden_size, p.layers, p.embedding_size
        return RecurrentLM(vocab_size, *sizes, p.cell, p.dropout)
    if isinstance(recipe, TransformerParams):
        return TransformerLM(**recipe.choices(vocab_size))
    raise TypeError(f"{type(recipe).__name__} say no form of a model")
