"""Algorithm 20 against our Transformer's own cache."""

import pytest
import torch

from brnb.algorithms.paged import PagedCache, decode_step
from brnb.models.transformer import TransformerLM

SIZES = {"vocab_size": 40, "width": 24, "layers": 2, "heads": 4, "context": 64, "hidden": 32}
GPT = {"kv_heads": 4}
LLAMA = {"kv_heads": 2, "norm": "rmsnorm", "position": "rope", "mlp": "swiglu", "tied": False}


@pytest.fixture(params=[GPT, LLAMA], ids=["gpt", "llama"])
def model(request):
    torch.manual_seed(0)
    model = TransformerLM(**SIZES, **request.param, bias=False).eval()
    for weight in model.parameters():
        weight.data *= 4  # probabilities far from uniform
    return model


@torch.no_grad()
def test_sequences_of_unlike_lengths_have_the_models_logits(model):
    texts = [torch.randint(40, (length,)) for length in (1, 9, 30)]
    cache = PagedCache(model, pages=20, page_size=4)
    for at in range(30):
        running = [number for number, text in enumerate(texts) if at < len(text)]
        logits = decode_step(model, [texts[number][at] for number in running], running, cache)
        for number, ours in zip(running, logits, strict=True):
            expected = model(texts[number][None, : at + 1])[0][0, -1]
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)
    assert cache.lengths == {0: 1, 1: 9, 2: 30}
    assert [len(table) for table in cache.tables.values()] == [1, 3, 8]
    assert cache.slots() == (48, 40)


@torch.no_grad()
def test_sequences_that_share_a_beginning_share_its_pages(model):
    prompt, ends = [5, 6, 7, 8, 9, 10], ([1, 2], [4, 5])
    cache = PagedCache(model, pages=3, page_size=4)  # apart they would need four
    for token in prompt:
        decode_step(model, [token], [0], cache)
    cache.fork(0, 1)
    for pair in zip(*ends, strict=True):
        logits = decode_step(model, pair, [0, 1], cache)
    for ours, end in zip(logits, ends, strict=True):
        expected = model(torch.tensor([prompt + end]))[0][0, -1]
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)
    assert cache.tables[0][0] == cache.tables[1][0]
    assert cache.tables[0][1] != cache.tables[1][1]
    cache.release(0)
    cache.release(1)
    assert sorted(cache.free) == [0, 1, 2]


def test_pages_come_back(model):
    cache = PagedCache(model, pages=2, page_size=4)
    for _ in range(5):
        cache.extend(7)
    with pytest.raises(MemoryError, match="no page of the cache is free"):
        cache.extend(8)
    cache.release(7)
    cache.extend(8)
    assert len(cache.free) == 1
