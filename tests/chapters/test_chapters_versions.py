"""What a version shows: its samples, and its row beside the published one."""

from brnb.chapters.versions import beside_published, tab_samples
from brnb.evaluate.intrinsic import Intrinsic
from brnb.evaluate.records import Record
from brnb.generate.samples import Sample
from brnb.report.tables import display
from brnb.train.history import History

RESULT = Intrinsic(2.0, 7.4, 0.25, 1.5, 100, 2)


def test_a_prompt_stands_beside_its_first_sample_only():
    samples = [
        Sample(prompt=prompt, seed=seed, ids=[1], text=f"{prompt} {seed} " + "x" * 400)
        for prompt in ("a", "b")
        for seed in (1, 2)
    ]
    frame = tab_samples(samples, characters=10)
    assert frame["prompt"].tolist() == ["a", "", "b", ""]
    assert frame["seed"].tolist() == [1, 2, 1, 2]
    assert frame["text"].tolist()[1] == "a 2 xxxxxx"


def measured(run, history=None, validation=RESULT, **params):
    return Record(run, params, RESULT, history or History(), None, None, None, validation)


def test_ours_stands_below_the_published_row_on_both_splits():
    history = History(tokens=2_000_000_000, pass_tokens=500_000_000, seconds=5400.0)
    worse = Intrinsic(3.0, 20.1, 0.25, 1.6, 100, 2)
    told = {"cell": "gru", "layers": 2, "hidden_size": 768, "tokenizer": "v4_3k2"}
    record = Record("v4_subword", told, worse, history, None, None, None, RESULT)
    frame = beside_published("tab08", [record], "pt")
    published, test, validation = frame.to_dict("records")
    assert {name: str(value) for name, value in published.items()} == {
        "run": "v4_subword", "source": "Publicado", "rnn": "GRU", "vocab": "3.2k", "epochs": "2",
        "hours": "1.2", "tokens_billion": "2.39", "ppl": "75.83", "bits_per_byte": "None",
    }  # fmt: skip
    ours = {"run": "v4_subword", "rnn": "GRU 2 × 768", "vocab": "v4_3k2", "epochs": 4.0}
    ours |= {"hours": 1.5, "tokens_billion": 2}
    assert test == ours | {"source": "Nosso (teste)", "ppl": 20.1, "bits_per_byte": 1.6}
    assert validation == ours | {"source": "Nosso (validação)", "ppl": 7.4, "bits_per_byte": 1.5}


def test_published_numbers_keep_their_printed_decimals():
    frame = beside_published("tab09", [measured("v5_main", History(tokens=150_000))], "pt")
    cells = display(frame, "tab09", lang="pt").cells
    assert cells[0] == [
        "v5, 4k",
        "Publicado",
        "4k (+fallback)",
        "3,2\u00a0h",
        "6,00\u00a0bi",
        "3,8918",
        "49,00",
        "–",
    ]
    assert cells[1][4] == "150\u00a0mil"  # not 0,000
    loss = display(beside_published("tab07", [measured("v3")], "en"), "tab07", lang="en").cells[0]
    assert loss[2:] == ["Stacked LSTM", "2.0\u00a0h", "3.47\u00a0B", "1.375", "3.96", "58.2", "–"]


def test_a_run_that_was_never_published_has_only_our_rows():
    frame = beside_published("tab09", [measured("v6_130m")], "en")
    assert frame[["run", "source", "loss"]].to_numpy().tolist() == [
        ["v6_130m", "Ours (test)", RESULT.loss],
        ["v6_130m", "Ours (validation)", RESULT.loss],
    ]
    assert len(beside_published("tab09", [measured("v6_130m", validation=None)], "en")) == 1
