"""How tables fit a page: widths by the font's own numbers, nothing shrunk, nothing cut."""

import re
import shutil
import subprocess

import pytest

from brnb.report.table_layout import fit_table
from brnb.report.tabular import tabular
from brnb.report.type_widths import width


def draw(headers, cells, numeric, **options):
    return tabular("t", "C", headers, cells, numeric, frozenset(), "continuação", **options)


def rows(tex):
    return tex.split(r"\midrule" + "\n")[-1].split("\n" + r"\bottomrule")[0].splitlines()


@pytest.mark.skipif(not shutil.which("tftopl"), reason="no TeX")
def test_letters_are_about_as_wide_as_the_font_says():
    metrics = subprocess.run(["tftopl", "cmr10.tfm"], capture_output=True, text=True)
    if metrics.returncode:
        path = subprocess.run(["kpsewhich", "cmr10.tfm"], capture_output=True, text=True)
        metrics = subprocess.run(["tftopl", path.stdout.strip()], capture_output=True, text=True)
    pattern = r"\(CHARACTER C (\w)\s+\(CHARWD R ([\d.]+)\)"
    true = {c: float(w) for c, w in re.findall(pattern, metrics.stdout)}
    assert len(true) == 62
    assert all(abs(width(c, 1) - w) < 0.09 for c, w in true.items())
    for word in ("Registradores", "Multiplicados", "Llama 3.1 405B", "Execuções"):
        plain = word.replace("ç", "c").replace("õ", "o")
        exact = sum(true.get(c, 0.2778 if c == "." else 0.333) for c in plain)
        assert width(word, 1) == pytest.approx(exact, rel=0.03)


def test_what_is_too_wide_for_a_page_is_turned_and_never_scaled():
    wide = draw([f"C{i}" for i in range(14)], [["12.345,678"] * 14], [True] * 14)
    assert wide.index(r"\begin{landscape}") < wide.index(r"\begin{table}")
    long = draw([f"C{i}" for i in range(14)], [["12.345,678"] * 14] * 60, [True] * 14)
    assert r"\begin{landscape}" in long
    assert "resizebox" not in wide + long


def test_columns_that_wrap_are_never_narrower_than_their_longest_piece():
    cells = [["Registradores", "palavra " * 40, "1" * 20], ["a", "b " * 50, "12345678"]]
    layout = fit_table(["A", "B", "C"], cells, [False, False, False])
    total = sum(w or 0 for w in layout.widths)
    natural = [width(c, layout.size) for c in ("Registradores", "", "1" * 20)]
    free = sum(n for n, w in zip(natural, layout.widths, strict=True) if w is None)
    assert total + free <= 16 / 2.54 * 72.27
    assert layout.widths[2] is None or layout.widths[2] >= width("1" * 20, layout.size)


def test_decimals_stand_below_each_other():
    tex = draw(["n"], [["1"], ["−2,5"], ["13,88"], ["–"]], [True])
    assert rows(tex) == [
        r"1\phantom{,00} \\", r"\ensuremath{-}2,5\phantom{0} \\", r"13,88 \\", r"-- \\",
    ]  # fmt: skip
    english = draw(["n"], [["1,024.5"], ["2"]], [True], point=".")
    assert rows(english)[1] == r"2\phantom{.0} \\"


def test_rows_that_repeat_the_first_cell_are_a_group():
    tex = draw(["Tarefa", "n"], [["QA", "1"], ["QA", "2"], ["Reescrita", "3"], ["Reescrita", "4"]],
               [False, True])  # fmt: skip
    assert rows(tex) == [
        r"QA & 1 \\*", r" & 2 \\ \addlinespace", r"Reescrita & 3 \\*", r" & 4 \\",
    ]  # fmt: skip
    apart = draw(["T", "n"], [["a", "1"], ["b", "2"], ["c", "3"], ["c", "4"]], [False, True])
    assert "addlinespace" not in apart


def test_a_sentence_that_several_rows_share_stands_above_them_at_the_whole_width():
    prompt = "o setor de infraestrutura debate novas concessões e metas de produtividade. " * 2
    text = "a retara da retros de vantada. que a trabiênto es pera de apatas em mais. " * 3
    cells = [[prompt, "13", text], ["", "14", text], ["curto", "13", text], ["", "14", text]]
    tex = draw(["Prompt", "Semente", "Texto"], cells, [False, True, False])
    above = [line for line in rows(tex) if line.startswith(r"\multicolumn{2}")]
    assert [line.partition(r"{\itshape ")[2].rstrip("} *\\") for line in above] == [
        f"Prompt: {prompt}".rstrip(), "Prompt: curto",
    ]  # fmt: skip
    assert all(line.endswith(r"\\*") for line in above)  # never alone at the foot of a page
    assert [line[:2] for line in rows(tex) if line not in above] == ["13", "14", "13", "14"]
    assert "Semente & Texto" in tex


def test_words_are_left_to_hyphenation_and_ids_break_after_their_signs():
    tex = draw(["a", "b"], [["especificamente v4_subword_ep6", "palavra " * 60]] * 2, [False] * 2)
    assert r"v4\_\hspace{0pt}subword\_\hspace{0pt}ep6" in tex
    assert "extrapolações" in draw(["a"], [["extrapolações " * 40]], [False])


def test_a_note_stands_below():
    tex = draw(["n"], [["1"]], [True], note="Fonte: 100% nossa.")
    assert tex.index(r"\end{tabular}") < tex.index(r"Fonte: 100\% nossa.")
