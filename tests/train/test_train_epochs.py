"""Profile paper trains as many passes as the dissertation says, over as much text."""

from pathlib import Path

import pytest
import yaml

from brnb.thesis import load

PAPER = Path(__file__).parents[2] / "params/paper"
WORDS = 2.68e9  # of BrWaC (Wagner Filho et al., 2018)
CHARACTERS = 5.9  # of a Portuguese word and its blank, so that 0.22 of BrWaC is a pass of v2
PIECES = {"3.2k": 2.904, "4k": 2.991}  # characters a piece: 3.47e9 over half of 2.39e9 and 2.32e9


def told(run):
    return yaml.safe_load((PAPER / f"{run}.yaml").read_text("utf-8"))


@pytest.fixture
def characters():
    corpus = told("corpus")
    train = 1 - corpus["validation_share"] - corpus["test_share"]
    return corpus["sample_share"] * train * WORDS * CHARACTERS


def test_a_pass_is_that_of_v2(characters):
    assert characters == pytest.approx(told("v2")["tokens"], rel=0.01)
    assert told("v1")["tokens"] / characters == pytest.approx(4.0, rel=0.01)


@pytest.mark.parametrize("row", load("published", "tab08", "rows"), ids=lambda row: row["run"])
def test_the_epochs_of_table_8_are_those_of_the_tokens(row, characters):
    epochs = told(row["run"])["tokens"] / (characters / PIECES[row["vocab"]])
    assert epochs == pytest.approx(float(row["epochs"]), rel=0.02)
