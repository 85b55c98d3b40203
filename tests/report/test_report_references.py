"""References: as many as the documents print, and honest about those that do not exist."""

import json
import re
from collections import Counter
from pathlib import Path

from brnb import data
from brnb.report.references import bibliography, bibtex, short
from brnb.thesis import load


def by_key():
    return {entry["key"]: entry for entry in load("references")}


def test_every_printed_reference_is_there_once():
    entries = load("references")
    counts = Counter(entry["source"] for entry in entries)
    # The dissertation prints 39, the slides on mixtures 9, the other two companions 4 and 5.
    assert (counts["002"], counts["003"], counts["001"], counts["004"]) == (39, 9, 4, 5)
    assert len({entry["key"] for entry in entries}) == len(entries)


def test_citations_follow_nbr_10520_of_2023():
    known = by_key()
    assert short(known["hu2021"]) == "Hu et al., 2021"
    assert short(known["hochreiter1997"]) == "Hochreiter e Schmidhuber, 1997"
    assert short(known["fedus2022"]) == "Fedus et al., 2022"
    assert short(known["turing1950"]) == "Turing, 1950"


def test_what_is_not_real_is_said_in_the_list_and_in_bibtex():
    text, entries = bibliography("pt"), bibtex()
    assert "nenhuma obra com este título e estes autores foi encontrada" in text
    assert "nenhuma obra com este título e estes autores foi encontrada" in entries
    assert "impressa como BAI, Y. et al." in text
    assert "no work with this title" in bibliography("en")


def test_the_list_is_in_the_manner_of_nbr_6023():
    assert (
        r"\item HOCHREITER, S.; SCHMIDHUBER, J. Long short-term memory. \textbf{Neural "
        r"Computation}, v. 9, n. 8, p. 1735--1780, 1997."
    ) in bibliography("pt")


def test_bibtex_has_an_entry_a_work_and_balanced_braces():
    text = bibtex()
    assert len(re.findall(r"^@\w+\{", text, re.MULTILINE)) == len(load("references"))
    assert text.count("{") == text.count("}")
    assert "author = {Hu, E. J. and others}" in text


def test_what_captions_cite_is_in_the_list():
    captions = str(data.read("report/labels.yaml"))
    cited = set(re.findall(r"[A-ZÀ-Þ][\wà-ÿ-]+ et al\., \d{4}", captions))
    assert len(cited) > 5
    assert cited <= {short(entry) for entry in load("references")}


def test_what_notebooks_cite_is_in_the_list():
    cells = (
        "".join(cell["source"]).replace("*", "")
        for path in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb")
        for cell in json.loads(path.read_text("utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
    )
    author = r"[A-ZÀ-Þ][\wà-ÿ-]+"
    work = rf"({author}(?: {author})?(?: et al\.| e {author})),? \(?(\d{{4}})"
    cited = {f"{names}, {year}" for names, year in re.findall(work, "\n".join(cells))}
    assert len(cited) > 25
    assert cited <= {short(entry) for entry in load("references")}
