"""A manuscript of three chapters: clean it has no fault; planted ones are all found."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from brnb import data
from brnb.audit.claims import read_register
from brnb.audit.exported import broken_seals, edited_files, sealed
from brnb.audit.latex_mutations import mutate_latex
from brnb.audit.latex_source import SourceError
from brnb.audit.manuscript import Manuscript, check_manuscript, read_numbers
from brnb.audit.portuguese import in_manner_of
from brnb.report.tables import write_table

CLEAN = data.path("audit/manuscript_example")
CLAIMS = read_register().claims
PLANTED = [  # file, what stands there (with its note), what is planted, kind of the fault
    ("cap1.tex", r"\brnb{costs.track2_hours} horas", "5,22 horas", "by hand"),
    ("cap2.tex", r"\brnb{corpus.documents} documentos", "13.971 documentos", "by hand"),
    ("cap3.tex", r"\brnb{v6.tokens} tokens", "3.632.144 tokens", "by hand"),
    ("cap3.tex", r"\brnb{lab.watts} W", "412 W", "by hand"),
    ("cap1.tex", r"~\brnb{costs.track2_usd}", r"~\brnb{costs.track2_eur}", "unknown"),
    ("cap2.tex", r"\brnb{v1.val_ppl}", r"\brnb{v1.valppl}", "unknown"),
    ("cap1.tex", "custou 0,08 dólar", "custou 0,80 dólar", "misquoted"),
    ("cap1.tex", "exige 112 GB", "exige 121 GB", "misquoted"),
    ("cap1.tex", "002:tab:3:v1:custo", "002:tab:3:v0:custo", "unknown claim"),
    ("cap3.tex", r"48,3\%", r"84,3\%", "percentage"),
    ("cap3.tex", "0,037 para 0,090", "0,037 para 0,009", "percentage"),
    ("cap2.tex", "3,45", "3,47", "mean"),
    ("cap2.tex", "n = 20", "n = 23", "mean"),
    ("cap2.tex", "n = 20", "n = 0", "mean"),
    ("cap1.tex", "exige 112 GB", "exige 112 MB", "unit"),
    ("cap1.tex", "hours} horas", "hours} dias", "unit"),
    ("cap1.tex", r"US\$~", r"R\$~", "unit"),
    ("cap2.tex", "lotes de 128", "lotes de 182", "computed"),
    ("cap2.tex", "têm 131.072", "têm 131.027", "computed"),
    ("cap2.tex", r"tokens} / 65536", r"token} / 65536", "computed"),
    ("cap3.tex", "0,037 < 0,090", "0,037 > 0,090", "order"),
    ("cap1.tex", "na RTX 4090", "na RTX 4098", "name"),
]
JUSTIFIED = [  # in the text alone: the note no longer quotes it
    ("cap1.tex", "de 1,5 bilhão", "de 2,5 bilhão"),
    ("cap1.tex", "de 1,5 bilhão", "de 1,5 milhão"),
    ("cap2.tex", "custou menos de 3,5 mil reais", "custou menos de 3,5 mil dólares"),
    ("cap2.tex", "custou menos de", "custou mais de"),
    ("cap2.tex", "tempo < 90 min", "tempo > 90 min"),
    ("cap2.tex", "de 15 + 5 min", "de 15 - 5 min"),
    ("cap1.tex", "é de 2024", "é de 2025"),
]
LOOSE = [  # what no note quotes, and a word of the remedy
    ("cap1.tex", "Em 2017", "Em 2019", "cite"),  # of another work in the same sentence
    ("cap1.tex", "al., 2019", "al., 2018", "cite"),
    ("cap1.tex", "~\\ref{cap:2} descreve", "~2 descreve", "ref"),
    ("cap2.tex", "em tempo < 90", "em 8 h, tempo < 90", "justify"),
    ("cap2.tex", 'brnb: "< 90 min"', 'brnb: "< 90"', "justify"),  # without its unit
]


def check(folder: Path) -> Manuscript:
    return check_manuscript(folder / "tese.tex", read_numbers(folder / "numbers.tex"), CLAIMS)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CLEAN, tmp_path / "tese"))


def test_a_clean_manuscript_has_no_fault_and_no_loose_number() -> None:
    manuscript = check(CLEAN)
    assert [str(fault) for fault in manuscript.faults] == []
    counts = manuscript.counts()
    assert counts["bound"] == 13
    assert counts["quoted"] == 8
    assert counts["computed"] == 20
    assert counts["loose"] == 0
    assert manuscript.uncited == ["v5.val_ppl"]


@pytest.mark.parametrize(("file", "old", "new", "kind"), PLANTED)
def test_a_planted_fault_is_found_alone(
    copy: Path, file: str, old: str, new: str, kind: str
) -> None:
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new), encoding="utf-8")
    assert [(fault.file, fault.kind) for fault in check(copy).faults] == [(file, kind)]


@pytest.mark.parametrize(("file", "old", "new"), JUSTIFIED)
def test_a_justification_holds_for_the_words_that_it_quotes(
    copy: Path, file: str, old: str, new: str
) -> None:
    text = (copy / file).read_text(encoding="utf-8")
    (copy / file).write_text(text.replace(old, new), encoding="utf-8")
    assert text.count(old) == 1
    assert [(fault.file, fault.kind) for fault in check(copy).faults] == [(file, "unsaid")]


@pytest.mark.parametrize(("file", "old", "new", "remedy"), LOOSE)
def test_what_nothing_backs_is_loose_and_the_remedy_is_named(
    copy: Path, file: str, old: str, new: str, remedy: str
) -> None:
    text = (copy / file).read_text(encoding="utf-8")
    (copy / file).write_text(text.replace(old, new), encoding="utf-8")
    assert text.count(old) == 1
    (loose,) = check(copy).loose
    assert remedy in str(loose)


def test_a_number_with_a_letter_for_its_magnitude_is_no_name(copy: Path) -> None:
    (copy / "cap1.tex").write_text("O Llama-70B tem 70B e lê 8 GB em VRAM 24 GB.\n", "utf-8")
    assert [n.text for n in check(copy).loose] == ["70B", "8", "24"]


def test_a_number_without_reason_is_loose(copy: Path) -> None:
    path = copy / "cap1.tex"
    path.write_text(path.read_text(encoding="utf-8") + "São 8,5 bilhões de tokens.\n")
    loose = [number for number in check(copy).numbers if number.kind == "loose"]
    assert [number.text for number in loose] == ["8,5 bilhões"]


def test_latin_1_is_refused_with_the_line_and_the_fix(copy: Path) -> None:
    text = (copy / "cap2.tex").read_text(encoding="utf-8")
    (copy / "cap2.tex").write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceError, match=r"cap2\.tex:1: not UTF-8 .*iconv"):
        check(copy)


@pytest.mark.parametrize(("extra", "message"), [("\\textbf{a", "never closed"), ("b}", "without")])
def test_unbalanced_braces_are_refused_with_the_line(copy: Path, extra: str, message: str) -> None:
    text = (copy / "cap3.tex").read_text(encoding="utf-8")
    (copy / "cap3.tex").write_text(text + extra + "\n", encoding="utf-8")
    with pytest.raises(SourceError, match=rf"cap3\.tex:{text.count(chr(10)) + 1}: .*{message}"):
        check(copy)


def test_a_missing_chapter_is_named(copy: Path) -> None:
    (copy / "cap3.tex").unlink()
    with pytest.raises(SourceError, match=r"cap3\.tex does not exist, named in tese\.tex"):
        check(copy)


def test_a_number_before_a_word_like_a_length_is_printed(copy: Path) -> None:
    (copy / "cap1.tex").write_text("São 16 em cada lote, a 3em da margem.\n", encoding="utf-8")
    assert [n.text for n in check(copy).numbers if n.kind == "loose"] == ["16"]


def test_an_exported_file_that_was_edited_is_named_with_its_line(copy: Path) -> None:
    assert edited_files(copy, CLEAN) == []
    path = copy / "numbers.tex"
    path.write_text(path.read_text(encoding="utf-8").replace("{4,58}", "{4,85}"), encoding="utf-8")
    (fault,) = edited_files(copy, CLEAN)
    assert (fault.file, fault.line, fault.kind) == ("numbers.tex", 2, "edited")
    assert "4,58" in fault.text
    assert "brnb export" in fault.text


def test_edits_of_our_own_latex_are_found(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Base": [5.92, 3.06, 4.49, 2.1], "PPL": [4.58, 3.06, 49.0, 7.5]})
    write_table(tmp_path, "tab-x", frame, lang="pt", caption="x")
    attempts = mutate_latex(CLEAN / "tese.tex", tmp_path, CLAIMS, 80)
    stated = [*attempts["text"], *attempts["exported"]]
    assert (len(attempts["text"]), len(stated)) == (60, 80)
    assert [attempt for attempt in stated if not attempt.found] == []
    assert {attempt.edit.kind for attempt in stated} >= {"number", "unit", "sign", "cell"}
    assert 0 < sum(bool(attempt.recomputed) for attempt in attempts["text"]) < 60
    cells = [attempt for attempt in attempts["exported"] if attempt.document == "tab-x.tex"]
    assert cells
    assert not any(attempt.recomputed for attempt in cells)


def test_the_name_of_another_recorded_number_is_beyond_any_check(tmp_path: Path) -> None:
    (tmp_path / "tese.tex").write_text("A v1 tem \\brnb{v1.val_ppl}.\n", encoding="utf-8")
    names = "".join(f"\\brnbdefine{{v{n}.val_ppl}}{{4,5{n}}}\n" for n in range(1, 10))
    (tmp_path / "numbers.tex").write_text(names, encoding="utf-8")
    attempts = mutate_latex(tmp_path / "tese.tex", tmp_path / "none", CLAIMS, 10)
    assert [attempt.found for attempt in attempts["id"]] == [False]
    assert attempts["text"] == []


def test_a_generated_file_says_itself_that_it_was_edited(tmp_path: Path) -> None:
    path = tmp_path / "document.tex"
    path.write_text(sealed("% Generated by brnb: all.\nFaixa de 95\\% em 3 sementes.\n"), "utf-8")
    checked = check_manuscript(path, {})
    assert [(n.text, n.kind) for n in checked.numbers] == [
        (r"95\%", "generated"),
        ("3", "generated"),
    ]
    assert broken_seals(tmp_path) == []
    path.write_text(path.read_text("utf-8").replace("95", "85"), "utf-8")
    assert [(fault.file, fault.kind) for fault in broken_seals(tmp_path)] == [
        ("document.tex", "edited")
    ]


@pytest.mark.parametrize(
    ("printed", "pt", "en"),
    [
        (r"\approx 0.9 \text{ ms}", r"\approx 0,9 \text{ ms}", r"\approx 0.9 \text{ ms}"),
        ("1,150 tokens", "1.150 tokens", "1,150 tokens"),
        ("1,234,567.5", "1.234.567,5", "1,234,567.5"),
        ("16,8 milhões", "16,8 milhões", "16.8 milhões"),
        ("1.5-3.35 TB/s, 100 pJ", "1,5-3,35 TB/s, 100 pJ", "1.5-3.35 TB/s, 100 pJ"),
        ("Qwen2.5, 0.076, 128", "Qwen2.5, 0,076, 128", "Qwen2.5, 0.076, 128"),
        ("A.2.1.2 e 2.0.1", "A.2.1.2 e 2.0.1", "A.2.1.2 e 2.0.1"),
    ],
)
def test_a_documents_numbers_in_the_manner_of_a_language(printed: str, pt: str, en: str) -> None:
    assert in_manner_of(printed, "pt") == pt
    assert in_manner_of(printed, "en") == en
