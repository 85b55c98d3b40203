"""A rounded cache: exact where it can be, and never read by what it does not reach."""

import pytest
import torch
import torch.nn.functional as F

from brnb.algorithms.integer_cache import (
    continuation_nats,
    disjoint_windows,
    prompt_state,
    relative_error,
    rounded,
)
from brnb.models.transformer import TransformerLM
from brnb.theory.quantisation import rounding_rmse


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sizes = {"vocab_size": 40, "width": 32, "layers": 2, "heads": 4, "kv_heads": 4, "hidden": 48}
    return TransformerLM(**sizes, context=32).eval()


def test_integers_come_back_as_they_are():
    values = torch.tensor([[-127.0, 3, 64, 127]])
    assert torch.equal(rounded(values, 8), values)
    assert torch.equal(rounded(torch.zeros(2, 4), 8), torch.zeros(2, 4))


def test_the_error_is_that_of_rounding():
    torch.manual_seed(0)
    cache = torch.rand(2000, 64) * 2 - 1  # largest near 1
    error = (rounded(cache, 8) - cache).square().mean().sqrt()
    assert float(error) == pytest.approx(rounding_rmse(0.985), rel=0.02)
    normal = (torch.randn(200, 64),)
    assert relative_error(normal, 8) < 0.01 < relative_error(normal, 4)
    assert relative_error(normal, 8, clip=1.0) > 0.3  # a third of all values are cut


def test_without_rounding_the_cache_is_the_model(model):
    ids = torch.randint(40, (2, 20))
    with torch.no_grad():
        logits = model(ids)[0]
    whole = F.cross_entropy(logits[:, 8:-1].mT, ids[:, 9:], reduction="none")
    assert continuation_nats(model, ids, 8, lambda part: part) == pytest.approx(whole, abs=1e-4)


def test_eight_bits_change_little_and_three_more(model):
    ids = torch.randint(40, (2, 20))
    plain = continuation_nats(model, ids, 8, lambda part: part)
    eight, three = (
        (continuation_nats(model, ids, 8, lambda part, b=bits: rounded(part, b)) - plain)
        .abs()
        .mean()
        for bits in (8, 3)
    )
    assert 0 < eight < three / 10


def test_a_state_has_two_tensors_a_layer(model):
    assert len(prompt_state(model, torch.randint(40, (1, 5)))) == 4


def test_bad_input_is_refused(model):
    with pytest.raises(ValueError, match="prompt = 19: of 20 tokens at least two must follow"):
        continuation_nats(model, torch.randint(40, (1, 20)), 19, lambda part: part)
    with pytest.raises(ValueError, match="5 tokens: 2 windows need 6"):
        disjoint_windows([1] * 5, 3, 2)
