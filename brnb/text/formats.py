"""Rows of the files that a corpus may stand in: JSON Lines, plain text and Parquet.

Every reader of a format streams ``(line, row)``: the 1-based number of the line (or row) at which
a record begins, and the record, or a `Malformed` that says why there is none. Nothing is held but
the record at hand, and a line may not exceed `MAX_RECORD` bytes.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from brnb.text.parquet_pages import page_sizes

MAX_RECORD = 64 * 2**20  # bytes of one line; a longer one is malformed
MAX_PAGE = 4 * MAX_RECORD  # unpacked bytes of a page of Parquet, which is unpacked as a whole
MAX_PLAIN = 2**20  # characters; plain text without blank lines is cut into documents of this size


class Malformed(Exception):
    """Why a record cannot be a document, and how the record begins."""

    def __init__(self, reason: str, record: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.record = record[:200]


Row = Mapping[str, Any] | Malformed
NumberedRows = Iterator[tuple[int, Row]]


def _lines(path: Path) -> Iterator[tuple[int, str | Malformed]]:
    """Number and text of each line of a file, plain or gzipped."""
    number = 0
    with (
        gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb", 2**18) as stream
    ):
        try:
            while line := stream.readline(MAX_RECORD):
                number += 1
                if len(line) == MAX_RECORD and not line.endswith(b"\n"):
                    begin = line[:200].decode(errors="replace")
                    while line and not line.endswith(b"\n"):
                        line = stream.readline(MAX_RECORD)
                    yield number, Malformed(f"longer than {MAX_RECORD} bytes", begin)
                    continue
                try:
                    # A byte order mark can stand on any line where files were joined.
                    yield number, line.decode().removeprefix("\ufeff")
                except UnicodeDecodeError as error:
                    begin = line[:200].decode(errors="replace")
                    yield number, Malformed(f"invalid UTF-8: byte {error.start}", begin)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            yield number + 1, Malformed(f"damaged gzip: {error}")


def _json_rows(path: Path) -> NumberedRows:
    for number, line in _lines(path):
        if isinstance(line, Malformed):
            yield number, line
        elif line.strip():
            yield number, _json_row(line)


def _json_row(line: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Malformed(f"invalid JSON: {error}", line)
    return row if isinstance(row, dict) else Malformed("not a JSON object", line)


def _text_rows(path: Path) -> NumberedRows:
    paragraphs: list[str] = []
    first = size = 0
    for number, line in _lines(path):
        if isinstance(line, Malformed):
            yield number, line
            continue
        if line.strip():
            first = first if paragraphs else number
            paragraphs.append(line.rstrip("\r\n"))
            size += len(line)
        if paragraphs and (size >= MAX_PLAIN or not line.strip()):
            yield first, {"text": "\n".join(paragraphs)}
            paragraphs, size = [], 0
    if paragraphs:
        yield first, {"text": "\n".join(paragraphs)}


def _parquet_rows(path: Path) -> NumberedRows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        if (largest := max(page_sizes(path), default=0)) > MAX_PAGE:
            yield 1, Malformed(f"a page of Parquet of {largest} bytes, more than {MAX_PAGE}")
            return
        # Texts stay in their dictionary: 64 rows of one text are that text once, not 64 times.
        shape = pq.read_metadata(path).schema
        leaves = [shape.column(number) for number in range(len(shape))]
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        with pq.ParquetFile(path, pre_buffer=False, read_dictionary=texts) as table:
            wanted = ("doc_id", "id", "title", "register", "text", "content", "raw_content")
            columns = [name for name in table.schema_arrow.names if name in wanted]
            for batch in table.iter_batches(batch_size=64, columns=columns):
                is_small = _text_bytes(batch.to_struct_array()) <= MAX_RECORD
                for index in range(batch.num_rows):
                    number += 1
                    yield number, _parquet_row(batch.slice(index, 1), is_small)
    except (pa.ArrowException, OSError, ValueError) as error:
        yield number + 1, Malformed(f"damaged Parquet: {error}")


def _text_bytes(array: Any) -> int:
    """Bytes of all texts in an array of any shape, each counted as often as it stands there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(array.type):
        return sum(map(_text_bytes, array.flatten()))
    if pa.types.is_nested(array.type):
        return _text_bytes(array.flatten())
    if pa.types.is_dictionary(array.type):
        lengths = pc.binary_length(array.dictionary).take(array.indices)
        return pc.sum(lengths).as_py() or 0
    return int(array.nbytes)


def _parquet_row(batch: Any, is_small: bool) -> Row:
    if not is_small and _text_bytes(batch.to_struct_array()) > MAX_RECORD:
        return Malformed(f"longer than {MAX_RECORD} bytes")
    try:
        row: dict[str, Any] = batch.to_pylist()[0]
    except UnicodeDecodeError as error:
        return Malformed(f"invalid UTF-8: byte {error.start}")
    return row


FILE_FORMATS: dict[str, Callable[[Path], NumberedRows]] = {
    ".jsonl": _json_rows,
    ".jsonl.gz": _json_rows,
    ".json": _json_rows,
    ".json.gz": _json_rows,
    ".txt": _text_rows,
    ".txt.gz": _text_rows,
    ".parquet": _parquet_rows,
}


def is_readable(path: Path) -> bool:
    """Whether the name of `path` ends like one of `FILE_FORMATS`."""
    return path.name.lower().endswith(tuple(FILE_FORMATS))


def rows_of(path: Path) -> NumberedRows:
    """Stream the rows of a file whose format `is_readable`."""
    name = path.name.lower()
    return next(rows(path) for suffix, rows in FILE_FORMATS.items() if name.endswith(suffix))
