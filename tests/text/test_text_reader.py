import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brnb.text import formats
from brnb.text.reader import Document, Quarantine, input_files, read_documents

BRWAC = {
    "doc_id": "netg-1afc73",
    "title": "Porto",
    "uri": "http://example.com/porto",
    "text": {
        "title": "Porto",
        "paragraphs": [["O porto é grande.", "Abriu em 1901."], ["Fica no Pará."]],
    },
}


class Reading:
    """Reads whole sources and keeps what went to quarantine."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "quarantine.jsonl"

    def __call__(
        self, source: object, documents: int | None = None, max_share: float = 1.0
    ) -> list[Document]:
        with Quarantine(self.path, max_share) as quarantine:
            found = list(
                read_documents(str(source), documents=documents, seed=0, quarantine=quarantine)
            )
            quarantine.check()
        return found

    @property
    def malformed(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return Reading(tmp_path)


def test_brwac_record_becomes_one_paragraph_a_line(tmp_path: Path, reading: Reading) -> None:
    path = tmp_path / "brwac.jsonl"
    path.write_text(json.dumps(BRWAC) + "\n")
    text = "O porto é grande. Abriu em 1901.\nFica no Pará."
    assert reading(path) == [Document("netg-1afc73", "Porto", text, "brwac.jsonl", "brwac")]


def test_formats_of_the_same_records_agree(tmp_path: Path, reading: Reading) -> None:
    rows = [{**BRWAC, "doc_id": f"d{i}"} for i in range(200)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "a.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(lines.encode()))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    plain, zipped, parquet = (
        [(d.doc_id, d.title, d.text) for d in reading(tmp_path / name)]
        for name in ("a.jsonl", "b.json.gz", "c.parquet")
    )
    assert plain == zipped == parquet
    assert len(plain) == 200


@pytest.mark.parametrize("field", ["text", "content", "raw_content"])
def test_flat_records(tmp_path: Path, reading: Reading, field: str) -> None:
    path = tmp_path / "flat.jsonl"
    path.write_text(json.dumps({"id": 7, field: "Um texto."}) + "\n" + json.dumps({field: "Dois."}))
    assert [(d.doc_id, d.title, d.text) for d in reading(path)] == [
        ("7", "", "Um texto."),
        ("flat.jsonl:2", "", "Dois."),
    ]


def test_plain_text_has_blank_lines_between_documents(tmp_path: Path, reading: Reading) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes("\ufeffUm.\r\nDois.\r\n \r\n\r\nTrês.".encode())
    assert [(d.doc_id, d.text) for d in reading(path)] == [
        ("t.txt:1", "Um.\nDois."),
        ("t.txt:5", "Três."),
    ]


def test_plain_text_without_blank_lines_is_cut(
    tmp_path: Path, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "MAX_PLAIN", 8)
    path = tmp_path / "t.txt"
    path.write_text("abc\ndef\nghi\njkl\nmno")
    assert [d.text for d in reading(path)] == ["abc\ndef", "ghi\njkl", "mno"]


def test_text_is_nfc_with_single_newlines(tmp_path: Path, reading: Reading) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "na\\u0303o\\r\\nsim\\rfim"}\r\n\r\n')
    assert [d.text for d in reading(path)] == ["n\u00e3o\nsim\nfim"]


def test_unicode_line_separator_does_not_cut_a_record(tmp_path: Path, reading: Reading) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "um\u2028dois\x85três"}\n', encoding="utf-8")
    assert len(reading(path)) == 1


MALFORMED = [
    (b"{not json", "invalid JSON"),
    (b'["a list"]', "not a JSON object"),
    (b"[" * 100_000, "invalid JSON"),
    (b'{"text": "caf\xe9"}', "invalid UTF-8"),
    (b'{"title": "sem texto"}', "no text"),
    (b'{"text": " \\n "}', "no text"),
    (b'{"text": null}', "no text"),
    (b'{"text": 12}', "text is not a string"),
    (b'{"text": ["a"]}', "text is not a string"),
    (b'{"text": "a\\u0000b"}', "NUL character in text"),
    (b'{"text": "a\\ud83db"}', "lone surrogate in text"),
    (b'{"text": "a", "title": 3}', "title is not a string"),
    (b'{"text": {"paragraphs": ["a"]}}', "text.paragraphs is not a list of lists"),
    (b'{"text": {"paragraphs": [["a", 1]]}}', "a sentence is not a string"),
    (b'{"text": {"paragraphs": []}}', "no text"),
]


@pytest.mark.parametrize(("line", "reason"), MALFORMED)
def test_malformed_line_is_quarantined_and_reading_goes_on(
    tmp_path: Path, reading: Reading, line: bytes, reason: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "um"}\n' + line + b'\n{"text": "dois"}\n')
    assert [d.text for d in reading(path)] == ["um", "dois"]
    (entry,) = reading.malformed
    assert (entry["file"], entry["line"]) == ("a.jsonl", 2)
    assert str(entry["reason"]).startswith(reason)
    assert len(str(entry["record"])) <= 200


def test_overlong_line_is_quarantined(
    tmp_path: Path, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "MAX_RECORD", 50)
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "' + "a" * 500 + '"}\n{"text": "dois"}\n')
    assert [d.text for d in reading(path)] == ["dois"]
    assert reading.malformed[0]["line"] == 1


def test_damaged_files_are_quarantined_and_the_next_is_read(
    tmp_path: Path, reading: Reading
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = "".join(json.dumps({"text": f"Texto {i}."}) + "\n" for i in range(5000))
    whole = gzip.compress(lines.encode())
    (folder / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "b.jsonl.gz").write_bytes(b"not gzip")
    (folder / "c.parquet").write_bytes(b"PAR1 not parquet")
    (folder / "d.txt").write_text("Último.")
    assert reading(folder)[-1].text == "Último."
    assert [(e["file"], str(e["reason"]).partition(":")[0]) for e in reading.malformed] == [
        ("a.jsonl.gz", "damaged gzip"),
        ("b.jsonl.gz", "damaged gzip"),
        ("c.parquet", "damaged Parquet"),
    ]


def test_invalid_utf8_in_parquet_costs_one_row(tmp_path: Path, reading: Reading) -> None:
    data = pa.array([b"um", b"caf\xe9", b"dois"], pa.binary())
    column = pa.Array.from_buffers(pa.string(), 3, data.buffers())
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    assert [d.text for d in reading(tmp_path / "a.parquet")] == ["um", "dois"]
    assert reading.malformed[0]["line"] == 2


def test_share_of_malformed_records(tmp_path: Path, reading: Reading) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n' * 9 + "{\n")
    assert len(reading(path, max_share=0.1)) == 9
    with pytest.raises(ValueError, match=r"1 of 10 records .*10\.00%.*\n.*a\.jsonl:10: invalid"):
        reading(path, max_share=0.09)


def test_bad_source_is_given_up_early(tmp_path: Path, reading: Reading) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{\n" * 5000)
    with pytest.raises(ValueError, match="1000 of 1000 records are malformed"):
        reading(path, max_share=0.5)


def test_documents_limits_what_is_read(tmp_path: Path, reading: Reading) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n' * 9)
    assert len(reading(path, documents=4)) == 4


def test_folder_is_recursive_sorted_and_skips_hidden_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.jsonl", "a/b.parquet", ".hidden/c.txt", "a/notes.md", "B.TXT.GZ"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in input_files(str(tmp_path))]
    assert found == ["B.TXT.GZ", "a/b.parquet", "a/z.jsonl", "b.txt"]
    assert input_files("sample") == input_files("hf:some/name") == []


def test_environment_variables_are_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").touch()
    monkeypatch.setenv("BRNB_TEST", str(tmp_path))
    assert input_files("${BRNB_TEST}/a.txt") == [tmp_path / "a.txt"]
    monkeypatch.delenv("BRNB_TEST")
    with pytest.raises(ValueError, match=r"BRNB_TEST is not set.*export BRNB_TEST="):
        input_files("${BRNB_TEST}/a.txt")


def test_wrong_sources_name_the_fix(tmp_path: Path) -> None:
    (tmp_path / "a.doc").touch()
    with pytest.raises(FileNotFoundError, match=r"missing does not exist: give sample, hf:<name>"):
        input_files(str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError, match=r"nothing to read.*\.jsonl"):
        input_files(str(tmp_path))
    with pytest.raises(ValueError, match=r"a\.doc: unknown format; known are \.jsonl"):
        input_files(str(tmp_path / "a.doc"))


def test_hub_offline_says_what_to_do(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ConnectionError, match=r"hf:no/such.*could not be streamed(.|\n)*local copy"
    ):
        reading("hf:no/such:train")


def test_stacked_marks_are_malformed(tmp_path: Path, reading: Reading) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "a" + "\u0301\u0323" * 60_000}) + "\n")
    assert reading(path) == []
    assert reading.malformed[0]["reason"] == "more than 1000 combining marks in a row in text"


@pytest.mark.parametrize("name", ["HF_TOKEN", "HOME", "PATH"])
def test_only_variables_of_ours_are_expanded(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hf_dummy123456")
    with pytest.raises(ValueError, match="begin with BRNB_") as caught:
        input_files(f"${{{name}}}")
    assert "dummy" not in str(caught.value)


def test_errors_show_the_source_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRNB_DATA", "/home/alice/corpora")
    with pytest.raises(FileNotFoundError, match=r"corpus \$\{BRNB_DATA\}/x does not exist") as e:
        input_files("${BRNB_DATA}/x")
    assert "alice" not in str(e.value)


def test_links_out_of_the_folder_are_refused(tmp_path: Path, reading: Reading) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/b.txt").write_text("dentro")
    (tmp_path / "in/a.txt").symlink_to("b.txt")
    assert len(reading(tmp_path / "in")) == 2
    (tmp_path / "secret.txt").write_text("segredo")
    (tmp_path / "in/c.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(ValueError, match=r"c\.txt is a link out of the folder"):
        reading(tmp_path / "in")


def test_a_parquet_text_that_stands_often_is_measured_as_often(
    tmp_path: Path, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "MAX_RECORD", 1000)
    long = {"title": "t", "paragraphs": [["x" * 300] * 4]}
    short = {"title": "t", "paragraphs": [["x" * 300] * 3]}
    pq.write_table(pa.table({"text": [short, long, short]}), tmp_path / "a.parquet")
    assert len(reading(tmp_path / "a.parquet")) == 2
    assert [(m["line"], m["reason"]) for m in reading.malformed] == [(2, "longer than 1000 bytes")]
