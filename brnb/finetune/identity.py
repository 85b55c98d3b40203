"""The name of a training and of what it reads, so that no checkpoint of another is used."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from brnb.finetune.packing import Pack
from brnb.fingerprint import digest, reached
from brnb.receipt import describe

if TYPE_CHECKING:
    from brnb.finetune.params import FinetuneParams

# What changes nothing in the adapters does not belong to the identity of a training.
NOT_IDENTITY = {"profile", "run_id", "lang", "device", "checkpoint_seconds", "memory_limit_gib"}


def identity(base: str, revision: str | None, start: str | None, *splits: Sequence[Pack]) -> str:
    """Name base, adapters to go on from, and packs with their masks.

    Parameters
    ----------
    base, start
        Folders, whose weights count, or a base's name on the hub with its `revision`.
    splits
        The packs of each split, in order.
    """
    return digest([_content(base), revision, start and _content(start), *map(_packs, splits)])


def of_training(model: nn.Module, params: "FinetuneParams", precision: str, data: str) -> str:
    """Name what shapes a training: code, adapters, parameters, and `data` as `identity` does."""
    return digest(
        {
            "code": reached(["brnb.finetune.loop"]),
            "adapters": [
                (n, list(p.shape)) for n, p in model.named_parameters() if p.requires_grad
            ],
            "params": {k: v for k, v in params.model_dump().items() if k not in NOT_IDENTITY},
            "precision": precision,
            "data": data,
        }
    )


def _content(name: str) -> str:
    """Hashes of a folder's weights; the name itself where it is none."""
    weights = sorted(Path(name).glob("*.safetensors"))
    return digest([describe(path).sha256 for path in weights]) if weights else name


def _packs(packs: Sequence[Pack]) -> str:
    sha = hashlib.sha256()
    for pack in packs:
        for part in (pack.ids, pack.labels, pack.positions):
            sha.update(part.numpy().tobytes())
    return sha.hexdigest()
