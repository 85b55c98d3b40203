"""Measurements that a killed run does not lose: small files, named by what they depend on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brnb.atomic import write_json
from brnb.fingerprint import digest


def remembered(folder: Path, identity: Any, measure: Callable[[], Any]) -> Any:
    """What `measure` gives, from its file if it was measured before.

    Parameters
    ----------
    folder
        Where the files lie.
    identity
        All that the result depends on, as plain values: code, data, parameters.
    measure
        Gives plain values.
    """
    file = folder / f"{digest(identity)}.json"
    if not file.is_file():
        write_json(file, measure())
    return json.loads(file.read_text("utf-8"))
