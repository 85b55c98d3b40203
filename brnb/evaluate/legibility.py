"""What loss does not see in generated text: broken words, repetition, words that do not exist.

The dissertation judges samples by two guardrails on their pieces (Table 10). Three measures on
their words stand beside them; each has one exact definition, and the same measures of held-out
text say what a good value is.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brnb.evaluate.intervals import welch_interval
from brnb.tokenizers.fragmentation import (
    FIXED,
    GUARDRAILS,
    WORD,
    GuardrailLimits,
    fragmentation_of_ids,
)

if TYPE_CHECKING:
    from brnb.tokenizers import Tokenizer

LEXICON_BYTES = 50_000_000
CONFIDENCE = 0.95  # of the changes
REPEATED = 4  # words of an n-gram
WINDOW = 20  # words that are judged together for their language
FUNCTION_WORDS = frozenset(
    WORD.findall(
        """ainda ao aos até com da das depois do dos ela elas ele eles em então entre essa essas
        esse esses está foi havia isso isto já lhe mais mas muito na nas nem num numa não o os ou
        pela pelas pelo pelos pode quando sem ser seu seus sua suas são só também tem um uma você à
        às é
        """
    )
)
"""Frequent words of Portuguese, most of which are not frequent in Spanish or English.

At least a tenth of the words are such in 91% to 97% of the windows of written Brazilian
Portuguese (news, speeches, novels, court decisions), and in no window of Spanish or English text
that was tried.
"""


@dataclass(frozen=True)
class Legibility:
    """Measures of the samples of one run; None where there is nothing to divide by.

    Attributes
    ----------
    fallback_ratio, short_piece_ratio
        Of all pieces together; see `brnb.tokenizers.fragmentation.Fragmentation`.
    repetition
        Share of word 4-grams that stood before in the same sample.
    dictionary_share
        Share of words that are in the training text's lexicon (`lexicon`).
    language_share
        Share of windows of 20 words in which at least a tenth are Portuguese `FUNCTION_WORDS`;
        what is left over counts if it is 10 words or more.
    sample_words
        Words in all samples: runs of letters.
    empty_samples
        Samples without a word, which a model leaves that ends at once.
    fallback_limit, short_piece_limit
        Largest ratios that pass.
    guardrails_pass
        Neither of the two ratios exceeds its limit, and no sample is empty.
    """

    fallback_ratio: float | None
    short_piece_ratio: float | None
    repetition: float | None
    dictionary_share: float | None
    language_share: float | None
    sample_words: int
    empty_samples: int
    fallback_limit: float
    short_piece_limit: float
    guardrails_pass: bool


def lexicon(texts: Iterable[str], at_least: int = 5) -> frozenset[str]:
    """Words, in lower case, that occur at least so often in the first 50 MB of a text.

    A word is a run of letters; of single letters only a, e, o, à, é and ó are words.
    """
    counts: Counter[str] = Counter()
    seen = 0
    for text in texts:
        counts.update(_words(text))
        seen += len(text.encode())
        if seen >= LEXICON_BYTES:
            break
    frequent = (word for word, count in counts.items() if count >= at_least)
    return frozenset(word for word in frequent if len(word) > 1 or word in "aeoàéó")


def legibility(
    tokenizer: "Tokenizer",
    samples: Iterable[Sequence[int]],
    known: frozenset[str],
    limits: GuardrailLimits = FIXED,
) -> Legibility:
    """Measure generated samples.

    Parameters
    ----------
    tokenizer
        That of the model; case and accents are as it decodes them.
    samples
        Token ids of each sample, without the prompt.
    known
        Words that count as words of the language, in lower case.
    limits
        Largest ratios that pass (`brnb.evaluate.calibration`).
    """
    samples = list(samples)
    pieces = fragmentation_of_ids(tokenizer, samples)
    texts = [_words(tokenizer.decode(ids)) for ids in samples]
    words = [word for text in texts for word in text]
    return Legibility(
        fallback_ratio=_known(pieces.fallback_ratio),
        short_piece_ratio=_known(pieces.short_piece_ratio),
        repetition=_mean([again for text in texts for again in repeated(text)]),
        dictionary_share=_mean([word in known for word in words]),
        language_share=_mean([yes for text in texts for yes in portuguese(text)]),
        sample_words=len(words),
        empty_samples=(empty := sum(not text for text in texts)),
        fallback_limit=limits.fallback_ratio,
        short_piece_limit=limits.short_piece_ratio,
        guardrails_pass=not empty and not pieces.broken_guardrails(limits),
    )


def repeated(words: Sequence[str]) -> list[bool]:
    """Tell of each 4-gram of a text, in order, whether it stood there before."""
    seen: set[tuple[str, ...]] = set()
    flags = []
    for i in range(len(words) - REPEATED + 1):
        gram = tuple(words[i : i + REPEATED])
        flags.append(gram in seen)
        seen.add(gram)
    return flags


def portuguese(words: Sequence[str]) -> list[bool]:
    """Tell of each window of 20 words, the last of at least 10, whether it is Portuguese."""
    windows = [words[i : i + WINDOW] for i in range(0, len(words), WINDOW)]
    return [
        10 * sum(word in FUNCTION_WORDS for word in window) >= len(window)
        for window in windows
        if len(window) >= WINDOW // 2
    ]


def contrast(
    before: Mapping[str, Sequence[Legibility]], after: Mapping[str, Sequence[Legibility]]
) -> dict[str, tuple[float, float, float]]:
    """Change of each measure's mean over the samples of each prompt, with its 95% interval.

    Samples of one prompt are more alike than those of two: each prompt is compared with itself
    (`welch_interval`), and what is said is said of these prompts.

    Parameters
    ----------
    before, after
        Measures of single samples by prompt, of two runs; samples without a value are left out,
        and so are prompts of which a run has fewer than two.

    Returns
    -------
    dict
        Measure to (change, low, high); measures that one of the runs lacks are left out.
    """
    changes = {}
    for name in (*GUARDRAILS, "repetition", "dictionary_share", "language_share"):
        pairs = [(_values(before[p], name), _values(after[p], name)) for p in before if p in after]
        pairs = [(old, new) for old, new in pairs if min(len(old), len(new)) > 1]
        if pairs:
            old, new = zip(*pairs, strict=True)
            changes[name] = welch_interval(old, new, CONFIDENCE)
    return changes


def _values(samples: Sequence[Legibility], name: str) -> list[float]:
    return [value for sample in samples if (value := getattr(sample, name)) is not None]


def _words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


def _known(value: float) -> float | None:
    return None if value != value else value


def _mean(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None
