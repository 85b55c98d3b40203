"""The register as it stands: every claim judged, every verdict the recorded one, none idle."""

import ast
import json
import re
import time

import pytest

from brnb.audit import commands
from brnb.audit.engine import audit, changed, recorded
from brnb.audit.explain import explain, records
from brnb.audit.mutations import mutate, mutation_score
from brnb.audit.record import recorded_release
from brnb.audit.verdict import ERRORS
from brnb.theory.register import EQUATION_COUNTS, entries

SCALES = (1, 2, 1e6)  # that an expression may have without being a formula of its own
OWN_FUNCTIONS = {  # functions of the audit that call the register's
    "002:eq:A.3": "brnb.audit.attention.row_sum calls attention_weights",
    "002:eq:4.7": "brnb.audit.models.parameters reads Shape.parameters",
    "002:eq:4.8": "brnb.audit.models.trained_parameters calls lora_parameters",
}
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
NAMES = re.compile("Sabiá-7B|Certificado de Depósito Interbancário")
WHY_NOT = {
    "002:eq:C.68:hardware": "the infrastructure is not printed: the total has bounds, no value",
}


@pytest.fixture(scope="module")
def audited():
    return audit()


def test_every_claim_is_judged_and_none_is_idle(audited):
    assert [str(problem) for problem in audited.problems] == []
    assert len(audited.results) >= 550


def test_verdicts_are_those_of_the_release(audited):
    assert changed(audited, recorded()) == []


def test_all_five_documents_are_covered(audited):
    documents = {result.claim.document for result in audited.results.values()}
    assert documents == {"000", "001", "002", "003", "004"}
    release = recorded_release()
    assert sum(row["uncovered"] for row in release["documents"].values()) == 0


@pytest.mark.parametrize(
    ("id", "verdict", "value"),  # by hand, or from the papers
    [
        ("002:tab:3:v5_main:custo", "confirmed", 0.416),
        ("002:eq:C.35", "wrong", 29213.4 / 365),
        ("002:eq:C.62", "wrong", 6.27917e6),
        ("002:eq:C.94", "wrong", 0.285),
        ("002:eq:B.126", "confirmed", 2.147483648),
        ("002:eq:4.8", "wrong", 167772160),
        ("003:Modelos MoE:Mixtral total", "false fact", 46702792704),
        ("004:tab:9:cache:MLA menor", "confirmed", 15552),
        ("000:Exemplo Prático:score", "confirmed", 3.705),
    ],
)
def test_known_results(audited, id, verdict, value):
    result = audited.results[id]
    assert result.verdict == verdict
    assert result.judgement.recomputed == pytest.approx(value, rel=1e-3)


def test_orientation_algebra_and_units_are_checks_of_their_own(audited):
    for id in ("002:eq:A.2", "002:eq:B.13", "002:eq:B.108", "002:eq:B.71", "002:eq:C.33"):
        assert audited.results[id].verdict in ERRORS
    for id in ("002:eq:B.12", "002:eq:B.17", "002:eq:C.22", "002:eq:C.8", "002:eq:B.80"):
        assert audited.results[id].verdict == "confirmed"


@pytest.mark.parametrize("part", EQUATION_COUNTS)
def test_a_claim_about_an_equation_calls_the_registers_function_or_says_why_not(audited, part):
    for number, entry in entries(part).items():
        of_it = re.compile(rf"002:eq:{re.escape(number)}(:|$)")
        for claim in (r.claim for id, r in audited.results.items() if of_it.match(id)):
            if entry.function is None or claim.kind not in ("value", "holds"):
                continue  # a check of another kind tests the printed formula, not its result
            expression = str(claim.value or claim.holds)
            module = entry.function.rpartition(".")[0].removeprefix("brnb.").split(".")[:2]
            calls = ".".join(module) in expression or claim.id in OWN_FUNCTIONS
            assert calls or _is_printed(claim, expression) or claim.id in WHY_NOT, claim.id


def _is_printed(claim, expression):
    """Whether a check is the arithmetic of the printed line: of its slots and its own numbers."""
    tree = ast.parse(expression, mode="eval")
    calls = any(isinstance(node, ast.Attribute) for node in ast.walk(tree))
    text = " ".join(quote.text for _, quote in claim.passages)
    numbers = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return not calls and all(f"{number:g}" in text or number in SCALES for number in numbers)


