"""Sentences with numbers: what a reader of each language would write by hand."""

import pytest
import yaml

from brnb import data
from brnb.report import labels
from brnb.report.sentences import capitalised, enumerated, fill_sentence, writer


@pytest.fixture(autouse=True)
def label_of_the_test(monkeypatch):
    entry = {"pt": "{run}: {loss:3} nats, {share:1%}, {speed:3g}/s, {gain:+2}, {n}", "en": "{n}"}
    monkeypatch.setattr(labels, "_labels", lambda: {"say_test": entry})


def test_numbers_are_written_as_the_language_does():
    values = {"run": "v1", "loss": 1.43449, "share": 0.0851, "speed": 1234.6, "n": 2466803}
    text = fill_sentence("say_test", "pt", gain=0.005, **values)
    assert text == "v1: 1,434 nats, 8,5%, 1230/s, +0,01, 2.466.803"
    assert fill_sentence("say_test", "en", gain=0, **values) == "2,466,803"


def test_a_loss_has_a_true_minus_and_a_missing_value_a_dash():
    text = fill_sentence(
        "say_test", "pt", run="v1", loss=None, share=0, speed=0.012345, gain=-1, n=0
    )
    assert text == "v1: – nats, 0,0%, 0,0123/s, −1,00, 0"


def test_a_value_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="loss"):
        fill_sentence("say_test", "pt", run="v1")


def test_names_are_enumerated():
    assert enumerated(["v1"], "pt") == "v1"
    assert enumerated(["v1", "v2", "v3"], "pt") == "v1, v2 e v3"
    assert enumerated(["v1", "v2"], "en") == "v1 and v2"
    assert capitalised("QLoRA em é") == "QLoRA em é"
    assert capitalised("época de GPU") == "Época de GPU"


def test_both_languages_of_a_sentence_have_the_same_fields():
    import string

    parse = string.Formatter().parse
    for id, entry in yaml.safe_load(data.path("report/labels.yaml").read_text("utf-8")).items():
        if id.startswith("say_"):
            fields = {lang: {f for _, f, _, _ in parse(entry[lang]) if f} for lang in ("pt", "en")}
            assert fields["pt"] == fields["en"], id


def test_one_number_is_written_like_a_field():
    say = writer("pt")
    assert [say(0.12345, "1%"), say(1234.5, "0"), say(-0.5, "+2")] == ["12,3%", "1235", "−0,50"]
    assert say(1.2345e-7, "2g") == "1,2\u202f×\u202f10⁻⁷"
    assert say(3.1421e23, "3g") == "3,14\u202f×\u202f10²³"
    assert say(99.99, "2g") == "100"


def test_one_has_the_singular_if_there_is_one(monkeypatch):
    entry = {"pt": "{count} execuções|{count} execução", "en": "{count} runs"}
    monkeypatch.setattr(labels, "_labels", lambda: {"say_test": entry})
    counted = [fill_sentence("say_test", "pt", count=count) for count in (0, 1, 2)]
    assert counted == ["0 execuções", "1 execução", "2 execuções"]
    assert fill_sentence("say_test", "en", count=1) == "1 runs"


def test_names_that_have_commas_are_parted_by_semicolons():
    assert enumerated(["v4, 4k, GRU", "v5, 4k", "v7"], "pt") == "v4, 4k, GRU; v5, 4k; e v7"
    assert enumerated(["v4, 4k, GRU"], "en") == "v4, 4k, GRU"
