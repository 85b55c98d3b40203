"""Noise in the references of an instruction set, counted (thesis 4.4.2.3).

The dissertation saw "ruído em parte das referências" and did not measure it. Five kinds can be
counted without a reader; an answer that is merely false cannot.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from brnb.text.hashing import hash64
from brnb.text.pairs import Pair

KINDS = ("empty", "refused", "other_language", "contradictory", "duplicated")

REFUSAL = re.compile(
    r"\b(como (um |uma )?(modelo de linguagem|ia|inteligência artificial)\b"
    r"|(não posso|não consigo|não sou capaz de) (ajudar|responder|fornecer|atender)"
    r"|desculpe, mas|i'?m sorry, but|as an ai\b)",
    re.IGNORECASE,
)
LANGUAGE_WORDS = 6  # from so many words on, the language of an answer is judged
_WORD = re.compile(r"[^\W\d_]+")
_PORTUGUESE = frozenset(
    _WORD.findall(
        """o a os as de do da dos das em no na nos nas um uma e que para com não por se é mais ao à
        são como foi ou seu sua"""
    )
)
_OTHERS = tuple(
    frozenset(_WORD.findall(words))
    for words in (
        "the of and to in is that for it was with on are this be by from you have",
        "el la los las del en y un una que es por con para lo su al más pero como",
    )
)
_TRANSLATION = re.compile(r"\b(traduz\w*|tradução|inglês|espanhol|english|translate)\b", re.I)


def measure_noise(pairs: Iterable[Pair]) -> dict[str, int]:
    """Pairs of a set by kind of noise, and how many there are.

    One pair may be of several kinds. Prompts are compared without regard to case and blanks.

    Returns
    -------
    dict
        ``pairs``, then `KINDS`: ``empty`` answers; ``refused``, an answer that declines; another
        language in the answer though the prompt asks for no translation; ``contradictory``, whose
        prompt has another answer elsewhere; ``duplicated``, the same prompt and answer again.
    """
    counts = Counter({"pairs": 0, **dict.fromkeys(KINDS, 0)})
    answers: dict[int, Counter[int]] = defaultdict(Counter)
    for pair in pairs:
        counts["pairs"] += 1
        counts["empty"] += not pair.output
        counts["refused"] += bool(REFUSAL.search(pair.output))
        counts["other_language"] += _foreign(pair)
        answers[_key(pair.text)][_key(pair.output)] += 1
    for given in answers.values():
        counts["contradictory"] += given.total() if len(given) > 1 else 0
        counts["duplicated"] += sum(count - 1 for count in given.values())
    return dict(counts)


def _foreign(pair: Pair) -> bool:
    words = [word.lower() for word in _WORD.findall(pair.output)]
    if len(words) < LANGUAGE_WORDS or _TRANSLATION.search(pair.instruction):
        return False
    ours = sum(word in _PORTUGUESE for word in words)
    return any(sum(word in other for word in words) > ours for other in _OTHERS)


def _key(text: str) -> int:
    return hash64(" ".join(text.casefold().split()).encode())
