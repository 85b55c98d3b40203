"""The glossary holds terms that the chapters use, in the order of the alphabet."""

import json
import re
from pathlib import Path

from brnb import data
from brnb.report.frontmatter import front_matter

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def terms(lang):
    return re.findall(r"\\brnbterm\{(.*?)\}", front_matter(lang).partition("Gloss")[2])


def test_terms_are_sorted_as_a_dictionary_sorts_them():
    portuguese = terms("pt")
    assert portuguese[:3] == ["ablação", "adaptador", "base"]
    assert portuguese.index("época") < portuguese.index("especialista")
    assert [term[0] for term in terms("en")] == sorted(term[0] for term in terms("en"))
    assert (
        len(portuguese) == len(terms("en")) == len(data.read("report/frontmatter.yaml")["glossary"])
    )


def test_every_term_is_really_used():
    cells = (
        "".join(cell["source"])
        for path in NOTEBOOKS.glob("*.ipynb")
        for cell in json.loads(path.read_text("utf-8"))["cells"]
    )
    labels = " ".join(map(str, data.read("report/labels.yaml").values()))
    used = "\n".join([*cells, labels]).lower()
    assert [term for term in terms("pt") if term[:-1] not in used] == []
