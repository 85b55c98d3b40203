import hashlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brnb.params import ParameterError, validate
from brnb.text import corpus, finished
from brnb.text.hashing import HashSet
from brnb.text.params import CorpusParams
from brnb.text.personal_data import IDENTIFIER_KINDS

VALUES: dict[str, Any] = {
    "profile": "smoke",
    "run_id": "corpus",
    "seed": 1,
    "lang": "pt",
    "documents": None,
    "sample_share": 1.0,
    "min_chars": 20,
    "min_letters": 0.5,
    "validation_share": 0.2,
    "test_share": 0.2,
    "near_duplicate": 0.8,
    "part": None,
    "registers": {},
    "mask_personal_data": False,
    "max_malformed_share": 0.0,
}
PARTS = [f"{c}/{s}.jsonl" for c in ("early", "v6") for s in ("train", "validation", "test")]


def params(**values: Any) -> CorpusParams:
    return CorpusParams(**{**VALUES, **values})


def build(folder: Path, source: Path, **values: Any) -> corpus.CorpusReport:
    return corpus.build(folder, params(corpus=str(source), **values), progress=False)


def rows(count: int) -> list[dict[str, str]]:
    """Documents of one line, each with a word of its own: aa, ba, ca, ..."""
    words = [chr(97 + i % 26) + chr(97 + i // 26) for i in range(count)]
    return [
        {"doc_id": word, "title": "T 1", "text": f"O Documento {word} tem 1 frase, de 2019."}
        for word in words
    ]


def write(path: Path, records: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in records))
    return path


def splits(folder: Path, cleaning: str = "v6") -> dict[str, str]:
    return {
        document.text: split
        for split in finished.SPLITS
        for document in finished.corpus_documents(folder, cleaning, split)
    }


def digests(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


def test_counts_by_rule_on_a_small_corpus(tmp_path: Path) -> None:
    good = rows(40)
    noisy = [
        {"text": "Leia mais\nEsta linha tem vinte letras.\n1234567890 1234567890 ab"},
        {"text": "Leia  mais\nVoltar"},  # nothing left: 9 + 6 characters
        {"text": "Outro menu\n" + good[0]["text"] + "\n\n" + good[1]["text"]},
        {"text": good[0]["text"].replace(" ", "  ")},  # the same document once cleaned
        {"text": good[5]["text"].upper()},  # not the same: case is kept
    ]
    report = build(tmp_path / "out", write(tmp_path / "a.jsonl", good + noisy))
    removed = {rule: (r.documents, r.lines, r.characters) for rule, r in report.removed.items()}
    assert removed == {
        "short_line": (3, 4, 9 + 9 + 6 + 10),
        "low_letters": (1, 1, 24),
        "duplicate_document": (1, 1, len(good[0]["text"])),
        "empty_document": (1, 0, 0),
        "near_duplicate": (0, 0, 0),
    }
    assert (report.documents_read, report.documents_sampled, report.documents_kept) == (45, 45, 43)
    assert report.characters_read == sum(len(row["text"]) for row in good + noisy)
    assert sum(report.lengths_read) == 45
    assert sum(report.lengths_kept) == 43
    kept = [
        text for split in finished.SPLITS for text in finished.texts(tmp_path / "out", "v6", split)
    ]
    assert sorted(kept) == sorted(
        [row["text"] for row in good]
        + ["Esta linha tem vinte letras."]
        + [f"{good[0]['text']}\n{good[1]['text']}", good[5]["text"].upper()]
    )


def test_report_describes_the_files(tmp_path: Path) -> None:
    report = build(tmp_path / "out", write(tmp_path / "a.jsonl", rows(60)))
    for cleaning, parts in report.kept.items():
        for split, kept in parts.items():
            found = list(finished.texts(tmp_path / "out", cleaning, split))
            lines = [line for text in found for line in text.split("\n")]
            assert kept.documents == len(found)
            assert kept.lines == len(lines)
            assert kept.characters == sum(map(len, lines))
            assert kept.bytes == sum(len(text.encode()) for text in found)
    stored = json.loads((tmp_path / "out/report.json").read_text("utf-8"))
    assert stored["kept"]["v6"]["train"]["documents"] == report.kept["v6"]["train"].documents


def test_early_and_v6_hold_the_same_documents(tmp_path: Path) -> None:
    build(tmp_path / "out", write(tmp_path / "a.jsonl", rows(60)))
    for split in finished.SPLITS:
        early = list(finished.corpus_documents(tmp_path / "out", "early", split))
        v6 = list(finished.corpus_documents(tmp_path / "out", "v6", split))
        assert [d.doc_id for d in early] == [d.doc_id for d in v6]
        assert {d.text for d in early} == {
            d.text.replace("2019", "0").replace("1", "0").lower() for d in v6
        }


def test_texts_equal_in_the_early_form_stay_in_one_split(tmp_path: Path) -> None:
    versions = [
        {"text": row["text"].replace("2019", str(year)).replace("Doc", start)}
        for row in rows(30)
        for year in (1, 20, 300)
        for start in ("Doc", "DOC")
    ]
    build(tmp_path / "out", write(tmp_path / "a.jsonl", versions))
    places: dict[str, set[str]] = {}
    for text, split in splits(tmp_path / "out").items():
        places.setdefault(text.split()[2], set()).add(split)
    assert len(places) == 30
    assert all(len(found) == 1 for found in places.values())


def varied(count: int) -> list[dict[str, str]]:
    words = [f"palavra{chr(97 + i)}" for i in range(26)]
    draw = random.Random(0)
    return [{"text": " ".join(draw.choices(words, k=8))} for _ in range(count)]


def test_split_does_not_depend_on_order_or_number_and_holds_its_shares(tmp_path: Path) -> None:
    records = varied(4000)
    build(tmp_path / "all", write(tmp_path / "a.jsonl", records), validation_share=0.1)
    build(tmp_path / "part", write(tmp_path / "b.jsonl", records[3000:][::-1]))
    whole, part = splits(tmp_path / "all"), splits(tmp_path / "part")
    counts = Counter(whole.values())
    # Four standard deviations of a binomial count: sqrt(4000 p (1 - p)) is 25 and 19.
    assert abs(counts["test"] - 800) < 100
    assert abs(counts["validation"] - 400) < 76
    assert {text for text in part if part[text] == "test"} <= {
        text for text in whole if whole[text] == "test"
    }
    build(tmp_path / "seed", tmp_path / "a.jsonl", seed=2, validation_share=0.1)
    assert splits(tmp_path / "seed") != whole


def test_sample_share_is_stable_under_order_and_nested(tmp_path: Path) -> None:
    records = varied(2000)
    write(tmp_path / "a.jsonl", records)
    write(tmp_path / "b.jsonl", records[::-1])
    half = build(tmp_path / "half", tmp_path / "a.jsonl", sample_share=0.5)
    build(tmp_path / "reversed", tmp_path / "b.jsonl", sample_share=0.5)
    build(tmp_path / "tenth", tmp_path / "a.jsonl", sample_share=0.1)
    assert (half.documents_read, half.documents_sampled) == (2000, half.documents_kept)
    assert abs(half.documents_kept - 1000) < 90  # four standard deviations
    assert splits(tmp_path / "half") == splits(tmp_path / "reversed")
    assert splits(tmp_path / "tenth").items() <= splits(tmp_path / "half").items()


BUILD = """
import json, sys
from pathlib import Path
from brnb.text import corpus, finished
from brnb.text.params import CorpusParams
from brnb.text.personal_data import IDENTIFIER_KINDS
corpus.build(Path(sys.argv[1]), CorpusParams(**json.loads(sys.argv[2])), progress=False)
"""


def test_same_bytes_in_another_process(tmp_path: Path) -> None:
    odd = {"text": 'Açaí \u0001 \\ " “é”\tcom guaraná'}
    source = write(tmp_path / "a.jsonl", [*rows(50), odd])
    build(tmp_path / "one", source)
    values = json.dumps({**VALUES, "corpus": str(source)})
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    command = [sys.executable, "-c", BUILD, str(tmp_path / "two"), values]
    subprocess.run(command, check=True, env=environment)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert set(digests(tmp_path / "one")) == {*PARTS, "quarantine.jsonl", "report.json"}


def test_what_is_written_is_what_is_read_back(tmp_path: Path) -> None:
    odd = ['Aspas " e barra \\ e \\n', "Controle \u0001 e \u007f e \u0085fim", "Linha\nnova 😀 “é”"]
    good = [{"doc_id": f'"{i}"', "title": text, "text": text} for i, text in enumerate(odd)]
    source = write(tmp_path / "a.jsonl", [*good, *rows(40)])
    build(tmp_path / "out", source, min_chars=0, min_letters=0.0)
    found = {
        d.doc_id: d
        for s in finished.SPLITS
        for d in finished.corpus_documents(tmp_path / "out", "v6", s)
    }
    assert found['"0"'].text == found['"0"'].title == odd[0]
    assert found['"1"'].text == "Controle e e\nfim"  # U+0085 ends a line
    assert found['"1"'].title == odd[1]
    assert found['"2"'].text == odd[2]


def test_failed_build_leaves_an_earlier_corpus_and_its_quarantine(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    build(folder, write(tmp_path / "good.jsonl", rows(50)))
    before = digests(folder)
    bad = write(tmp_path / "bad.jsonl", rows(50))
    bad.write_text(bad.read_text() + "{\n")
    with pytest.raises(ValueError, match=r"bad\.jsonl:51: invalid JSON"):
        build(folder, bad)
    after = digests(folder)
    assert before.items() <= after.items()
    assert '"line": 51' in (folder / "partial/quarantine.jsonl").read_text()
    report = build(folder, bad, max_malformed_share=0.02)
    assert report.malformed == {"invalid JSON": 1}
    assert not (folder / "partial").exists()


def test_interrupted_build_does_not_look_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(corpus, "_publish", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "out", write(tmp_path / "a.jsonl", rows(50)))
    with pytest.raises(FileNotFoundError, match=r"report\.json is missing.*02_corpus"):
        next(finished.texts(tmp_path / "out", "v6", "train"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"a\.jsonl.*no document in it"),
        ('{"text": "curta"}\n', r"nothing left of 1 documents.*short_line 1.*lower min_chars"),
        ('{"text": "uma linha que basta para ficar"}\n', r"none of 1 documents fell into"),
        ("{\n", r"1 of 1 records are malformed"),
    ],
)
def test_nothing_to_write_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(ValueError, match=message):
        build(tmp_path / "out", tmp_path / "a.jsonl")


def test_unknown_part_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cleaning is one of early, v6"):
        next(finished.texts(tmp_path, "v5", "train"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corpus": "sample"}, "set documents to a number"),
        ({"corpus": "x", "min_letters": 1.5}, "min_letters = 1.5"),
        ({"corpus": "x", "min_char": 20}, "did you mean min_chars"),
        ({"corpus": "x", "sample_share": 0.0}, "sample_share = 0.0"),
    ],
)
def test_wrong_parameters(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        validate(CorpusParams, {**VALUES, **change})


def test_hash_set_equals_a_set() -> None:
    draw = np.random.default_rng(0)
    values = [0, 1, *draw.integers(0, 2**64, 3000, dtype=np.uint64).tolist()]
    values += [7 + 8 * i for i in range(1000)]  # all collide in a table of 8 slots
    table, known = HashSet(slots=8), set[int]()
    for value in values + values[::3]:
        assert table.add(value) == ((value or 1) not in known)
        known.add(value or 1)
    assert len(table) == len(known)


def test_sample_holds_what_was_planted(tmp_path: Path) -> None:
    from brnb.text import sample

    count = 2000
    report = build(tmp_path / "out", Path("sample"), documents=count)
    planted = sample.planted(count, 1)
    assert report.removed["short_line"].lines == planted["short_line"]
    assert report.removed["low_letters"].lines == planted["low_letters"]
    assert report.removed["duplicate_document"].documents == planted["exact_duplicate"]
    assert report.removed["empty_document"].documents == 0


def test_personal_data_is_counted_and_masked_if_asked(tmp_path: Path) -> None:
    said = [
        *rows(40),
        {
            "title": "Fale com ana@exemplo.com",
            "text": "O CPF de quem assinou este documento é 529.982.247-25.",
        },
    ]
    source = write(tmp_path / "a.jsonl", [*said, said[-1]])  # a duplicate counts once
    counts = dict.fromkeys(IDENTIFIER_KINDS, 0) | {"cpf": 1}
    for folder, masked in (("plain", False), ("masked", True)):
        report = build(tmp_path / folder, source, mask_personal_data=masked)
        assert report.personal_data == counts
        whole = [
            d
            for s in finished.SPLITS
            for d in finished.corpus_documents(tmp_path / folder, "v6", s)
        ]
        (found,) = [d for d in whole if "CPF" in d.text]
        assert ("529.982.247-25" in found.text) != masked
        assert ("ana@exemplo.com" in found.title) != masked
        assert report.documents_kept == 41
