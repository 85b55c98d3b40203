"""What is saved is the moment of the call, whatever the training does while it is written."""

import pytest
import torch
from torch import nn

from brnb.train.checkpoint import Checkpoint

CPU = torch.device("cpu")


def state(value):
    return {"step": int(value), "model": {"w": torch.full((3, 2), float(value))}, "rows": [value]}


def test_a_state_that_changes_after_the_call_is_saved_as_it_was(tmp_path):
    with Checkpoint(tmp_path, "a") as checkpoint:
        now = state(1)
        checkpoint.save(now)
        now["model"]["w"].zero_()
        now["rows"].append(2)
    found = checkpoint.load(CPU)
    assert torch.equal(found["model"]["w"], torch.ones(3, 2))
    assert (found["step"], found["rows"]) == (1, [1])


def test_the_best_weights_are_those_saved_last_when_they_were_kept(tmp_path):
    with Checkpoint(tmp_path, "a") as checkpoint:
        for value in (1, 2, 3):
            checkpoint.save(state(value))
            if value == 2:
                checkpoint.keep_best()
        assert torch.equal(best(checkpoint), torch.full((3, 2), 2.0))
    again = Checkpoint(tmp_path, "a")
    assert again.load(CPU)["step"] == 3
    assert torch.equal(best(again), torch.full((3, 2), 2.0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.previous.pt", "a.pt"]


def best(checkpoint, shape=(3, 2)):
    model = nn.Module()
    model.w = nn.Parameter(torch.zeros(shape))
    checkpoint.load_best(model)
    return model.w.detach()


def test_a_gpu_without_room_for_a_copy_saves_all_the_same(tmp_path, monkeypatch):
    def full(*arguments, **keywords):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    part = torch.arange(6.0).view(3, 2).T  # not contiguous, as safetensors wants it
    with Checkpoint(tmp_path, "a") as checkpoint:
        monkeypatch.setattr(torch.Tensor, "clone", full)
        checkpoint.save({"model": {"w": part}})
        checkpoint.keep_best()
    assert torch.equal(best(checkpoint, (2, 3)), part)
    assert torch.equal(checkpoint.load(CPU)["model"]["w"], part)


def test_what_could_not_be_written_is_told_once(tmp_path):
    (tmp_path / "file").write_text("in the way")
    checkpoint = Checkpoint(tmp_path / "file", "a")
    checkpoint.save(state(1))
    checkpoint.keep_best()
    with pytest.raises(OSError, match="file"):
        checkpoint.wait()
    assert checkpoint.is_written()
