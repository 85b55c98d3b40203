"""Recurrent models against the recurrences written out, and likelihood against a plain loop."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from brnb.models.likelihood import likelihood
from brnb.models.load import load_language_model
from brnb.models.recurrent import RecurrentLM
from brnb.models.store import save
from brnb.models.transformer import TransformerLM

SHAPE = {"vocab_size": 29, "hidden_size": 12, "layers": 2, "embedding_size": 8}
cells = pytest.mark.parametrize("cell", ["lstm", "gru"])


def build(cell, **change) -> RecurrentLM:
    torch.manual_seed(0)
    return RecurrentLM(**SHAPE | {"cell": cell} | change).eval()


def ids_for(rows=3, tokens=10):
    return torch.randint(29, (rows, tokens), generator=torch.Generator().manual_seed(1))


def numpy_weights(model):
    return {name: p.detach().double().numpy() for name, p in model.named_parameters()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(x, h, c, w, layer):
    """Hochreiter & Schmidhuber (1997) with forget gates (Gers et al., 2000); gates i, f, g, o."""
    gates = x @ w[f"rnn.weight_ih_l{layer}"].T + w[f"rnn.bias_ih_l{layer}"]
    gates = gates + h @ w[f"rnn.weight_hh_l{layer}"].T + w[f"rnn.bias_hh_l{layer}"]
    i, f, g, o = np.split(gates, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x, h, w, layer):
    """Cho et al. (2014), the reset gate after the product, as cuDNN; gates r, z, n."""
    from_x = np.split(x @ w[f"rnn.weight_ih_l{layer}"].T + w[f"rnn.bias_ih_l{layer}"], 3, axis=-1)
    from_h = np.split(h @ w[f"rnn.weight_hh_l{layer}"].T + w[f"rnn.bias_hh_l{layer}"], 3, axis=-1)
    r, z = (sigmoid(a + b) for a, b in zip(from_x[:2], from_h[:2], strict=True))
    n = np.tanh(from_x[2] + r * from_h[2])
    return (1 - z) * n + z * h


def by_the_book(model, ids, cell):
    """Logits (B, T, V) and the last hidden state (layers, B, H), in float64."""
    w = numpy_weights(model)
    h, c = np.zeros((2, 2, len(ids), 12))
    logits = []
    for column in ids.T:
        x = w["embedding.weight"][column]
        for layer in range(2):
            if cell == "lstm":
                h[layer], c[layer] = lstm_step(x, h[layer], c[layer], w, layer)
            else:
                h[layer] = gru_step(x, h[layer], w, layer)
            x = h[layer]
        logits.append(x @ w["head.weight"].T + w["head.bias"])
    return np.stack(logits, axis=1), h


@cells
def test_the_recurrence_is_the_published_one(cell):
    model, ids = build(cell).double(), ids_for()
    logits, state = model(ids)
    expected, h = by_the_book(model, ids.numpy(), cell)
    np.testing.assert_allclose(logits.detach().numpy(), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(state[0].detach().numpy(), h, rtol=0, atol=1e-12)


@cells
def test_two_halves_with_the_state_carried_are_one_whole(cell):
    model, ids = build(cell), ids_for()
    whole, end = model(ids)
    first, state = model(ids[:, :4])
    second, again = model(ids[:, 4:], state)
    torch.testing.assert_close(torch.cat((first, second), 1), whole)
    assert len(end) == len(again) == (2 if cell == "lstm" else 1)
    for a, b in zip(end, again, strict=True):
        torch.testing.assert_close(a, b)


@cells
def test_a_later_token_changes_nothing_earlier(cell):
    model, ids = build(cell), ids_for(rows=1)
    changed = ids.clone()
    changed[0, 6] = (ids[0, 6] + 1) % 29
    before, after = model(ids)[0], model(changed)[0]
    assert torch.equal(before[0, :6], after[0, :6])
    assert not torch.isclose(before[0, 6:], after[0, 6:]).all(-1).any()


@pytest.mark.parametrize(("cell", "gates"), [("lstm", 4), ("gru", 3)])
def test_the_size_is_the_textbook_formula(cell, gates):
    first, second = (gates * (12 * (inputs + 12) + 2 * 12) for inputs in (8, 12))
    expected = 29 * 8 + first + second + 29 * 12 + 29
    assert sum(p.numel() for p in build(cell).parameters()) == expected


def test_an_lstm_remembers_by_default():
    biases = {n: p for n, p in build("lstm").named_parameters() if n.startswith("rnn.bias_ih")}
    assert len(biases) == 2
    for bias in biases.values():
        assert bias[12:24].eq(1).all()
        assert not bias[:12].eq(1).any()


@cells
def test_a_stored_model_comes_back(cell, tmp_path):
    model, ids = build(cell, dropout=0.1), ids_for()
    files = save(model, tmp_path / "one")
    again = load_language_model(tmp_path / "one")
    assert torch.equal(model(ids)[0], again(ids)[0])
    assert [f.read_bytes() for f in files] == [
        f.read_bytes() for f in save(again, tmp_path / "two")
    ]


# Likelihood

TRANSFORMER = {"vocab_size": 29, "width": 16, "layers": 2, "heads": 2, "kv_heads": 1}
MODELS = {
    "lstm": lambda: build("lstm"),
    "gru": lambda: build("gru"),
    "transformer": lambda: TransformerLM(**TRANSFORMER, context=7, hidden=32),
}


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("length", [2, 7, 8, 9, 50])  # around a window of 7, and many
@torch.no_grad()
def test_likelihood_is_the_plain_loop(kind, length):
    torch.manual_seed(0)
    model = MODELS[kind]().train()
    row = np.random.default_rng(2).integers(29, size=length)
    found = likelihood(model, row, window=7, batch=3)
    assert model.training  # as it was before
    model.eval()
    nats, correct = 0.0, 0
    for start in range(0, length - 1, 7):
        ids = torch.from_numpy(row[start : start + 8])
        logits = model(ids[None, :-1])[0][0]
        nats += F.cross_entropy(logits, ids[1:], reduction="sum").item()
        correct += sum(int(a.argmax()) == b for a, b in zip(logits, ids[1:].tolist(), strict=True))
    assert found.tokens == length - 1
    assert found.nats == pytest.approx(nats, rel=1e-6)
    assert found.loss == pytest.approx(nats / (length - 1), rel=1e-6)
    assert found.correct == correct


def test_an_even_guess_costs_the_logarithm_of_the_vocabulary():
    model = build("gru")
    torch.nn.init.zeros_(model.head.weight)
    row = np.arange(100) % 29
    assert likelihood(model, row, window=10).loss == pytest.approx(np.log(29), rel=1e-6)


NO_MODELS = [b"", b"{", b"[]", b"null", b'{"kind": "RecurrentLM"}', b"\xff" * 99]


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
@pytest.mark.parametrize("content", NO_MODELS)
def test_a_damaged_model_is_named(name, content, tmp_path):
    save(build("gru"), tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} is damaged .*: run its chapter again"):
        load_language_model(tmp_path)


def test_weights_may_be_read_by_whom_the_umask_lets(tmp_path):
    save(build("gru"), tmp_path)
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1
