"""Out of memory: smaller micro-batches, the same batch, the same result."""

import pytest
import torch
from tiny_training import FORMS, TRAIN, VALIDATION, prepare

from brnb.train import gradients
from brnb.train.gradients import make_step
from brnb.train.loop import Training, train


def a_gpu_has_no_more():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")


def a_cpu_has_no_more():
    torch.empty(2**60, dtype=torch.uint8)


@pytest.fixture
def room_for(monkeypatch):
    """``room_for(2)`` lets a step of more than two sequences run out of memory, half-way."""

    def set_room(rows, from_step=0, fail=a_gpu_has_no_more):
        calls = 0

        def limited(*arguments):
            step = make_step(*arguments)

            def run(x, y, state, share):
                nonlocal calls
                calls += 1
                if len(x) > rows and calls > from_step:
                    step(x[:1], y[:1], state and tuple(s[:, :1] for s in state), 1.0)  # some grads
                    fail()
                return step(x, y, state, share)

            return run

        monkeypatch.setattr(gradients, "make_step", limited)

    return set_room


def run(form, folder, **change):
    model, params = prepare(form, dropout=0.0, **change)
    return train(model, TRAIN, VALIDATION, params, folder, "data")


@pytest.mark.parametrize("from_step", [0, 6], ids=["at once", "later"])
@pytest.mark.parametrize("form", FORMS)
def test_halves_keep_the_result(form, from_step, room_for, tmp_path, capsys):
    change = {"batch_size": 5, "tokens": 480}
    expected = run(form, tmp_path / "whole", **change)
    room_for(2, from_step)
    found = run(form, tmp_path / "parts", **change)
    assert (found.micro_batch, found.out_of_memory) == (2, 2)  # 5, 3, 2
    assert (expected.micro_batch, expected.out_of_memory) == (5, 0)
    resources = found.resources()
    assert (resources["micro_batch"], resources["out_of_memory"]) == (2, 2)
    losses = [[row["loss"] for row in h.train + h.validation] for h in (expected, found)]
    # Muon rounds to bf16: of its updates, not only of sums, less is the same.
    assert losses[1] == pytest.approx(losses[0], rel=2e-3 if form == "v7" else 1e-5)
    assert "now 2, with the same batch of 5" in capsys.readouterr().err


def test_a_cpu_without_memory_halves_too(room_for, tmp_path, capsys):
    room_for(2, fail=a_cpu_has_no_more)
    history = run("v4", tmp_path, batch_size=5, tokens=480)
    assert (history.micro_batch, history.out_of_memory) == (2, 2)
    assert "can't allocate memory: you tried to allocate" in capsys.readouterr().err


def test_another_error_is_no_lack_of_memory(room_for, tmp_path):
    room_for(2, fail=lambda: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="size"):
        run("v4", tmp_path)


def test_one_sequence_that_does_not_fit_says_what_to_lower(room_for, tmp_path):
    room_for(0)
    with pytest.raises(MemoryError, match=r"2 GiB.*one sequence at a time: lower seq_len"):
        run("v4", tmp_path)


def test_the_gradient_is_that_of_the_mean_over_all_tokens(room_for, tmp_path):
    room_for(3)
    model, params = prepare("v6", dropout=0.0, batch_size=5, tokens=480, grad_clip=1e9)
    training = Training(model, TRAIN, params, tmp_path, "data")
    training.progress.disable = True
    batch = training.data.batch(0)
    logits = model(batch.x)[0].flatten(0, 1)
    expected = torch.autograd.grad(
        torch.nn.functional.cross_entropy(logits, batch.y.flatten()), training.parameters
    )
    training.gradients(batch, None)
    for parameter, gradient in zip(training.parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
