"""The header of a GGUF, walked through before a library reads it: its counts are only claims.

The readers of the packages gguf and transformers believe them: 61 bytes that claim a list of 2^60
numbers take all time and all memory, as `range` and an empty slice cost nothing to begin with.
"""

import mmap
import struct
from pathlib import Path

MOST = 2**20  # entries of a list: vocabularies have some 260,000 pieces, and merges twice as many
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes, by kind
_STRING, _LIST = 8, 9
_VERSIONS = (2, 3)
_DIMENSIONS = 4


def require_gguf(file: Path) -> None:
    """Raise ValueError if a file is no GGUF, or its header claims more than the file holds.

    Values and tensors are described as in llama.cpp's ``docs/gguf.md``; lists in lists, which no
    model has, are refused.
    """
    with file.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise ValueError("it does not begin as a GGUF")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _Header(data).walk()


class _Header:
    """A place in the bytes of a file, and the steps that it may take."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.place = data, 4

    def walk(self) -> None:
        version, tensors, values = self._number("<I"), self._number("<Q"), self._number("<Q")
        if version not in _VERSIONS:
            raise ValueError(f"GGUF of version {version}; known are 2 and 3, of little end first")
        for _ in range(values):
            self._text()
            self._value(self._number("<I"))
        for _ in range(tensors):
            self._text()
            if (dimensions := self._number("<I")) > _DIMENSIONS:
                raise ValueError(f"a tensor of {dimensions} dimensions")
            self._skip(8 * dimensions + 12)  # its sizes, its kind and its place

    def _skip(self, size: int) -> None:
        if size > len(self.data) - self.place:
            raise ValueError(f"its header claims more than its {len(self.data)} bytes")
        self.place += size

    def _number(self, form: str) -> int:
        self._skip(size := struct.calcsize(form))
        return int(struct.unpack_from(form, self.data, self.place - size)[0])

    def _text(self) -> None:
        self._skip(self._number("<Q"))

    def _value(self, kind: int) -> None:
        if kind == _LIST:
            kind, count = self._number("<I"), self._number("<Q")
            if count > MOST or kind == _LIST:
                raise ValueError(f"a list of {count} values, or of lists")
            for _ in range(count):
                self._value(kind)
        elif kind == _STRING:
            self._text()
        elif kind in _SIZES:
            self._skip(_SIZES[kind])
        else:
            raise ValueError(f"a value of kind {kind}, which GGUF does not know")
