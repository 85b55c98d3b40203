"""Samples with other nuclei: what the guardrails owe to top-p (a log's name says 0.75)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from brnb.evaluate.legibility import Legibility, legibility
from brnb.evaluate.records import Record
from brnb.generate.samples import sample
from brnb.models.load import load_language_model
from brnb.text.clean import early
from brnb.thesis import load
from brnb.tokenizers import load_tokenizer
from brnb.tokenizers.fragmentation import GuardrailLimits

if TYPE_CHECKING:
    from brnb.tokenizers import Tokenizer


def nucleus_sensitivity(
    runs: Iterable[tuple[Record, Path]],
    tokenizers: Path,
    known: Mapping[str, frozenset[str]],
    top_ps: Sequence[float],
) -> dict[tuple[str, float], Legibility]:
    """Legibility of samples drawn again with every top-p, by run and top-p.

    Prompts, seeds, length, temperature and limits are those of the run.

    Parameters
    ----------
    runs
        Records and folders of trained runs that left samples.
    tokenizers
        Folder of run ``tokenizer``.
    known
        The lexicon of each cleaning.
    top_ps
        Probabilities of the nucleus, in (0, 1].
    """
    measured = {}
    for record, folder in runs:
        tokenizer, told, model = (
            load_tokenizer(tokenizers / record.params["tokenizer"]),
            record.params,
            load_language_model(folder),
        )
        prompts = [early(p) if told["cleaning"] == "early" else p for p in load("prompts").values()]
        seeds = range(told["seed"], told["seed"] + told["sample_seeds"])
        length, warmth = told["sample_tokens"], told["temperature"]
        for top_p in top_ps:
            drawn = sample(model, tokenizer, prompts, seeds, length, warmth, top_p)
            ids = [one.ids for one in drawn]
            words = known[told["cleaning"]]
            measured[record.run, top_p] = _judged(tokenizer, ids, words, record.legibility)
    return measured


def _judged(
    tokenizer: "Tokenizer", ids: list[list[int]], words: frozenset[str], run: Legibility | None
) -> Legibility:
    """Measures by the limits that the run itself was judged by."""
    if run is None:
        return legibility(tokenizer, ids, words)
    limits = GuardrailLimits(run.fallback_limit, run.short_piece_limit)
    return legibility(tokenizer, ids, words, limits)
