"""A register with faults: each is named with file, line and fix, and none stops the rest."""

from pathlib import Path

import pytest

from brnb.audit.claims import read_register
from brnb.audit.engine import audit

GOOD = """- id: "002:eq:1"
  says: dois mais dois
  says_en: two and two
  quote: "2 + 2 = ⟦4⟧"
  value: 2 + 2
"""


def register(folder: Path, *claims: str) -> Path:
    (folder / "002.yaml").write_text("\n".join(claims), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ('- id: "002:eq:2"\n  says: x\n  says_en: x\n  quote: "⟦4⟧"\n', "give exactly one check"),
        (GOOD.replace("eq:1", "eq:1"), "id '002:eq:1' is already that of 002.yaml:1"),
        (GOOD.replace("eq:1", "eq:2").replace("2 + 2\n", "nada(2)\n"), "'nada' is no input"),
        (
            GOOD.replace("eq:1", "eq:2").replace("2 + 2\n", "theory.compute.training_flop(1)\n"),
            "does not exist; did you mean training_flops?",
        ),
        (GOOD.replace("eq:1", "eq:2") + "  unit: parsec\n", "'parsec' is not in the registry"),
        (
            GOOD.replace("eq:1", "eq:2")
            .replace("⟦4⟧", "⟦4 bits⟧")
            .replace("2 + 2\n", "4*second\n"),
            "found wrong (units do not fit",
        ),
        (GOOD.replace("eq:1", "eq:2").replace("value: 2 + 2", "value: 4 * byte"), "units do not"),
        (GOOD.replace("002:eq:1", "equation 1"), "write document:place:part"),
        (GOOD.replace("eq:1", "eq:2").replace("⟦4⟧", "⟦4"), "is not closed"),
        (GOOD.replace("eq:1", "eq:2").replace("⟦4⟧", "4"), "mark with ⟦ ⟧"),
        (GOOD.replace("eq:1", "eq:2").replace("⟦4⟧", "⟦5⟧"), "give the consequence"),
        (GOOD.replace("eq:1", "eq:2").replace("value: 2 + 2", "holds: 1 == 1"), "checks nothing"),
        (
            '- id: "002:eq:2"\n  says: x\n  says_en: x\n  quote: "⟦4⟧"\n  fact: 4\n',
            "a fact needs its source",
        ),
        (
            GOOD.replace("eq:1", "eq:2") + "  colour: 4\n",
            "colour",
        ),
        (GOOD.replace("eq:1", "eq:2").replace("  says_en: two and two\n", ""), "says_en: missing"),
        (
            GOOD.replace("eq:1", "eq:2").replace("two and two", '""'),
            "says_en: missing: state it in",
        ),
        (GOOD.replace("eq:1", "eq:2").replace("two and two", "‹n› and two"), "the holes of says"),
        (GOOD.replace('- id: "002:eq:1"\n  says:', "- says:"), "id: missing: give it one"),
        (GOOD.replace("eq:1", "eq:2") + '  changes: ["002:eq:9"]\n', "which no claim has"),
    ],
)
def test_a_fault_is_named_and_the_rest_goes_on(tmp_path: Path, claim: str, message: str) -> None:
    audited = audit(register(tmp_path, GOOD, claim))
    assert "002:eq:1" in audited.results
    problems = [str(problem) for problem in audited.problems]
    assert any(message in problem for problem in problems), problems
    assert all(problem.startswith("002.yaml:7: ") for problem in problems)


def test_what_is_not_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    (problem,) = read_register(register(tmp_path, GOOD, "- id: [")).problems
    assert str(problem).startswith("002.yaml:")
    assert "not YAML" in problem.text


def test_a_file_in_latin_1_is_named_with_its_line_and_the_fix(tmp_path: Path) -> None:
    (tmp_path / "002.yaml").write_bytes("# uma\n# três\n".encode("latin-1"))
    (problem,) = read_register(tmp_path).problems
    assert str(problem).startswith("002.yaml:2: not UTF-8: convert it with iconv -f latin1")


def test_one_claim_for_each_row(tmp_path: Path) -> None:
    rows = '- id: "002:eq:‹n›"\n  each: [{n: "7", v: 7}, {n: "8", v: 8}]\n'
    register(
        tmp_path, rows + '  says: "‹n›"\n  says_en: "‹n›"\n  quote: "vale ⟦‹n›⟧"\n  value: "‹v›"\n'
    )
    audited = audit(tmp_path)
    assert {id: r.judgement.recomputed for id, r in audited.results.items()} == {
        "002:eq:7": 7,
        "002:eq:8": 8,
    }


def test_words_and_numbers_in_a_hole_are_those_of_the_language(tmp_path: Path) -> None:
    rows = '- id: "002:eq:‹n›"\n  each: [{n: Qwen3 0.6B, what: peso, v: "1.5"}]\n'
    said = '  says: "‹n›: ‹what› ‹v›"\n  says_en: "‹n›: ‹what› ‹v›"\n  english: {peso: weight}\n'
    register(tmp_path, rows + said + '  quote: "vale ⟦‹v›⟧"\n  value: "‹v›"\n')
    (claim,) = read_register(tmp_path).claims.values()
    assert claim.statement("pt") == "Qwen3 0.6B: peso 1,5"
    assert claim.statement("en") == "Qwen3 0.6B: weight 1.5"
    assert claim.quote == ["vale ⟦1.5⟧"]


def test_a_fault_of_every_row_is_said_once(tmp_path: Path) -> None:
    rows = '- id: "002:eq:7"\n  each: [{v: 7}, {v: 8}]\n  says: "‹v›"\n'
    (problem,) = read_register(register(tmp_path, rows + '  quote: "⟦7⟧"\n  value: "7"\n')).problems
    assert "says_en: missing" in problem.text


def test_a_text_that_changed_is_named_where_it_differs(tmp_path: Path) -> None:
    documents = {"002": "2 + 2 são 4"}
    (problem,) = audit(register(tmp_path, GOOD), documents).problems
    assert "agrees up to '2 + 2 ', where the text has 'são 4'" in problem.text
