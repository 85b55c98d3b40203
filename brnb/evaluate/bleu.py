"""BLEU of translations (Papineni et al., 2002; thesis 4.4.3.1), over a whole set.

Words are runs of letters and digits, every other visible character is a word of its own, and case
counts. Scores of other tokenisations differ by several points (Post, 2018): compare only here.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

ORDERS = 4
_TOKEN = re.compile(r"\w+|[^\w\s]")


def bleu(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Corpus BLEU in [0, 1], without smoothing: 0 where an order of n-grams never agrees.

    Parameters
    ----------
    predictions
        The translations.
    references
        One or more right ones for each.

    Raises
    ------
    ValueError
        If there is none, or one has no reference.
    """
    if not predictions or not all(references):
        raise ValueError("BLEU needs translations, and a reference for each")
    matched, possible = [0] * ORDERS, [0] * ORDERS
    length = expected = 0
    for prediction, texts in zip(predictions, references, strict=True):
        words, rights = _TOKEN.findall(prediction), [_TOKEN.findall(text) for text in texts]
        length += len(words)
        expected += min((abs(len(r) - len(words)), len(r)) for r in rights)[1]
        for order in range(1, ORDERS + 1):
            said = _ngrams(words, order)
            most: Counter[tuple[str, ...]] = Counter()
            for right in rights:
                most |= _ngrams(right, order)
            matched[order - 1] += (said & most).total()
            possible[order - 1] += said.total()
    if not all(matched):
        return 0.0
    precision = sum(math.log(m / p) for m, p in zip(matched, possible, strict=True)) / ORDERS
    return math.exp(precision + min(0.0, 1 - expected / length))


def _ngrams(words: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))
