"""Profile paper draws as much of BrWaC as the dissertation's epochs are passes of it."""

import pytest

from brnb.pipeline import Pipeline

BRWAC_CHARACTERS = 2.68e9 * 5.9  # words of BrWaC, a word and the blank after it


@pytest.mark.parametrize(("run", "passes"), [("v1", 4), ("v2", 1), ("v3", 1)])
def test_tokens_of_the_character_models_are_whole_passes(run, passes):
    # Table 7 gives v2 3.47 billion characters, a pass, and v1 13.88 billion, four of them.
    told = Pipeline(profile="paper")
    corpus = told.params("corpus")
    train = 1 - corpus["validation_share"] - corpus["test_share"]
    drawn = BRWAC_CHARACTERS * corpus["sample_share"] * train
    assert told.params(run)["tokens"] / drawn == pytest.approx(passes, rel=0.01)
