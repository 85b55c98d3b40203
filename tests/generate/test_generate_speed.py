"""All ways of decoding write the same tokens, in the shapes that the lecture times."""

import pytest
import torch

from brnb.architectures.known import configuration
from brnb.generate.speed import random_model, speeds

SMALL = {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "vocab_size": 128,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}  # fmt: skip


@pytest.mark.parametrize("key", ["llama32_1b", "qwen3_06b"])
def test_every_way_writes_the_same_tokens(key):
    model = random_model(configuration(key) | SMALL, torch.device("cpu"), "fp32", 0)
    measured = speeds(model, ("eager", "cache", "ours"), [5, 6, 7], 12, 1)
    assert [one.way for one in measured] == ["eager", "cache", "ours"]
    assert [one.same for one in measured] == [12, 12, 12]
    assert all(one.tokens_per_second > 0 and one.peak_bytes is None for one in measured)


def test_weights_follow_the_seed():
    one, again, other = (
        next(
            random_model(
                configuration("qwen3_06b") | SMALL, torch.device("cpu"), "fp32", seed
            ).parameters()
        )
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
