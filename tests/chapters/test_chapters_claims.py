"""Chapter 23's tables of a register of three claims: numbers and words of each language."""

from pathlib import Path

import pytest

from brnb.audit.engine import Audit, audit
from brnb.audit.latex_mutations import NAMES
from brnb.audit.mutations import Attempt, Edit
from brnb.audit.programmes import all_implied
from brnb.chapters import claims

REGISTER = r"""- id: "002:eq:1"
  says: Meio de 1,8 ms.
  says_en: Half of 1.8 ms.
  quote: '⟦a=1.8 \text{ ms}⟧ / 2 = ⟦0.7 \text{ ms}⟧'
  value: a / 2
  consequence: {pt: "São 0,9 ms.", en: "It is 0.9 ms."}
- id: "002:eq:2"
  says: O identificador.
  says_en: The identifier.
  quote: 'arXiv:⟦2307.06952⟧'
  fact: "2407.16216"
  source: arXiv
  consequence: {pt: "É outro.", en: "It is another."}
- id: "002:eq:3"
  says: O custo.
  says_en: The cost.
  quote: '⟦\$1.5M⟧'
  open: {pt: "estimativa", en: "an estimate"}
"""


@pytest.fixture
def audited(tmp_path: Path) -> Audit:
    (tmp_path / "002.yaml").write_text(REGISTER, encoding="utf-8")
    return audit(
        tmp_path, {"002": "1.8 \\text{ ms} / 2 = 0.7 \\text{ ms} arXiv:2307.06952 \\$1.5M"}
    )


@pytest.mark.parametrize(
    ("lang", "printed", "correct"), [("pt", "0,7  ms", "0,9"), ("en", "0.7  ms", "0.9")]
)
def test_errata_write_numbers_as_the_language_does(audited, lang, printed, correct):
    errata = claims.tab_errata(audited, lang).set_index("place")
    assert errata.loc["002:eq:1", ["printed", "correct"]].tolist() == [printed, correct]
    names = errata.loc["002:eq:2", ["printed", "correct"]].tolist()
    assert names == ["2307.06952", "2407.16216"]  # an identifier is no number


def test_every_word_of_the_tables_is_in_the_readers_language(audited):
    english = claims.tab_claims_002(audited, "en").set_index("place")
    assert english.loc["eq:3", "recomputed"] == "an estimate"
    assert english["statement"].tolist() == ["Half of 1.8 ms.", "The identifier.", "The cost."]
    portuguese = claims.tab_claims_002(audited, "pt").set_index("place")
    assert portuguese.loc["eq:3", ["printed", "recomputed"]].tolist() == ["$1,5M", "estimativa"]


def test_edits_of_statements_and_of_names_are_counted_apart():
    def attempts(kind: str, *found: bool) -> list[Attempt]:
        edit = Edit(0, 1, "2", kind)
        return [Attempt("cap1.tex", edit, "1", ("cap1.tex:1",) * well, ()) for well in found]

    tried = {name: attempts(name, True, False) for name in NAMES} | {
        "text": attempts("number", True, True, False, True),
        "exported": [],
    }
    stated = claims.tab_mutations_latex(tried, "en").set_index("kind")
    assert stated.loc["all", ["edits", "found_percent"]].tolist() == [4, 75]
    names = claims.tab_mutations_names(tried, "en")
    assert names[["edits", "found"]].to_numpy().tolist() == [[2, 1], [2, 1]]


def test_programmes_speak_the_readers_language():
    english = claims.tab_portuguese_models(all_implied(0.65), "en").set_index("model")
    assert english.loc["PBIA (Brasil)", "published_cost"] == "R$ 23 billion until 2028"
    portuguese = claims.tab_portuguese_models(all_implied(0.65), "pt").set_index("model")
    assert portuguese.loc["Amália 9B (Portugal)", "published_cost"] == "EUR 5,5 milhões"
    # R$ 5.3843 a dollar (PTAX), 6.2 billion tokens at our price for a billion
    row = english.loc["TeenyTinyLlama 460M"]
    assert row["our_brl"] == pytest.approx(6.2 * row["our_usd_per_billion"] * 5.3843)
