"""The character vocabulary of v1 to v3 (dissertation, section 3.1.1)."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

N_CODE_POINTS = 0x110000
SURROGATES = slice(0xD800, 0xE000)  # not characters: UTF-8 cannot write them
REPLACEMENT = 0xFFFD
MAX_VOCAB = 2**16  # ids are uint16, and so is a token stream on disk
COUNT_BLOCK = 1 << 22  # characters counted at a time; a count costs one pass over all code points


class CharTokenizer:
    """One id for each character of the training text.

    Parameters
    ----------
    characters
        The vocabulary in id order, after the special symbols ``<unk>`` (0) and ``</s>`` (1).
    name
        Name in tables and figures.
    """

    FILE: ClassVar[str] = "char_vocabulary.json"
    SPECIALS: ClassVar[tuple[str, str]] = ("<unk>", "</s>")

    unk_id: int = 0
    eos_id: int = 1
    byte_ids: frozenset[int] = frozenset()

    def __init__(self, characters: str, name: str = "char") -> None:
        if len(set(characters)) != len(characters):
            raise ValueError(f"tokenizer {name!r}: a character appears twice in the vocabulary")
        self.vocab_size = len(self.SPECIALS) + len(characters)
        if self.vocab_size > MAX_VOCAB:
            raise ValueError(
                f"tokenizer {name!r}: {self.vocab_size} symbols do not fit in 16-bit ids. "
                f"Set max_size to at most {MAX_VOCAB} or raise min_count."
            )
        self.name = name
        self.characters = characters
        self.token_bytes = (
            chr(REPLACEMENT).encode(),
            b"",
            *(character.encode() for character in characters),
        )
        # <unk> decodes to U+FFFD; </s> is filtered out before the table is used.
        self._code_points = np.concatenate([[REPLACEMENT, 0], _code_points(characters)]).astype(
            "<u4"
        )
        self._ids = np.zeros(N_CODE_POINTS, dtype=np.uint16)
        self._ids[self._code_points[2:]] = np.arange(2, self.vocab_size)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        name: str = "char",
        max_size: int | None = None,
        min_count: int = 1,
    ) -> "CharTokenizer":
        """Take the characters of a text, the most frequent first, ties by code point.

        Parameters
        ----------
        texts
            Read once, as a stream.
        name
            Name in tables and figures.
        max_size
            Largest vocabulary, the two special symbols included.
        min_count
            Characters seen fewer times become ``<unk>``.

        Raises
        ------
        ValueError
            If nothing is left, or if more than 65,536 symbols are.
        """
        counts = _count_characters(texts)
        order = np.argsort(-counts, kind="stable")  # stable: equal counts stay in code point order
        alphabet = order[counts[order] >= max(min_count, 1)]
        if max_size is not None:
            alphabet = alphabet[: max(max_size - len(cls.SPECIALS), 0)]
        if len(alphabet) == 0:
            raise ValueError(
                f"tokenizer {name!r}: no character left to learn (max_size={max_size}, "
                f"min_count={min_count}). Give it a non-empty text or loosen the two."
            )
        return cls(alphabet.astype("<u4").tobytes().decode("utf-32-le"), name)

    @classmethod
    def load(cls, folder: Path) -> "CharTokenizer":
        """Read the vocabulary file of `save`; a malformed one raises ValueError."""
        path = Path(folder) / cls.FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls("".join(content["characters"]), content["name"])
        except (KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
            raise ValueError(
                f"{path}: not a character vocabulary ({error}). Run 03_tokenizer to write it again."
            ) from error

    def save(self, folder: Path) -> list[Path]:
        """Write ``char_vocabulary.json``: the name and the characters in id order."""
        path = Path(folder) / self.FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"name": self.name, "specials": self.SPECIALS, "characters": [*self.characters]}
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")
        return [path]

    def encode_array(self, text: str) -> npt.NDArray[np.uint16]:
        """Ids of a text, shape (characters,): one table lookup for each character."""
        return self._ids[_code_points(text)]

    def encode(self, text: str) -> list[int]:
        """Ids of a text; characters outside the vocabulary become ``<unk>``."""
        return self.encode_array(text).tolist()

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of many texts, in order."""
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids; ``</s>`` vanishes and ``<unk>`` becomes U+FFFD."""
        array = np.asarray(ids, dtype=np.int64)
        return self._code_points[array[array != self.eos_id]].tobytes().decode("utf-32-le")

    def pieces(self, text: str) -> list[str]:
        """The characters of a text, ``<unk>`` where one is unknown."""
        known = self.encode_array(text) != self.unk_id
        return [c if k else "<unk>" for c, k in zip(text, known, strict=True)]


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    # surrogatepass: a lone surrogate is an unknown character, not a crash
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _count_characters(texts: Iterable[str]) -> npt.NDArray[np.int64]:
    """Occurrences of every code point, shape (0x110000,); memory does not grow with the text."""
    counts = np.zeros(N_CODE_POINTS, dtype=np.int64)
    block: list[str] = []
    size = 0
    for text in texts:
        block.append(text)
        size += len(text)
        if size >= COUNT_BLOCK:
            counts += np.bincount(_code_points("".join(block)), minlength=N_CODE_POINTS)
            block, size = [], 0
    counts += np.bincount(_code_points("".join(block)), minlength=N_CODE_POINTS)
    counts[SURROGATES] = 0
    return counts
