"""Effects of tokenizer and architecture against hand calculation; who is trained how."""

import pytest
from pydantic import ValidationError
from scipy import stats

from brnb.chapters.factorial import factorial_verdict, tab_factorial
from brnb.studies.factorial import PairTraining, _tokens_in_time, main_effects
from brnb.studies.factorial_params import Factorial
from brnb.train.params import RecurrentParams, TransformerParams

BITS = {  # by seed: LSTM and Transformer with characters, then with the large vocabulary
    1: (2.0, 1.9, 1.5, 1.45),
    2: (2.1, 1.9, 1.5, 1.40),
    3: (2.0, 2.0, 1.6, 1.45),
}
CELLS = [(t, a) for t in ("char", "large") for a in ("lstm", "transformer")]
VALUES = {
    "tokenizers": ["char", "large"], "cleaning": "early", "tokens": 4096, "batch_size": 2,
    "seq_len": 64, "warmup_steps": 4, "learning_rates": {"lstm": [1e-3], "transformer": [1e-3]},
    "lstm": {"hidden_size": 8, "layers": 1, "embedding_size": 8},
    "transformer": {"width": 8, "layers": 1, "heads": 2, "kv_heads": 2, "hidden": 16},
    "seeds": 2, "documents": 2, "sample_tokens": 8, "sample_seeds": 2,
}  # fmt: skip


def trained(budget="tokens", seconds=(1.0, 2.0, 4.0, 8.0)):
    return [
        PairTraining(*cell, budget, seed, 1e-3, 10, 1000, time, bits, bits, {})
        for seed, row in BITS.items()
        for cell, bits, time in zip(CELLS, row, seconds, strict=True)
    ]


def test_effects_are_means_over_all_else_paired_by_seed():
    found = {one.factor: one for one in main_effects(trained(), "tokens")}
    by_tokenizer = [-0.475, -0.55, -0.475]  # (1.5 + 1.45 - 2.0 - 1.9) / 2, ...
    by_architecture = [-0.075, -0.15, -0.075]
    assert found["tokenizer"].change == pytest.approx(sum(by_tokenizer) / 3)
    told = stats.ttest_1samp(by_architecture, 0).confidence_interval(0.95)
    assert (found["architecture"].low, found["architecture"].high) == pytest.approx(told)
    assert found["tokenizer_over_architecture"].change == pytest.approx(0.4)
    assert factorial_verdict(list(found.values())) is True


def test_equal_time_is_that_of_the_slowest():
    assert _tokens_in_time(trained(), ("char", "lstm")) == 8000
    assert _tokens_in_time(trained(), ("large", "transformer")) == 1000


def test_a_row_for_every_budget_and_pair():
    frame = tab_factorial(trained() + trained("time"), "pt")
    assert len(frame) == 8
    assert frame["seeds"].tolist() == [3] * 8
    assert frame["bits_per_byte"][0] == pytest.approx((2.0 + 2.1 + 2.0) / 3)


def test_every_architecture_has_parameters_of_its_own():
    study = Factorial(**VALUES)
    told = [study.training("char", a, 1e-3, 1, 4096, "pt") for a in ("lstm", "transformer")]
    assert [type(one) for one in told] == [RecurrentParams, TransformerParams]
    with pytest.raises(ValidationError, match="give some for transformer too"):
        Factorial(**VALUES | {"learning_rates": {"lstm": [1e-3]}})
