"""Every vocabulary at hand that can count the tokens of a text: published ones, and any folder's.

The vocabularies of GPT-4o, GPT-4, Llama 3 and Qwen3 come with the package quicktok-v1 (extra
``vocabularies``). Without it the others are counted, and `absent` names these.
"""

from collections.abc import Callable, Iterable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

PUBLISHED = {
    "GPT-4o": "o200k_base",
    "GPT-4": "cl100k_base",
    "Llama 3": "llama3",
    "Qwen3": "qwen3",
}
"""Names in tables, and the encodings of quicktok."""


class Vocabulary(NamedTuple):
    """A tokenizer's name, its ids of a text without special symbols, their pieces and how many
    pieces there are, if told."""

    name: str
    encode: Callable[[str], list[int]]
    pieces: Callable[[str], list[str]] | None = None
    size: int | None = None


def published_vocabularies() -> list[Vocabulary]:
    """Those of `PUBLISHED`, or none where quicktok-v1 is not installed."""
    if absent():
        return []
    import quicktok

    encodings = {name: quicktok.get_encoding(told) for name, told in PUBLISHED.items()}
    return [
        Vocabulary(name, e.encode_ordinary, partial(_pieces, e), e.n_vocab)
        for name, e in encodings.items()
    ]


def _pieces(encoding: Any, text: str) -> list[str]:
    return [encoding.decode([one]) for one in encoding.encode_ordinary(text)]


def absent() -> list[str]:
    """Names of the published vocabularies that are not here: all, or none."""
    return [] if find_spec("quicktok") else list(PUBLISHED)


def in_folder(folder: Path) -> list[Vocabulary]:
    """Every tokenizer in a folder or below it, by the name of the folder that holds it.

    Parameters
    ----------
    folder
        Holds, at any depth, ``tokenizer.json`` (Hugging Face), ``tokenizer.model``
        (SentencePiece), or what ``Tokenizer.save`` wrote. A folder with several counts once.

    Raises
    ------
    FileNotFoundError
        If there is no tokenizer in it.
    """
    files = ("tokenizer.json", "tokenizer.model", "char_vocabulary.json")
    homes = sorted({file.parent for name in files for file in folder.rglob(name)})
    homes = [home for home in homes if home.parent not in homes]  # hf/ repeats the one above it
    if not homes:
        raise FileNotFoundError(f"{folder}: no tokenizer in it (looked for {', '.join(files)})")
    return [Vocabulary(home.name, _encoder(home)) for home in homes]


def _encoder(home: Path) -> Callable[[str], list[int]]:
    if (home / "char_vocabulary.json").is_file():
        from brnb.tokenizers.char import CharTokenizer

        return CharTokenizer.load(home).encode
    if (home / "tokenizer.model").is_file():
        from sentencepiece import SentencePieceProcessor

        processor = SentencePieceProcessor(model_file=str(home / "tokenizer.model"))
        return lambda text: list(processor.encode(text))
    from tokenizers import Tokenizer

    fast = Tokenizer.from_file(str(home / "tokenizer.json"))
    return lambda text: list(fast.encode(text, add_special_tokens=False).ids)


def at_hand(folders: Iterable[Path]) -> list[Vocabulary]:
    """The published ones, then those of each folder."""
    return published_vocabularies() + [one for folder in folders for one in in_folder(folder)]
