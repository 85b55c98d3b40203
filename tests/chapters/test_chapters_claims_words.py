"""Chapter 23 in words: small tables by hand, from both sides of each verdict."""

import pandas as pd

from brnb.chapters import claims_words


def test_verdicts_are_counted_and_named():
    counts = {"confirmed": 6, "rounding": 1, "wrong": 3, "not checkable": 0}
    assert claims_words.say_verdicts(counts, "pt") == (
        "Das 10 afirmações, 60% se confirmam; as demais: arredondamento (1) e errada (3)."
    )


def test_the_errata_by_verdict():
    errata = pd.DataFrame({
        "place": ["002:eq:4.8", "x", "y"], "verdict": ["errada", "fato falso", "errada"]
    })  # fmt: skip
    assert claims_words.say_errata(errata, "pt") == (
        "A errata tem 3 linhas: errada (2) e fato falso (1). A de maiores consequências é "
        "002:eq:4.8."
    )


def test_marks_that_nothing_covers():
    table = pd.DataFrame({"covered": [10, 5], "explained": [2, 1], "uncovered": [0, 0]})
    assert claims_words.say_coverage(table, "pt").startswith("15 marcas")
    assert "nenhuma ficou de fora" in claims_words.say_coverage(table, "pt")
    assert "4 ficaram de fora" in claims_words.say_coverage(table.assign(uncovered=[4, 0]), "pt")


def test_edits_noticed_and_recomputed():
    table = pd.DataFrame({
        "edits": [180, 200], "found_percent": [100.0, 99.5], "recomputed_percent": [70.0, 68.2]
    })  # fmt: skip
    assert claims_words.say_mutations(table, "pt") == (
        "De 200 edições, 99,5% são notadas, e 68,2% só pela conta."
    )


def test_edits_of_names():
    table = pd.DataFrame({"edits": [20, 19], "found": [9, 1]})
    assert claims_words.say_names(table, "en") == (
        "Of another 39 edits, in names, 10 are found; the others gave the name of something else "
        "that exists."
    )
    assert "39 edições" in claims_words.say_names(table, "pt")


def test_outcomes():
    verdicts = ["reproduced", "differs", "not comparable", "not comparable"]
    assert claims_words.say_outcomes(verdicts, "en") == (
        "Of 4 published results, 1 are reproduced, 1 differ, 0 stay undecided and 2 do not compare."
    )


def test_programmes_within_and_beyond_the_plausible():
    table = pd.DataFrame({
        "model": ["a", "b", "c"], "share_of_peak": [29.0, 86.0, None],
        "verdict": ["plausível", "implausível", "não calculável"],
    })  # fmt: skip
    assert "2 publicam o bastante para o cálculo. Passam do limite: b; o que mais exige" in (
        claims_words.say_programmes(table, "pt")
    )
    assert claims_words.say_programmes(table.drop(index=1), "pt").endswith(
        "nenhum passa do limite."
    )
