"""Samples of Track 1 as a table."""

from brnb.generate.samples import Sample
from brnb.report.track1 import sample_table


def test_a_prompt_stands_beside_its_first_sample_only():
    samples = [
        Sample(prompt=prompt, seed=seed, ids=[1], text=f"{prompt} {seed} " + "x" * 400)
        for prompt in ("a", "b")
        for seed in (1, 2)
    ]
    frame = sample_table(samples, characters=10)
    assert frame["prompt"].tolist() == ["a", "", "b", ""]
    assert frame["seed"].tolist() == [1, 2, 1, 2]
    assert frame["text"].tolist()[1] == "a 2 xxxxxx"
