"""The training step against plain autograd, and what a recording relies on."""

import pytest
import torch
import torch.nn.functional as F

from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.train import recorded
from brnb.train.recorded import RecordedStep, Recording, aliases, make_step
from brnb.train.step import PlainStep

CPU = torch.device("cpu")
MODELS = {
    "gpt": lambda: TransformerLM(
        vocab_size=19, width=16, layers=3, heads=2, kv_heads=2, context=8, hidden=24
    ),
    "modern": lambda: TransformerLM(
        vocab_size=19, width=16, layers=3, heads=2, kv_heads=1, context=8, hidden=24,
        norm="rmsnorm", position="rope", mlp="relu2", tied=False, bias=False, qk_norm=True,
        value_embeddings=True, softcap=5.0,
    ),
    "lstm": lambda: RecurrentLM(19, 12, 2, 8),
    "gru": lambda: RecurrentLM(19, 12, 1, 8, "gru"),
}  # fmt: skip
every_model = pytest.mark.parametrize("kind", MODELS)


def prepare(kind):
    torch.manual_seed(0)
    model = MODELS[kind]().train()
    ids = torch.randint(19, (4, 9))
    return model, ids[:, :-1], ids[:, 1:]


def by_autograd(model, x, y, state=None):
    """Loss, gradients and state of the whole batch, the logits in full."""
    logits, new = model(x, state)
    loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
    return loss.detach(), torch.autograd.grad(loss, list(model.parameters())), new


def assert_gradients(model, expected):
    for parameter, true in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, true)


@every_model
def test_two_micro_batches_add_up_to_the_whole(kind):
    model, x, y = prepare(kind)
    _, before = model(x)
    state = tuple(part.detach() for part in before) or None
    expected, gradients, after = by_autograd(model, x, y, state)
    step = make_step(model, "fp32", CPU)
    losses, states = [], []
    for rows, share in ((slice(0, 3), 0.75), (slice(3, 4), 0.25)):
        part = None if state is None else tuple(s[:, rows].contiguous() for s in state)
        loss, new = step(x[rows], y[rows], part, share)
        assert not loss.requires_grad
        assert not any(s.requires_grad for s in new)
        losses.append(share * loss)
        states.append(new)
    torch.testing.assert_close(sum(losses), expected)
    assert_gradients(model, gradients)
    for parts, true in zip(zip(*states, strict=True), after, strict=True):
        torch.testing.assert_close(torch.cat(parts, dim=1), true)


def test_bf16_computes_in_autocast():
    model, x, y = prepare("gpt")
    expected, gradients, _ = by_autograd(model, x, y)
    loss, _ = make_step(model, "bf16", CPU)(x, y, None, 1.0)
    assert loss != expected
    assert loss.item() == pytest.approx(expected.item(), rel=0.01)
    off = sum((p.grad - g).norm() ** 2 for p, g in zip(model.parameters(), gradients, strict=True))
    assert off**0.5 < 0.03 * sum(g.norm() ** 2 for g in gradients) ** 0.5


@every_model
def test_aliases_share_the_storage_and_leave_no_trace(kind):
    model, x, y = prepare(kind)
    _, gradients, _ = by_autograd(model, x, y)
    own = list(model.parameters())
    with aliases(model) as weights:
        assert [w.data_ptr() for w in weights] == [p.data_ptr() for p in own]
        assert not {id(w) for w in weights} & {id(p) for p in own}
        loss, _ = model(x, None, y)
        found = torch.autograd.grad(loss, weights)
    for got, true in zip(found, gradients, strict=True):
        torch.testing.assert_close(got, true)
    assert all(p is q and p.grad is None for p, q in zip(model.parameters(), own, strict=True))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_recurrent_network_notices_no_aliases(kind):
    model, x, y = prepare(kind)
    for _ in range(2):
        with aliases(model):  # a network that notices copies its weights, and trains the copy
            assert not model.rnn._weights_have_changed()
            model(x, None, y)
        assert not model.rnn._weights_have_changed()
        assert all(
            a is b for a, b in zip(model.rnn._flat_weights, model.rnn.parameters(), strict=True)
        )


def test_weights_that_move_while_recorded_are_an_error():
    model, _, _ = prepare("lstm")
    own = list(model.parameters())
    with pytest.raises(RuntimeError, match="moved its weights"), aliases(model) as weights:
        weights[1].data = weights[1].data.clone()
    assert all(p is q for p, q in zip(model.parameters(), own, strict=True))


def test_aliases_are_taken_back_after_an_error():
    model, _, _ = prepare("gpt")
    own = list(model.parameters())
    with pytest.raises(torch.OutOfMemoryError), aliases(model):
        raise torch.OutOfMemoryError
    assert all(p is q for p, q in zip(model.parameters(), own, strict=True))


class Graph:
    """Does what a CUDA graph does: the same work on the same addresses."""

    def __init__(self, recording, plain):
        self.recording, self.plain = recording, plain

    def replay(self):
        r = self.recording
        loss, new, gradients = r._run(self.plain, r.parameters)
        for kept, found in zip(
            (r.loss, *r.new, *r.gradients), (loss, *new, *gradients), strict=True
        ):
            kept.copy_(found)


class OnCPU(Recording):
    """A recording whose graph is plain Python."""

    made = 0

    def __init__(self, plain, x, y):
        OnCPU.made += 1
        self.parameters = list(plain.model.parameters())
        self.scale = 4096.0  # a power of two: it may not show
        self.x, self.y, self.share = x.clone(), y.clone(), torch.ones(())
        self.state = ()
        self.state = tuple(torch.zeros_like(part) for part in self._run(plain, self.parameters)[1])
        self.loss, self.new, self.gradients = self._run(plain, self.parameters)
        self.graph = Graph(self, plain)


@every_model
def test_a_replay_is_a_step(kind, monkeypatch):
    monkeypatch.setattr(recorded, "Recording", OnCPU)
    model, x, y = prepare(kind)
    step, plain = RecordedStep(PlainStep(model, "fp32", CPU)), PlainStep(model, "fp32", CPU)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    state, OnCPU.made = None, 0
    for rows in (slice(0, 2), slice(2, 4), slice(0, 2), slice(1, 4)):
        for parameter in model.parameters():
            parameter.grad = None
        part = None if state is None else tuple(s[:, : len(x[rows])] for s in state)
        if part is not None and part and part[0].shape[1] < len(x[rows]):
            part = None
        expected = [plain(x[rows], y[rows], part, share) for share in (0.75, 0.25)]
        gradients = [parameter.grad for parameter in model.parameters()]
        for parameter in model.parameters():
            parameter.grad = None
        found = [step(x[rows], y[rows], part, share) for share in (0.75, 0.25)]
        torch.testing.assert_close(found, expected)
        assert_gradients(model, gradients)  # of both: added up
        optimizer.step()
        state = found[-1][1] or None
    assert OnCPU.made == 2  # two shapes


def test_weights_that_move_are_recorded_again(monkeypatch):
    monkeypatch.setattr(recorded, "Recording", OnCPU)
    model, x, y = prepare("lstm")
    step = RecordedStep(PlainStep(model, "fp32", CPU))
    first, _ = step(x, y, None, 1.0)
    for parameter in model.parameters():  # as nn.LSTM does in every .to()
        parameter.data = parameter.data.clone() * 1.5
        parameter.grad = None
    expected, gradients, _ = by_autograd(model, x, y)
    second, _ = step(x, y, None, 1.0)
    assert second != first
    torch.testing.assert_close(second, expected)
    assert_gradients(model, gradients)
    assert len(step.recordings) == 1
