"""The LaTeX document compiles, whatever the results say, and says them."""

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from cost_tables import cost_tables
from latex import needs_latex

from brnb.report import figures
from brnb.report.algorithms import write_algorithms
from brnb.report.document import write_document
from brnb.report.numbers import render
from brnb.report.references import bibliography
from brnb.report.tables import write_table

TEMPLATE = Path(__file__).parents[2] / "reports/template"

HOSTILE = [
    "a & b % c $ d # e _ f { } ~ ^ \\ < > | \" ' ` *", "[x] start", "* star", "\\end{document}",
    "$x^2$ \\write18{ls}", "😀 中文 \x07\x1b[0m", "→ ≈ ≤ − × 10⁻⁵ º ª ° « » “ ” … –", "ÐðÞþÿŒœŽ",
    "--- ,, '' `` ?` !` <<", "▁de", "<script>", "a\nb\tc", "%", "", "\\", "α β γ Δ µ σ √ ∞",
    "~", "é" * 200, "\N{SOFT HYPHEN}\u200b\u2028", "^^5c^^5cend",
]  # fmt: skip


def latexmk(folder, name):
    command = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "-cd", name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    log = (folder / name).with_suffix(".log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-3000:]
    pdf = (folder / name).with_suffix(".pdf")
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, check=True)
    return re.sub(r"\s+", " ", text.stdout.decode()), log


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    folder = tmp_path_factory.mktemp("reports") / "smoke"
    tables = folder / "tables"
    receipts = [
        {"run": "v1", "seconds": 300, "gpu": "NVIDIA GeForce RTX 3090"},
        {"run": "corpus", "seconds": 30, "gpu": None},
    ]
    for id, frame in cost_tables(receipts).items():
        write_table(
            tables,
            id,
            frame,
            lang="pt",
            decimals={"hours_ours": 2} if "hours_ours" in frame else None,
        )
    hostile = pd.DataFrame({text: [1.5] for text in HOSTILE[:6]} | {"Texto % _": [HOSTILE[6]]})
    write_table(tables, "headers", hostile, lang="pt", caption=HOSTILE[0] + " [a]")
    write_table(
        tables,
        "cells",
        pd.DataFrame({"T": HOSTILE}),
        lang="pt",
        caption=" ".join(HOSTILE[3:5]),
    )
    long = pd.DataFrame({"N": range(100), "T": (HOSTILE * 5)[:100]})
    write_table(tables, "long", long, lang="pt", caption=HOSTILE[0])
    wide = pd.DataFrame({f"C{i}": [12345.678, None] for i in range(14)})
    write_table(tables, "wide", wide, lang="pt", caption="Larga", decimals=3)
    with plt.rc_context():
        fig, axes = figures.figure()
        axes.plot([0, 1], [0, 1])
        figures.write_figure(folder / "figures", "fig-v1-loss", fig, "pt")
        plt.close(fig)
    numbers = {
        "v1.val_ppl": {"value": 4.58, "decimals": 2},
        "v4_subword.rule": {"value": HOSTILE[0]},
        "v1.tiny": {"value": 1.5e-9},
    }
    (folder / "numbers.tex").write_text(render(numbers, "pt"), encoding="utf-8")
    write_algorithms(folder / "algorithms", "pt")
    return folder


@needs_latex
@pytest.mark.parametrize("lang", ["pt", "en"])
def test_everything_compiles_fits_and_is_there(profile, lang):
    path = write_document(profile, lang)
    first = path.read_bytes()
    text, log = latexmk(profile, path.name)
    assert write_document(profile, lang).read_bytes() == first
    assert "Missing character" not in log
    assert "multiply defined" not in log
    overfull = [float(pt) for pt in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(overfull, default=0) < 10, "text in the margin"
    for expected in (
        "4,58",
        "v1.val_ppl",
        "CPT-QLoRA (BrWaC 10k)",
        "3,99",
        "12.345,678",
        "U+1F600",
    ):
        assert expected in text
    word = "Algoritmo" if lang == "pt" else "Algorithm"
    for title in ("Scaled Dot-Product Attention", "Ring AllReduce", "PagedAttention"):
        assert text.count(title) >= 2  # in the list, and in its place
    assert f"{word} 17" in text
    assert ("Curva de perda" if lang == "pt" else "Loss curve") in text


@needs_latex
def test_numbers_work_in_headings_captions_and_text_and_unknown_ones_show(profile, tmp_path):
    (tmp_path / "results").symlink_to(profile)
    write_document(profile, "pt")
    shutil.copy(profile / "brnb.sty", tmp_path)
    (tmp_path / "main.tex").write_text(
        r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[path=results]{brnb}
\usepackage[hidelinks]{hyperref}
\begin{document}
\tableofcontents
\listoffigures
\section{Perplexity \brnb{v1.val_ppl} in a heading}
Text \brnb{v1.val_ppl}; rule \brnb{v4_subword.rule}; lost \brnb{v9.no_such}.
\MakeUppercase{Upper \brnb{v1.val_ppl}}
\begin{figure}\brnbfigure[0.5\linewidth]{fig-v1-loss}\caption{Caption \brnb{v1.val_ppl}}\end{figure}
\brnbtable{tab02}
\end{document}
""",
        encoding="utf-8",
    )
    text, log = latexmk(tmp_path, "main.tex")
    assert text.count("Perplexity 4,58 in a heading") == 2  # contents and heading
    assert text.count("Caption 4,58") == 2  # list of figures and caption
    assert "UPPER 4,58" in text
    assert "lost ??" in text
    assert "Number 'v9.no_such' is not in results/numbers.tex" in re.sub(r"\n\(brnb\)\s*", " ", log)


@needs_latex
def test_an_unknown_table_is_an_error(profile, tmp_path):
    write_document(profile, "pt")
    shutil.copy(profile / "brnb.sty", tmp_path)
    (tmp_path / "main.tex").write_text(
        r"\documentclass{article}\usepackage{brnb}\begin{document}\brnbtable{tab_x}\end{document}",
        encoding="utf-8",
    )
    with pytest.raises(AssertionError, match=r"No table 'tab_x' in \./tables"):
        latexmk(tmp_path, "main.tex")


@needs_latex
def test_the_template_compiles_with_what_export_copies(profile, tmp_path):
    write_document(profile, "pt")
    source = (TEMPLATE / "dissertacao.tex").read_text("utf-8")
    source = source.replace("{tab07}", "{tab02}").replace("tab:tab07", "tab:tab02")
    folder = tmp_path / "dissertacao"
    shutil.copytree(profile, folder)
    (folder / "dissertacao.tex").write_text(source, encoding="utf-8")
    (folder / "bibliography.tex").write_text(bibliography("pt"), encoding="utf-8")
    text, log = latexmk(folder, "dissertacao.tex")
    assert text.count("4,58") == 2  # ours and the published
    assert "HOCHREITER, S.; SCHMIDHUBER, J. Long short-term memory." in text
    assert not re.search(r"undefined|Package brnb Warning", log)
