"""Sizes of the pages of a Parquet file, read from their headers, before any page is decoded.

A reader has to unpack a page as a whole, and a header may claim 2 GiB in a file of a kilobyte;
nothing in the file's footer tells. Headers are Thrift structs in the compact protocol (Parquet
format, "Data Pages"; Thrift, "Compact protocol encoding").
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_HEADER = 2**16  # bytes that a header may have; statistics of long texts are cut by all writers
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12


def page_sizes(path: Path) -> Iterator[int]:
    """Unpacked bytes of every page of a file, one column chunk after the other.

    Raises
    ------
    ValueError
        If a header is none.
    """
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    with path.open("rb") as file:
        for group in range(metadata.num_row_groups):
            for column in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(column)
                first = chunk.data_page_offset
                if chunk.dictionary_page_offset:
                    first = min(first, chunk.dictionary_page_offset)
                yield from _pages(file, first, first + chunk.total_compressed_size)


def _pages(file: BinaryIO, start: int, end: int) -> Iterator[int]:
    while start < end:
        file.seek(start)
        reader = _Struct(file.read(_HEADER))
        try:
            fields = reader.integers()
            unpacked, packed = fields[2], fields[3]
        except (IndexError, KeyError):
            raise ValueError(f"no page header at byte {start}") from None
        if unpacked < 0 or packed < 0:
            raise ValueError(f"a page of negative size at byte {start}")
        yield unpacked
        start += reader.place + packed


class _Struct:
    """A reader of one Thrift struct that keeps its integers and passes over the rest."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def integers(self) -> dict[int, int]:
        """Integer fields by number."""
        fields, number = {}, 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else self._signed()
            if 4 <= kind <= 6:
                fields[number] = self._signed()
            elif kind not in (_TRUE, _FALSE):  # booleans are in the head itself
                self._pass_over(kind)
        return fields

    def _byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]

    def _unsigned(self) -> int:
        value = shift = 0
        while (part := self._byte()) & 128:
            value |= (part & 127) << shift
            shift += 7
        return value | part << shift

    def _signed(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)

    def _pass_over(self, kind: int) -> None:
        if kind in (_TRUE, _FALSE, _BYTE):
            self.place += 1
        elif kind == _DOUBLE:
            self.place += 8
        elif kind == _BINARY:
            length = self._unsigned()
            self.place += length
        elif kind == _STRUCT:
            self.integers()
        elif kind in (_LIST, _SET, _MAP):
            raise KeyError("no page header holds a list")
        else:
            self._unsigned()
