"""What a version shows: its samples, and its row beside the published one."""

from brnb.chapters.versions import beside_published, tab_samples
from brnb.evaluate.intrinsic import Intrinsic
from brnb.generate.samples import Sample
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


def test_ours_stands_below_the_published_row():
    history = History(tokens=2_000_000_000, pass_tokens=500_000_000, seconds=5400.0)
    frame = beside_published("tab08", {"v4_subword": RESULT}, {"v4_subword": history}, "pt")
    published, ours = frame.to_dict("records")
    assert published == {
        "run": "v4_subword", "source": "Publicado", "epochs": 2.0, "hours": 1.2,
        "tokens_billion": 2.39, "ppl": 75.83, "bits_per_byte": None,
    }  # fmt: skip
    assert ours == {
        "run": "v4_subword", "source": "Nosso", "epochs": 4.0, "hours": 1.5,
        "tokens_billion": 2.0, "ppl": 7.4, "bits_per_byte": 1.5,
    }  # fmt: skip
    row = beside_published("tab09", {"v5_main": RESULT}, {"v5_main": History()}, "en").iloc[0]
    assert (row["val_loss"], row["val_ppl"], row["tokens_billion"]) == (3.8918, 49.0, 6.0)


def test_a_run_that_was_never_published_has_one_row():
    frame = beside_published("tab09", {"v6_130m": RESULT}, {"v6_130m": History()}, "en")
    assert frame[["run", "source", "val_loss"]].to_numpy().tolist() == [
        ["v6_130m", "Ours", RESULT.loss]
    ]
