"""One QLoRA training in several processes: the same adapters, and the base or a part of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from brnb.bases.load import load_model, quiet
from brnb.finetune.budget import processes_for
from brnb.finetune.lora import base_of, trained
from brnb.finetune.packing import Pack
from brnb.finetune.params import FinetuneParams
from brnb.train import parallel
from brnb.train.device import pick_device

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel


def in_processes(
    count: int,
    train: Callable[..., Any],
    model: "PeftModel",
    packs: Sequence[Pack],
    validation: Sequence[Pack],
    params: FinetuneParams,
    folder: Path,
    identity: str,
) -> None:
    """Call `brnb.finetune.loop.finetune` in `count` processes, one a GPU, and wait for all.

    Only the adapters travel. A base would have to pass through the memory of the machine once a
    process; from its files each GPU reads it by itself. Meanwhile this process keeps its own
    on the CPU.

    Raises
    ------
    ValueError
        If the base was not loaded from anywhere.
    WorkerError
        If a process failed; holds its error.
    """
    name = base_of(model).config.name_or_path
    if not name:
        raise ValueError(
            "several processes load the base themselves, and this one has no name: take one of "
            "brnb.bases.load.load_base, or unset BRNB_PROCESSES"
        )
    adapters = [parameter.detach().cpu() for parameter in trained(model)]
    adapter = model.peft_config[model.active_adapter], adapters
    for field in FinetuneParams.model_fields:
        getattr(params, field)  # the processes are going to; only here that is recorded
    task = packs, validation, params, folder, identity
    with _parked(model):
        parallel.launch(count, pick_device(params.device), _train_copy, train, name, adapter, *task)


def _train_copy(
    train: Callable[..., Any],
    name: str,
    adapter: "tuple[LoraConfig, list[Tensor]]",
    packs: Sequence[Pack],
    validation: Sequence[Pack],
    params: FinetuneParams,
    *where: Any,
) -> None:
    """Train one process's copy of the model."""
    from peft import get_peft_model

    config, adapters = adapter
    base = load_model(name, params, pick_device(params.device), processes_for)
    with quiet():
        model = get_peft_model(base, config)
    for parameter, value in zip(trained(model), adapters, strict=True):
        parameter.data = value.to(parameter.device)
    train(model, packs, validation, params, *where)


@contextmanager
def _parked(model: "PeftModel") -> Iterator[None]:
    """Leave a model's GPU to others."""
    device = next(model.parameters()).device
    if device.type == "cuda":
        model.to("cpu")
        torch.cuda.empty_cache()
    try:
        yield
    finally:
        model.to(device)
