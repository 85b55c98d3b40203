"""How the function that draws an artefact is named.

Artefact ``tab-x-y`` is drawn by ``tab_x_y``; ``tab-<run>-legibility``, which every version has, by
``tab_legibility``; and ``tab-<run>`` by ``tab_run``.
"""

import re


def function_names(run: str, id: str) -> list[str]:
    """Names that the function of an artefact may have: its own, else that of all runs' like it.

    A run's id may be cut to its first word: ``fig-cpt-loss`` is the ``fig_loss`` of
    ``cpt_qlora_llama31_8b_brwac10k``. Its last word is no part of the name where an id ends so:
    ``tab13-smollm2`` is the ``tab13`` of ``eval_extrinsic_smollm2``.
    """
    first, _, last = run.rpartition("_")
    ids = dict.fromkeys([id, id.removesuffix(f"-{last}")] if first else [id])
    return list(dict.fromkeys(name for each in ids for name in _names(run, each)))


def _names(run: str, id: str) -> list[str]:
    kind, _, rest = id.partition("-")
    words = [rest, *(rest.removeprefix(f"{name}-") for name in (run, run.partition("_")[0]))]
    if rest == run:
        words.append("run")
    return [re.sub(r"\W", "_", f"{kind}-{word}" if word else kind) for word in dict.fromkeys(words)]
