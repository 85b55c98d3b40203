"""What Portuguese costs under each vocabulary: tokens a word, and what follows from them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from brnb.text.finished import Document
from brnb.tokenizers import Tokenizer
from brnb.tokenizers.vocabularies import Vocabulary

THESIS_WORDS = ("casa", "infraestrutura")  # the examples of 3.1.1 and 3.1.2


def tokens_per_word(vocabulary: Vocabulary, texts: Iterable[str]) -> float:
    """Tokens of all texts over their words between blanks, the fertility of Rust et al. (2021).

    Raises
    ------
    ValueError
        If the texts have no word.
    """
    tokens = words = 0
    for text in texts:
        tokens += len(vocabulary.encode(text))
        words += len(text.split())
    if not words:
        raise ValueError(f"no word to measure {vocabulary.name} on")
    return tokens / words


def texts_by_register(documents: Iterable[Document]) -> dict[str, list[str]]:
    """Texts of each register, in order of name."""
    texts: dict[str, list[str]] = defaultdict(list)
    for document in documents:
        texts[document.register].append(document.text)
    return {name: texts[name] for name in sorted(texts)}


@dataclass(frozen=True)
class LanguageCost:
    """What a text of Portuguese words costs with a vocabulary.

    Attributes
    ----------
    portuguese, english
        Tokens a word.
    context_words
        Portuguese words that a context holds.
    tflop
        Forward pass of a model over a thousand Portuguese words, 2N a token (Eq. B.1's forward
        part), in 1e12 FLOP.
    usd
        A million Portuguese words at a price a million tokens.
    """

    vocabulary: str
    portuguese: float
    english: float
    context_words: int
    tflop: float
    usd: float

    @property
    def premium(self) -> float:
        """Tokens of a Portuguese word over those of an English one (Petrov et al., 2023)."""
        return self.portuguese / self.english


def language_cost(
    vocabulary: Vocabulary,
    portuguese: Sequence[str],
    english: Sequence[str],
    *,
    context: int,
    parameters: float,
    usd_per_million_tokens: float,
) -> LanguageCost:
    """Count what Portuguese costs with a vocabulary.

    Parameters
    ----------
    portuguese, english
        Texts; they need not be translations.
    context
        Tokens of a model's context.
    parameters
        Of a model that reads the text.
    usd_per_million_tokens
        Price of reading.
    """
    rate = tokens_per_word(vocabulary, portuguese)
    return LanguageCost(
        vocabulary=vocabulary.name,
        portuguese=rate,
        english=tokens_per_word(vocabulary, english),
        context_words=int(context / rate),
        tflop=2 * parameters * 1000 * rate / 1e12,
        usd=usd_per_million_tokens * rate,
    )


def lost_characters(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[str]:
    """How often each character occurs that the vocabulary can only write as ``<unk>``.

    A vocabulary with byte pieces, or of all characters, loses none.
    """
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(text)
    lost = {c for c in seen if tokenizer.unk_id in tokenizer.encode(c)}
    return Counter({character: seen[character] for character in lost})
