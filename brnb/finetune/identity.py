"""The name of a training and of what it reads, so that no checkpoint of another is used."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from brnb.finetune.packing import Pack
from brnb.fingerprint import digest, reached
from brnb.params import identity
from brnb.receipt import describe

if TYPE_CHECKING:
    from brnb.finetune.params import FinetuneParams


def data_identity(
    base: str, revision: str | None, start: str | None, *splits: Sequence[Pack]
) -> str:
    """Name base, adapters to go on from, and packs with their masks.

    Parameters
    ----------
    base, start
        Folders, whose weights count, or a base's name on the hub with its `revision`.
    splits
        The packs of each split, in order.
    """
    return digest(
        [weights_identity(base), revision, start and weights_identity(start), *map(_packs, splits)]
    )


def training_identity(model: nn.Module, params: "FinetuneParams", precision: str, data: str) -> str:
    """Name what shapes a training: code, adapters, parameters, and `data` (`data_identity`)."""
    return digest(
        {
            "code": reached(["brnb.finetune.loop"]),
            "adapters": [
                (n, list(p.shape)) for n, p in model.named_parameters() if p.requires_grad
            ],
            "params": identity(params),
            "precision": precision,
            "data": data,
        }
    )


def weights_identity(name: str) -> str:
    """Hashes of a folder's weights; the name itself where it is none."""
    weights = sorted(Path(name).glob("*.safetensors"))
    return digest([describe(path).sha256 for path in weights]) if weights else name


def _packs(packs: Sequence[Pack]) -> str:
    content = hashlib.sha256()
    for pack in packs:
        for part in (pack.ids, pack.labels, pack.positions):
            content.update(part.numpy().tobytes())
    return content.hexdigest()
