"""Where a run goes that is not the one its parameter file describes: a folder of its own.

``papermill … -f params/smoke/v1.yaml -p lang en`` is a fine thing to try and must not replace the
published v1. Such a run leaves everything in ``reports/<profile>/scratch/<run>-<six digits>``, in
the same form as ``reports/<profile>``. Runs that need v1 do not see it unless they are asked to:
``BRNB_SCRATCH=v1-3f2a9c`` makes them read it, and puts them into a scratch folder too.
"""

import os
from collections.abc import Mapping
from typing import Any

from brnb.fingerprint import digest
from brnb.params import ParameterError, nearest
from brnb.pipeline import Pipeline

ASKED = "BRNB_SCRATCH"  # names of scratch folders, separated by commas


def borrowed(pipeline: Pipeline, run: str) -> dict[str, str]:
    """Scratch folders that the environment asks for, by the needed run that each stands in for.

    Raises
    ------
    ParameterError
        If there is no such folder; names the nearest.
    """
    folder = pipeline.reports / "scratch"
    known = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    asked = [name.strip() for name in os.environ.get(ASKED, "").split(",") if name.strip()]
    for name in asked:
        if name not in known:
            where = folder.relative_to(pipeline.root)
            raise ParameterError(f"{ASKED}: no {name!r} in {where}{nearest(name, known)}")
    stands_in = {name.rpartition("-")[0]: name for name in asked}
    return {need: stands_in[need] for need in pipeline.needs(run) if need in stands_in}


def differences(pipeline: Pipeline, run: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters in force that are not those of the run's parameter file, by name."""
    intended = pipeline.params(run)
    return {
        name: values.get(name)
        for name in sorted(values.keys() | intended.keys())
        if name not in values or name not in intended or values[name] != intended[name]
    }


def name(run: str, *differs: Any) -> str:
    """Name of the scratch folder of a run that differs in this: the same for the same."""
    return f"{run}-{digest(differs)[:6]}"
