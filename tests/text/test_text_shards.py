"""A large source, cleaned shard by shard: the same in any number of processes, after any stop."""

import json
from pathlib import Path
from typing import Any

import pytest

from brnb import cli
from brnb.locks import hold_lock, release_lock
from brnb.text import shards
from brnb.text.shard import Shard, ShardRules, way_of
from brnb.text.shards import clean_shards

RULES = ShardRules()
LONG = " ".join(f"palavra{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(120))


def row(number: int) -> dict[str, str]:
    word = chr(97 + number % 26) + chr(97 + number // 26)
    return {
        "doc_id": f"d{number}",
        "title": word,
        "text": f"O documento {word} fala de {word}{word}.",
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three files; an exact copy, a near copy and a broken line across them."""
    files: dict[str, list[dict[str, str]]] = {
        "a.jsonl": [row(0), row(1), {"doc_id": "long", "text": LONG}, {"text": "Leia mais"}],
        "b.jsonl": [row(2), row(1) | {"doc_id": "copy"}, row(3)],
        "pt/c.jsonl": [row(4), {"doc_id": "near", "text": LONG.replace("palavracc", "outra")}],
    }
    for name, rows in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    with (tmp_path / "in/b.jsonl").open("a") as file:
        file.write("{broken\n")
    return tmp_path / "in"


def clean(source: Path, folder: Path, rules: ShardRules = RULES, **more: Any) -> Any:
    return clean_shards(str(source), folder, rules, max_malformed=0.2, **more)


def written(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def ids(folder: Path) -> list[str]:
    lines = [line for path, data in written(folder).items() if path.startswith("text/")
             for line in data.splitlines()]  # fmt: skip
    return [json.loads(line)["doc_id"] for line in lines]


def test_duplicates_go_across_shards_and_the_first_stays(source: Path, tmp_path: Path) -> None:
    report = clean(source, tmp_path / "out")
    assert ids(tmp_path / "out") == ["d0", "d1", "long", "d2", "d3", "d4"]
    removed = {rule: (r.documents, r.lines, r.characters) for rule, r in report.removed.items()}
    assert removed == {
        "short_line": (1, 1, 9),
        "empty_document": (1, 0, 0),
        "duplicate_document": (1, 1, len(row(1)["text"])),
        "near_duplicate_document": (1, 1, len(LONG.replace("palavracc", "outra"))),
    }
    assert (report.documents_read, report.documents_kept) == (9, 6)
    assert report.malformed == {"invalid JSON": 1}
    kept = [json.loads(line)["text"] for path, data in written(tmp_path / "out/text").items()
            for line in data.splitlines()]  # fmt: skip
    assert report.bytes_kept == sum(len(text.encode()) for text in kept)
    assert set(written(tmp_path / "out")) == {
        *("text/a.jsonl.jsonl", "text/b.jsonl.jsonl", "text/pt/c.jsonl.jsonl"),
        *("report.json", "quarantine.jsonl"),
    }


def test_two_processes_write_the_same_bytes_as_one(source: Path, tmp_path: Path) -> None:
    clean(source, tmp_path / "one")
    clean(source, tmp_path / "two", processes=2)
    assert written(tmp_path / "one") == written(tmp_path / "two")


def test_work_that_was_stopped_goes_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean(source, tmp_path / "whole")
    original, cleaned = Shard.clean, []

    def stop_at_the_second(shard: Shard, *arguments: Any) -> Any:
        cleaned.append(shard.source.name)
        if len(cleaned) == 2:
            raise KeyboardInterrupt
        return original(shard, *arguments)

    monkeypatch.setattr(Shard, "clean", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        clean(source, tmp_path / "out")
    assert not (tmp_path / "out/report.json").exists()
    clean(source, tmp_path / "out")
    assert cleaned == ["a.jsonl", "b.jsonl", "b.jsonl", "c.jsonl"]
    assert written(tmp_path / "out") == written(tmp_path / "whole")
    clean(source, tmp_path / "out")  # all is done
    assert len(cleaned) == 4


@pytest.mark.parametrize("kind", ["jsonl", "npy", "json"])
def test_a_shard_with_a_flipped_bit_is_cleaned_again(
    source: Path, tmp_path: Path, kind: str
) -> None:
    shard = shards._shards(str(source), tmp_path)[0]
    shard.base.parent.mkdir()
    identity = shard.identity(way_of(RULES))
    report = shard.clean(RULES, identity)
    assert shard.report(identity) == report
    data = bytearray(shard.file(kind).read_bytes())
    data[10] ^= 1  # in the note: of its identity
    shard.file(kind).write_bytes(data)
    assert shard.report(identity) is None


def test_what_changed_is_cleaned_again(source: Path, tmp_path: Path) -> None:
    clean(source, tmp_path / "out")
    (source / "pt/c.jsonl").unlink()
    (source / "b.jsonl").write_text(json.dumps(row(7)) + "\n")
    clean(source, tmp_path / "out")
    assert ids(tmp_path / "out") == ["d0", "d1", "long", "d7"]
    clean(source, tmp_path / "out", ShardRules(min_chars=200))
    assert ids(tmp_path / "out") == ["long"]


def test_other_languages_go(tmp_path: Path) -> None:
    texts = [
        "O governo brasileiro anunciou ontem novas medidas para a educação nas cidades.",
        "The government announced yesterday new measures for schools in most of its cities.",
        "El gobierno anunció ayer nuevas medidas para la educación en todas las ciudades.",
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    report = clean(tmp_path / "a.jsonl", tmp_path / "out", ShardRules(languages=("pt",)))
    assert report.removed["other_language"].documents == 2
    assert ids(tmp_path / "out") == ["a.jsonl:1"]


def test_personal_data_is_counted_and_masked(tmp_path: Path) -> None:
    text = "O contrato foi assinado por Ana, CPF 529.982.247-25, em São Paulo."
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": text}) + "\n")
    report = clean(tmp_path / "a.jsonl", tmp_path / "out", ShardRules(mask_personal_data=True))
    assert report.personal_data == {"cpf": 1}
    assert b"CPF [CPF]" in (tmp_path / "out/text/a.jsonl.jsonl").read_bytes()


def test_too_much_that_is_malformed_finishes_nothing(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"1 of 10 records are malformed .*quarantine"):
        clean_shards(str(source), tmp_path / "out", RULES, max_malformed=0.05)
    assert not (tmp_path / "out/report.json").exists()


def test_a_source_without_files_has_no_shards(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give a file or a folder"):
        clean_shards("sample", tmp_path, RULES)


def test_the_command_prints_the_report(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "b.jsonl").write_text(json.dumps(row(2)) + "\n")  # nothing malformed
    command = ["clean-shards", str(source), str(tmp_path / "out")]
    assert cli.main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["kept", "5", "documents"]
    assert any(line.split()[:2] == ["removed", "1"] for line in lines)
    hold_lock(tmp_path / "new/unfinished/000000.lock", "a shard")
    # the lock is this process's own: another one has to find it taken
    command = ["clean-shards", str(source), str(tmp_path / "new"), "--processes", "2"]
    assert cli.main(command) == 1
    assert "run the same command again" in capsys.readouterr().out
    release_lock(tmp_path / "new/unfinished/000000.lock")
