"""Pages of Parquet are measured before they are unpacked, against what pyarrow wrote."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brnb.text import formats
from brnb.text.formats import Malformed, rows_of
from brnb.text.parquet_pages import page_sizes


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("dictionary", [False, True])
def test_page_sizes_add_up_to_what_the_footer_says(
    tmp_path: Path, version: str, compression: str, dictionary: bool
) -> None:
    """The footer's unpacked size of a chunk counts headers too; packed sizes must be exact."""
    texts = [f"documento {i % 700} " * (i % 30 + 1) for i in range(3000)]
    table = pa.table(
        {"text": texts, "part": [[str(i)] * (i % 3) for i in range(3000)], "n": range(3000)}
    )
    pq.write_table(
        table, tmp_path / "a.parquet", data_page_version=version, compression=compression,
        use_dictionary=dictionary, data_page_size=10_000, row_group_size=1000,
        dictionary_pagesize_limit=5000, write_statistics=True,
    )  # fmt: skip
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    footer = sum(
        metadata.row_group(g).column(c).total_uncompressed_size
        for g in range(metadata.num_row_groups)
        for c in range(metadata.num_columns)
    )
    sizes = list(page_sizes(tmp_path / "a.parquet"))
    assert sum(sizes) <= footer <= sum(sizes) + 200 * len(sizes)


def test_a_page_that_claims_too_much_costs_the_file_and_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a" * 10**7]}), path, compression="zstd")
    assert path.stat().st_size < 10**4
    monkeypatch.setattr(formats, "MAX_PAGE", 10**6)
    monkeypatch.setattr(pq, "ParquetFile", None)  # nobody may open it
    ((line, row),) = rows_of(path)
    assert line == 1
    assert isinstance(row, Malformed)
    assert row.reason.startswith("a page of Parquet of 1000000")


def test_pages_below_the_limit_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["um", "dois"]}), path)
    assert [row["text"] for _, row in rows_of(path) if not isinstance(row, Malformed)] == [
        "um",
        "dois",
    ]
    monkeypatch.setattr(formats, "MAX_PAGE", 5)
    assert [isinstance(row, Malformed) for _, row in rows_of(path)] == [True]


def test_a_header_that_is_none_is_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["um", "dois"]}), path, compression="none")
    data = bytearray(path.read_bytes())
    data[4:24] = b"\xff" * 20
    path.write_bytes(data)
    ((_, row),) = rows_of(path)
    assert isinstance(row, Malformed)
    assert row.reason.startswith("damaged Parquet: ")
