"""A training that dies anywhere and is started again ends with the same bits."""

import numpy as np
import pytest
import torch
from tiny_training import COMMON, LLAMA, TRAIN, VALIDATION, VOCABULARY, prepare

from brnb.models.likelihood import likelihood
from brnb.train.loop import Training, train
from brnb.train.params import TransformerParams
from brnb.train.progress import TrainingDiverged

KINDS = ("v2", "v4", "v6")


class Killed(Exception):
    """The process died here."""


def run(model, params, folder):
    return train(model, TRAIN, VALIDATION, params, folder, "data")


def kill_after(model, steps):
    """Let a model die in the forward pass of a training step."""
    seen = 0

    def hook(module, args):
        nonlocal seen
        seen += module.training
        if seen > steps:
            raise Killed

    model.register_forward_pre_hook(hook)


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["often", "rarely"])
@pytest.mark.parametrize("deaths", [(1,), (3, 4), (11,)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_training_ends_with_the_same_bits(kind, deaths, seconds, tmp_path):
    whole, params = prepare(kind, checkpoint_seconds=seconds)
    expected = run(whole, params, tmp_path / "whole")
    for steps in deaths:
        model, params = prepare(kind, checkpoint_seconds=seconds)
        kill_after(model, steps)
        with pytest.raises(Killed):
            run(model, params, tmp_path / "pieces")
    model, params = prepare(kind, checkpoint_seconds=seconds)
    found = run(model, params, tmp_path / "pieces")
    assert found.train == expected.train
    assert found.validation == expected.validation
    for name, weight in whole.state_dict().items():
        assert torch.equal(model.state_dict()[name], weight), name


def test_what_the_process_before_read_counts_as_read(tmp_path):
    model, params = prepare("v6")
    run(model, params, tmp_path)
    model, again = prepare("v6")
    assert "learning_rate" in again.unread()
    run(model, again, tmp_path)  # nothing is left to do, and so nothing reads it
    assert again.unread() == params.unread()


@pytest.mark.parametrize("kind", KINDS)
def test_training_learns_and_notes_what_it_saw(kind, tmp_path):
    long = {"tokens": 400 * 32, "evaluate_every": 200, "checkpoint_seconds": 1e9}
    model, params = prepare(kind, dropout=0.0, **long)
    first = likelihood(model, VALIDATION, params.seq_len).loss
    history = run(model, params, tmp_path)
    assert first == pytest.approx(np.log(VOCABULARY), abs=0.1)
    # a walk of three equally probable steps costs ln 3 a token
    assert np.log(3) - 0.1 < history.validation[-1]["loss"] < first - 0.3
    assert (history.tokens, history.pass_tokens) == (12_800, 400)


def test_the_best_weights_are_kept_beside_the_last(tmp_path):
    model, params = prepare("v2")
    training = Training(model, TRAIN, params, tmp_path, "data")
    training.progress.disable = True
    training.validate(VALIDATION)
    good = {name: weight.clone() for name, weight in model.state_dict().items()}
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight))
    training.step = 1
    training.validate(VALIDATION)
    training.checkpoint.wait()
    assert training.history.best == training.history.validation[0]
    training.checkpoint.load_best(model)
    assert all(torch.equal(model.state_dict()[name], weight) for name, weight in good.items())
    best = likelihood(model, VALIDATION, params.seq_len).loss
    assert best == training.history.best["loss"]


def test_the_best_weights_are_what_the_model_has_if_asked(tmp_path):
    model, params = prepare("v6", dropout=0.0)
    seen = 0

    def spoil(module, args):
        nonlocal seen
        seen += module.training
        if seen == 9:
            torch.nn.init.normal_(module.embedding.weight, std=3.0)

    model.register_forward_pre_hook(spoil)
    history = train(model, TRAIN, VALIDATION, params, tmp_path, "data", keep="best")
    assert history.best["step"] == 8
    assert likelihood(model, VALIDATION, params.seq_len).loss == history.best["loss"]


def test_a_loss_that_is_no_number_stops_with_step_and_checkpoint(tmp_path):
    model, params = prepare("v4", log_every=3, evaluate_every=4, checkpoint_seconds=1e9)
    seen = 0

    def poison(module, args):
        nonlocal seen
        seen += module.training
        if seen == 8:
            module.head.bias.data.fill_(float("nan"))

    model.register_forward_pre_hook(poison)
    with pytest.raises(TrainingDiverged, match=r"nan by step 8; the last good state is .*\.pt"):
        run(model, params, tmp_path)
    again, params = prepare("v4", log_every=3, evaluate_every=4, checkpoint_seconds=1e9)
    assert Training(again, TRAIN, params, tmp_path, "data").step == 4


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    model, params = prepare("v6")
    training = Training(model, TRAIN, params, tmp_path, "data")
    training.progress.disable = True
    training.advance()
    training.save()
    model.embedding.weight.data[3, 3] = float("nan")  # by an update, of which no loss has told yet
    with pytest.raises(TrainingDiverged, match=r"the weights became nan by step 1; the last good"):
        training.save()
    again, params = prepare("v6")
    resumed = Training(again, TRAIN, params, tmp_path, "data")
    assert resumed.step == 1
    assert again.embedding.weight.isfinite().all()


def test_a_checkpoint_that_cannot_be_written_is_told(tmp_path):
    model, params = prepare("v4")
    (tmp_path / "file").write_text("in the way")
    training = Training(model, TRAIN, params, tmp_path / "file", "data")
    training.progress.disable = True
    training.advance()
    training.save()
    with pytest.raises(OSError, match="file"):
        training.checkpoint.wait()


@pytest.mark.parametrize(("name", "value"), [("heads", 3), ("kv_heads", 4), ("sample_tokens", 8)])
def test_contradictions_are_found_before_training(name, value):
    with pytest.raises(ValueError, match="must be"):
        TransformerParams(**COMMON | LLAMA | {name: value})
