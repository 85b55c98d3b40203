"""The one door to data that comes with the package: facts, word lists, probes, styles.

A chapter's fingerprint follows the first argument of every call of this module, which is therefore
a literal: what is read counts, and nothing else does (`brnb.fingerprint`).

>>> read("thesis/grid.yaml")["brazil_sin_2023"]["kg_co2_per_kwh"]
'0.0385'
"""

from pathlib import Path
from typing import Any

import yaml

PACKAGE = Path(__file__).parent


def path(name: str, *parts: str) -> Path:
    """Where a file of the package lies, for a library that reads it itself.

    Parameters
    ----------
    name
        Path within ``brnb``, a literal: ``"report/brnb.mplstyle"``. A folder makes all its files
        count.
    *parts
        The rest of the path; only here may a variable stand.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder; lists what lies beside it.
    """
    target = PACKAGE.joinpath(name, *parts)
    if not target.exists():
        beside = target.parent.iterdir() if target.parent.is_dir() else ()
        known = ", ".join(sorted(file.name for file in beside if file.suffix != ".py"))
        where = target.relative_to(PACKAGE.parent).as_posix()
        raise FileNotFoundError(f"{where} does not exist; beside it: {known or 'nothing'}")
    return target


def read(name: str, *parts: str) -> Any:
    """Content of a YAML file of the package, parsed anew; arguments as for `path`.

    Raises
    ------
    ValueError
        If the file is damaged; names it.
    """
    file, loader = path(name, *parts), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = file.relative_to(PACKAGE.parent).as_posix()
        raise ValueError(f"{where} is damaged: {error}; install the package again") from None
