"""Guardrails that human text passes: limits for each vocabulary, from held-out text (Table 10)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from brnb.text.hashing import fraction
from brnb.tokenizers.fragmentation import GUARDRAILS, GuardrailLimits, guardrail_counts

if TYPE_CHECKING:
    from brnb.tokenizers import Tokenizer

PASSES = 0.95  # share of sets of human excerpts that pass each guardrail
RESAMPLES = 2000


def calibrated_limits(
    tokenizer: "Tokenizer", texts: Sequence[str], *, tokens: int, samples: int, seed: int
) -> GuardrailLimits:
    """Ratios that 95% of sets of human excerpts do not pass, as many and long as a run's samples.

    Parameters
    ----------
    tokenizer
        Whose pieces are counted: what is much under one vocabulary is usual under another.
    texts
        Held-out text in the cleaning that the model has read; of each one excerpt, at a place that
        its hash decides.
    tokens, samples
        Length of a sample, and samples of a run.
    seed
        Of places and draws.

    Raises
    ------
    ValueError
        If there is no text.
    """
    if not texts:
        raise ValueError("guardrails need held-out text to be calibrated on: there is none")
    random = np.random.default_rng(seed)
    drawn = random.integers(len(texts), size=(RESAMPLES, samples))
    excerpts = [_excerpt(tokenizer, text, tokens, seed) for text in texts]
    counts = [guardrail_counts(tokenizer, ids) for ids in excerpts]
    limits = {}
    for name in GUARDRAILS:
        part, whole = np.array([count[name] for count in counts], dtype=float).T
        ratios = part[drawn].sum(axis=1) / np.maximum(1, whole[drawn].sum(axis=1))
        limits[name] = float(np.quantile(ratios, PASSES))
    return GuardrailLimits(**limits)


def _excerpt(tokenizer: "Tokenizer", text: str, tokens: int, seed: int) -> list[int]:
    ids = tokenizer.encode(text)
    room = max(0, len(ids) - tokens)
    start = int(fraction(text.encode(), seed, b"excerpt") * (room + 1))
    return list(ids[start : start + tokens])
