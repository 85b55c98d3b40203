"""Facts of the dissertation and of the hardware market, as data.

Each YAML file of this folder is one set of facts, and every fact carries its place in the source:

``published``
    Tables 1-4 and 7-13 as printed. Numbers are strings, because "0.30" and "2.0" say how many
    decimals were published and a float does not.
``prices``
    GPU prices in USD per hour and exchange rates in BRL per USD, with source and date.
``hardware``
    Memory (GB), its bandwidth (GB/s), power limit (W) and dense bf16 peak (TFLOP/s) per GPU, from
    vendor data sheets.
``measured``
    Speeds and memory of training steps that this project measured, and the sizes assumed for the
    dissertation's models.
``grid``
    Emission factors of electricity in kg of CO2 per kWh.
``economics``, ``equations``
    Tables 5, 6, 20 and 21, the reference tiers of C.2.2, and the numbers that equations print.
``scaling``
    Published scaling laws: those that the dissertation quotes, and a replication.
``attention``
    Table 14.
``algorithms``
    Algorithms 1-22: their steps, and what runs and what checks them here.
``full_cost``, ``roadmap``
    What the full cost of C.2.1.1 and the roadmaps leave open, as assumptions of this project.
``artefact_paths``
    The files that the dissertation names, and the runs and files here in their place.
``register/…``
    Every numbered equation and what computes it, see `brnb.theory.register`.
``prompts``
    The standard prompts of the qualitative evaluation.
``examples``
    The qualitative examples of the extrinsic evaluation.
``moe``
    Document 003: models, benchmarks, figures and hypotheses as printed, and what the models are.
``rarity``, and ``models.csv``
    The document on choosing models, and the open models of 2023-2026 that it is applied to.
"""

import copy
from functools import cache
from typing import Any

from brnb import data


@cache
def _parse(name: str) -> Any:
    try:
        return data.read("thesis", f"{name}.yaml")
    except FileNotFoundError as error:
        raise KeyError(str(error)) from None


def load(name: str, *keys: str) -> Any:
    """Return one set of facts, or one branch of it.

    Parameters
    ----------
    name
        File name without ``.yaml``, a literal (fingerprints follow it): ``"published"``.
    *keys
        Path into the mapping, e.g. ``load("published", "tab03", "rows")``.

    Returns
    -------
    Any
        A copy: changing it changes nothing for the next caller.

    Raises
    ------
    KeyError
        If the file or a key is missing; the message names the file and the keys that exist.
    """
    node = _parse(name)
    for depth, key in enumerate(keys):
        if not isinstance(node, dict) or key not in node:
            place = "/".join(keys[:depth]) or "the top level"
            known = ", ".join(map(str, node)) if isinstance(node, dict) else "no keys"
            raise KeyError(f"brnb/thesis/{name}.yaml has no {key!r} at {place}; it has: {known}")
        node = node[key]
    return copy.deepcopy(node)