def test_another_reading_is_named(audited):
    reading = audited.results["002:eq:B.23"].judgement.reading
    assert reading is not None
    assert reading.en == "a thousand A100s"


def test_one_claim_is_explained_in_words(audited):
    text = explain(audited, "002:eq:C.35")
    assert "Recalculado: 80,0367" in text
    assert "Recomputed: 80.0367" in explain(audited, "002:eq:C.35", "en")
    assert "Veredito: errada" in text
    assert explain(audited, "002:eq:C.35", "en").count("\n") == text.count("\n")
    with pytest.raises(ValueError, match="nearest"):
        explain(audited, "002:eq:C.3")


def test_edits_of_the_registered_claims_are_found(audited):
    attempts = mutate(audited, 200)
    for attempt in attempts:  # each is of a quotation of its own document
        edit, document = attempt.edit, attempt.document
        assert any(
            place.document == document
            and place.found.start <= edit.start <= edit.end <= place.found.end
            for result in audited.results.values()
            for place in result.places
        )
    scores = mutation_score(attempts)
    assert scores["found"] == 1
    assert scores["recomputed"] >= 0.6  # by recomputation alone, without the registered words


def test_two_seeds_draw_different_edits(audited):
    first, second = (mutate(audited, 20, seed) for seed in (1, 2))
    assert [a.edit for a in first] != [a.edit for a in second]
    assert [a.edit for a in first] == [a.edit for a in mutate(audited, 20, 1)]


def test_the_audit_is_fast():
    start = time.process_time()
    audit()
    assert time.process_time() - start < 30


def test_every_claim_is_stated_in_english_with_the_same_numbers(audited):
    portuguese = re.compile("[áàâãéêíóôõúç‹›]", re.IGNORECASE)
    times = {"003:Expertise Map:trem"}  # 13h30 and 13:30
    for id, result in audited.results.items():
        claim = result.claim
        assert not portuguese.search(NAMES.sub("", claim.says_en)), claim.says_en
        pt, en = (sorted(NUMBER.findall(claim.statement(lang))) for lang in ("pt", "en"))
        assert id in times or [n.replace(",", ".") for n in pt] == en, claim.says_en


def test_the_audit_is_also_json(monkeypatch, audited):
    monkeypatch.setattr(commands, "audit", lambda: audited)
    text, well = commands.audit_text(as_json=True)
    written = json.loads(text, parse_constant=pytest.fail)  # no NaN, no Infinity
    assert well
    assert written["problems"] == []
    assert len(written["claims"]) == sum(written["counts"].values()) == len(audited.results)
    (claim,) = (claim for claim in written["claims"] if claim["id"] == "002:eq:C.35")
    assert (claim["verdict"], claim["printed"]) == ("wrong", r"292 \text{ GPU-anos}")
    assert claim["recomputed"] == pytest.approx(29213.4 / 365, rel=1e-5)
    assert claim["statement"]["en"] == "The computation gives 292 GPU-years."
    assert (claim["document"], claim["place"]) == ("002", "eq:C.35")
    assert (claim["published"], claim["unit"], claim["tolerance"]) == (292, "year", 0.5)
    assert set(claim["consequence"]) == {"pt", "en"}


def test_json_says_tolerance_unit_and_reason_of_every_kind(audited):
    by_id = {claim["id"]: claim for claim in records(audited)}
    memory = by_id["002:eq:B.126"]  # 2.15 GB, printed to a hundredth
    assert (memory["published"], memory["unit"]) == (2.15, "gigabyte")
    assert memory["tolerance"] == pytest.approx(0.005)
    about = by_id["000:Baselines:GPT-OSS 20B"]  # 20 billion, within 5% of 20.9 billion
    assert about["tolerance"] == pytest.approx(0.05 * 20.9e9)
    opened = by_id["002:eq:C.64"]
    assert opened["why"] == {"pt": "estimativa sem fonte", "en": "an estimate without a source"}
    algebra = by_id["002:eq:B.13"]
    assert (algebra["published"], algebra["tolerance"], algebra["unit"]) == (None, None, "")
