"""The architectures that come with the package: public configurations, by key."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from brnb.architectures.architecture import Architecture
from brnb.architectures.config import read_config
from brnb.params import nearest
from brnb.thesis import load


@cache
def _entries() -> dict[str, Any]:
    entries: dict[str, Any] = load("architectures")
    return entries


def keys() -> list[str]:
    """Names of all entries of ``brnb/thesis/architectures.yaml``."""
    return list(_entries())


def entry(key: str) -> Mapping[str, Any]:
    """Name, release, source, printed sizes and configuration of one.

    Raises
    ------
    ValueError
        If there is no such key; names the nearest.
    """
    if key not in _entries():
        raise ValueError(f"{key!r} is no architecture of the package{nearest(key, keys())}")
    chosen: dict[str, Any] = _entries()[key]
    return chosen


def configuration(key: str) -> dict[str, Any]:
    """The fields of its ``config.json`` that decide sizes, caches and blocks; a copy."""
    return dict(entry(key)["config"])


@cache
def known_architecture(key: str) -> Architecture:
    """One of the package, read from its configuration."""
    chosen = entry(key)
    return read_config(chosen["config"], chosen["name"])


def open_architecture(text: str) -> Architecture:
    """A ``config.json``, a folder that holds one, or a key of the package.

    Raises
    ------
    ValueError
        If it is none of these, or the file describes no architecture.
    """
    path = Path(text)
    if path.is_dir():
        path = path / "config.json"
    if path.is_file():
        return read_config(path)
    if path.suffix or len(path.parts) > 1:
        raise ValueError(f"{text}: no such file; give a config.json, its folder, or a name of ours")
    return known_architecture(text)
