"""Text to ids and back: a character vocabulary and SentencePiece subwords behind one small face.

The dissertation starts with characters (v1 to v3, section 3.1.1) and moves to SentencePiece
subwords (v4 to v6, section 3.1.2). Both kinds are a `Tokenizer`, are saved as a folder and come
back through `load_tokenizer`, so that no chapter needs to know which one it was given.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Tokenizer(Protocol):
    """What every tokenizer of the project knows and does.

    Attributes
    ----------
    name
        Name in tables and figures.
    vocab_size
        Number of ids, the special ones included; ids run from 0 to ``vocab_size - 1``.
    eos_id
        Closes every document, and so separates the documents of a token stream.
    unk_id
        Stands for text that the vocabulary cannot express.
    byte_ids
        Ids of the byte-fallback pieces ``<0x00>`` to ``<0xFF>``; empty without byte fallback.
    token_bytes
        The UTF-8 bytes each id stands for: ``b""`` for control symbols, U+FFFD for the unknown.
    """

    @property
    def name(self) -> str: ...
    @property
    def vocab_size(self) -> int: ...
    @property
    def eos_id(self) -> int: ...
    @property
    def unk_id(self) -> int: ...
    @property
    def byte_ids(self) -> frozenset[int]: ...
    @property
    def token_bytes(self) -> tuple[bytes, ...]: ...

    def encode(self, text: str) -> list[int]:
        """Ids of one text; no special token is added, and none is recognised in the text."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of many texts, in order; the same as `encode` on each, faster."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of a sequence of ids; control symbols vanish, the unknown is U+FFFD."""

    def pieces(self, text: str) -> list[str]:
        """Pieces of a text as the model sees them, one for each id of `encode`."""

    def save(self, folder: Path) -> list[Path]:
        """Write everything that `load_tokenizer` needs; return the files, sorted."""


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read a tokenizer back from the folder that its ``save`` wrote.

    Parameters
    ----------
    folder
        Folder with ``char_vocabulary.json`` or with ``tokenizer.model``.

    Raises
    ------
    FileNotFoundError
        If the folder holds no tokenizer.
    """
    from brnb.tokenizers.char import CharTokenizer
    from brnb.tokenizers.subword import SubwordTokenizer

    folder = Path(folder)
    if (folder / CharTokenizer.FILE).is_file():
        return CharTokenizer.load(folder)
    if (folder / SubwordTokenizer.MODEL_FILE).is_file():
        return SubwordTokenizer.load(folder)
    raise FileNotFoundError(
        f"{folder}: no tokenizer in this folder (looked for {CharTokenizer.FILE} and "
        f"{SubwordTokenizer.MODEL_FILE}). Run the chapter 03_tokenizer, which writes it."
    )
