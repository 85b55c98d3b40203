"""Algorithm 21: the tokens of plain decoding, the speed that B.133 predicts, little waste."""

import pytest
import torch

from brnb.algorithms.continuous_batching import Request, padded_utilisation, serve
from brnb.algorithms.paged import PagedCache
from brnb.models.transformer import TransformerLM

BATCH = 8


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sizes = {"vocab_size": 40, "width": 16, "layers": 1, "heads": 2, "kv_heads": 2}
    model = TransformerLM(**sizes, context=512, hidden=32, bias=False).eval()
    for weight in model.parameters():
        weight.data *= 5
    return model


def requests(count, longest):
    """Lengths as from an exponential that is cut off (thesis B.3.3.1)."""
    drawn = torch.Generator().manual_seed(1)
    lengths = torch.empty(count).exponential_(3 / longest, generator=drawn).clamp(4, longest)
    prompts = torch.randint(40, (count, 3), generator=drawn).tolist()
    return [Request(prompt, int(n)) for prompt, n in zip(prompts, lengths, strict=True)]


@torch.no_grad()
def plainly(model, request):
    """Greedy decoding of one request with the model's own state."""
    logits, state = model(torch.tensor([request.prompt]))
    made = [int(logits[0, -1].argmax())]
    while len(made) < request.tokens:
        logits, state = model(torch.tensor([made[-1:]]), state)
        made.append(int(logits[0, -1].argmax()))
    return made


@pytest.mark.parametrize("continuous", [True, False])
def test_the_tokens_of_plain_decoding(model, continuous):
    asked = requests(20, 60)
    serve(model, asked, BATCH, PagedCache(model, 64), continuous)
    assert [request.made for request in asked] == [plainly(model, request) for request in asked]


def test_faster_than_padded_by_what_utilisation_predicts(model):
    """Steps of padded batches over steps of full ones: 1 over B.133, but for the last batch."""
    asked = requests(240, 40)
    together = serve(model, asked, BATCH, PagedCache(model, 64))
    padded = serve(model, requests(240, 40), BATCH, PagedCache(model, 64), continuous=False)
    predicted = padded_utilisation(asked, BATCH)
    assert padded.utilisation(BATCH) == pytest.approx(predicted)
    assert 0.3 < predicted < 0.7
    assert padded.steps / together.steps == pytest.approx(1 / predicted, rel=0.06)
    assert together.rows == padded.rows == sum(request.length for request in asked)


def test_under_four_percent_of_the_pages_is_wasted(model):
    """A page is half empty at its sequence's end: P / 2 of some hundreds of tokens."""
    asked = [Request([1] * n, 4) for n in (130, 150, 175, 205, 210, 235, 150, 240)]
    served = serve(model, asked, BATCH, PagedCache(model, 256, page_size=8))
    assert served.wasted < 0.04
