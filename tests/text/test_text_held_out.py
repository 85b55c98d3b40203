"""Held-out texts: apart from training, and any first ones of them a fair sample."""

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from brnb.text import corpus, finished
from brnb.text.draw import draw_bytes
from brnb.text.finished import Document
from brnb.text.hashing import fraction
from brnb.text.held_out import drawn_order, near_duplicates
from brnb.text.params import CorpusParams

WORDS = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(120)]
LONG = "o rato roeu a roupa do rei de roma e a rainha com raiva resolveu remendar tudo de novo"


def test_what_nearly_stands_in_training_goes_and_then_what_stands_in_test():
    other = "nada disto tem a ver com os ratos da cidade nem com os reis de lugar nenhum"
    third = "este terceiro texto fala do porto de santos e dos navios que nele atracam no verão"
    train = [LONG.upper() + "!"]
    test = [LONG, other]
    validation = [third, other + ".", "curto"]
    assert near_duplicates(train, test, validation, 0.8) == ({0}, {1})
    assert near_duplicates([], test, validation, 0.8) == (set(), {1})


def test_every_prefix_has_its_share_of_every_register():
    kinds = ["lei"] * 60 + ["fala"] * 30 + ["carta"] * 10
    documents = [Document(str(n), "", f"texto {n}", "", kind) for n, kind in enumerate(kinds)]
    order = drawn_order(documents, seed=13)
    assert sorted(order) == list(range(100))
    for count in range(1, 101):
        drawn = Counter(kinds[place] for place in order[:count])
        for kind, share in (("lei", 0.6), ("fala", 0.3), ("carta", 0.1)):
            assert abs(drawn[kind] - share * count) <= 1.5
    assert drawn_order(documents, seed=14) != order
    backwards = drawn_order(documents[::-1], seed=13)
    assert [99 - place for place in backwards] == order  # whatever their order


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=9), unique=True, max_size=20), st.integers(1, 60))
def test_a_draw_is_of_the_smallest_hashes_whatever_the_order(texts, size):
    ranked = sorted(texts, key=lambda text: fraction(text.encode(), 3, b"x"))
    expected, held = [], 0
    for text in ranked:
        if held >= size:
            break
        expected.append(text)
        held += len(text.encode())
    assert draw_bytes(texts, size, 3, b"x") == expected
    assert draw_bytes(reversed(texts), size, 3, b"x") == expected


def test_parts_of_a_work_stay_together_and_registers_are_counted(tmp_path):
    said = [
        {
            "doc_id": f"obra{n % 12}/{n:03d}",
            "text": f"A parte {WORDS[n]} da obra fala da cidade.",
        }
        for n in range(120)
    ]
    (tmp_path / "romances.jsonl").write_text("".join(json.dumps(d) + "\n" for d in said))
    (tmp_path / "leis_2.jsonl").write_text(
        "".join(json.dumps({"text": f"Fica criada a rua {WORDS[n]} deste lugar."}) + "\n"
                for n in range(30))
    )  # fmt: skip
    params = CorpusParams(
        profile="smoke", run_id="corpus", seed=1, lang="pt", corpus=str(tmp_path), documents=None,
        sample_share=1.0, min_chars=5, min_letters=0.3, validation_share=0.25, test_share=0.25,
        near_duplicate=1.0, part=r"/\d{3}$", registers={"direito": "^leis"},
        mask_personal_data=False, max_malformed_share=0.0,
    )  # fmt: skip
    report = corpus.build(tmp_path / "out", params, progress=False)
    splits = {
        (d.doc_id.partition("/")[0], split)
        for split in finished.SPLITS
        for d in finished.corpus_documents(tmp_path / "out", "v6", split)
        if d.register == "romances"
    }
    assert len(splits) == 12  # each work in one split
    counted = {r: sum(a.documents for a in parts.values()) for r, parts in report.registers.items()}
    assert counted["romances"] == 120
    assert set(counted) == {"romances", "direito"}
    gone = report.removed["near_duplicate"].documents
    assert sum(counted.values()) + gone + report.removed["duplicate_document"].documents == 150
