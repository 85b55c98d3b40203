"""The name of what a training starts from and reads, so that no checkpoint of another is used."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from brnb.finetune.packing import Pack
from brnb.fingerprint import digest
from brnb.receipt import describe


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


def _content(name: str) -> str:
    """Hashes of a folder's weights; the name itself where it is none."""
    weights = sorted(Path(name).glob("*.safetensors"))
    return digest([describe(path).sha256 for path in weights]) if weights else name


def _packs(packs: Sequence[Pack]) -> str:
    found = hashlib.sha256()
    for pack in packs:
        for part in (pack.ids, pack.labels, pack.positions):
            found.update(part.numpy().tobytes())
    return found.hexdigest()
