"""The contest: operations by hand, leads paired by seed, and as many trials for both."""

import pytest
from pydantic import ValidationError

from brnb.models.transformer import TransformerLM
from brnb.studies.contest import RaceEntry, flop_per_token, leads
from brnb.studies.contest_params import Contest

SHAPE = {"width": 8, "layers": 2, "heads": 2, "kv_heads": 2, "hidden": 16, "context": 32}
VALUES = {"tuning_tokens": 10, "tokens": 20, "seeds": 2, "documents": 1}


@pytest.mark.parametrize("tied", [True, False])
def test_operations_count_what_multiplies(tied):
    model = TransformerLM(
        vocab_size=50, tied=tied, norm="rmsnorm", position="rope", mlp="swiglu", bias=False, **SHAPE
    )
    weights = 2 * (4 * 8 * 8 + 3 * 8 * 16) + 50 * 8  # the head once, tied or not
    assert flop_per_token(model, 32) == 6 * weights + 6 * 2 * 32 * 8


def entry(rival, budget, seed, bits):
    return RaceEntry(rival, budget, seed, {}, 1, 1, 1, 1.0, 1.0, bits, bits, 2 * bits)


def test_leads_are_paired_by_seed():
    entries = [
        entry(rival, budget, seed, bits)
        for budget in ("tokens", "flop", "time")
        for seed, pair in ((1, (1.0, 1.1)), (2, (1.5, 1.62)))
        for rival, bits in zip(("challenger", "baseline"), pair, strict=True)
    ]
    first, *_, last = leads(entries)
    assert (first.text, last.text) == ("test", "unseen")
    assert last.change == pytest.approx(-0.22)  # there, all bits are doubled
    assert first.change == pytest.approx(-0.11)
    # Student with one degree of freedom: 12.706 deviations of 0.01 sqrt(2) over sqrt(2)
    assert first.high - first.change == pytest.approx(12.7062 * 0.01, rel=1e-4)


def test_both_are_tuned_with_as_many_trials():
    with pytest.raises(ValidationError, match="as many trials for both"):
        Contest(candidates={"baseline": [{}], "challenger": [{}, {}]}, **VALUES)
    with pytest.raises(ValidationError, match="no others"):
        Contest(candidates={"baseline": [{}]}, **VALUES)
