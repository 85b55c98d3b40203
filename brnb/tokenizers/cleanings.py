"""What a tokenizer makes of the same documents in another cleaning."""

from pathlib import Path

from brnb.text import finished
from brnb.tokenizers import Tokenizer


def tokens_of_cleaning(corpus: Path, cleaning: str, tokenizer: Tokenizer) -> int:
    """Tokens of the validation documents of a finished corpus, each with its end.

    Parameters
    ----------
    corpus
        Folder of run ``corpus``.
    cleaning
        ``early`` or ``v6``: the same documents, written in two ways.
    tokenizer
        Encodes both.
    """
    texts = finished.texts(corpus, cleaning, "validation")
    return sum(len(tokenizer.encode(text)) + 1 for text in texts)
