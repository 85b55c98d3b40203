"""The PDF: compiled with one command, and what goes wrong is named with the next step."""

import pytest
from latex import needs_latex

from brnb.report.pdf import compile_document, first_error, problems

WELL = r"""\documentclass{article}\begin{document}Certo.\end{document}"""


def test_without_latexmk_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "document.tex").write_text(WELL)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="latexmk is missing: apt-get install latexmk"):
        compile_document(tmp_path)


def test_without_a_document_it_says_what_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"document\.tex is missing: run the chapters"):
        compile_document(tmp_path)


@needs_latex
def test_a_document_becomes_a_pdf_and_its_errors_have_a_line(tmp_path):
    (tmp_path / "document.tex").write_text(WELL)
    compiled = compile_document(tmp_path)
    assert compiled.path.read_bytes().startswith(b"%PDF")
    assert compiled.problems == []
    (tmp_path / "document.tex").write_text(WELL.replace("Certo", "\n\\naocerto"))
    with pytest.raises(ValueError, match=r"document\.tex:2: Undefined control sequence"):
        compile_document(tmp_path)


@needs_latex
def test_what_a_killed_run_left_is_cleared_and_a_missing_package_is_named(tmp_path):
    (tmp_path / "document.tex").write_text(WELL)
    (tmp_path / "document.aux").write_text(r"\newlabel{x}{{1")
    assert compile_document(tmp_path).problems == []
    (tmp_path / "document.tex").write_text(WELL.replace(r"\begin", r"\usepackage{naoha}\begin"))
    with pytest.raises(ValueError, match=r"File `naoha.sty' not found.*apt-get install latexmk"):
        compile_document(tmp_path)


def test_warnings_and_boxes_in_the_margin_are_problems():
    log = """LaTeX Warning: Reference `tab:x' on page 1 undefined on input line 3.
LaTeX Warning: Label(s) may have changed. Rerun to get cross-references right.
Package brnb Warning: Number 'v9.x' is not in ./numbers.tex
Overfull \\hbox (13.40247pt too wide) in alignment at lines 3--8
Overfull \\hbox (3.4pt too wide) in paragraph at lines 8--9
"""
    assert problems(log) == [
        "LaTeX Warning: Reference `tab:x' on page 1 undefined on input line 3.",
        "Package brnb Warning: Number 'v9.x' is not in ./numbers.tex",
        "Overfull \\hbox (13.40247pt too wide) in alignment at lines 3--8",
    ]
    assert first_error("nothing") == "see document.log"
