"""Steps that do not depend on how memory, processes and interruptions cut them."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import torch

from brnb.bases.attention import packed_attention
from brnb.bases.load import load_model, random_base
from brnb.bases.reading import OutOfBudget
from brnb.finetune import gradients as cut
from brnb.finetune import loop
from brnb.finetune.budget import MemoryPlan
from brnb.finetune.gradients import micro_batches
from brnb.finetune.loop import Finetuning, finetune
from brnb.finetune.lora import adapt, base_of, trained
from brnb.train.optimizer import warmup_and_cosine
from brnb.train.progress import TrainingDiverged

TRAIN, VALIDATION = tiny.packs(7), tiny.packs(2, seed=90)


def run(folder, **changed):
    model = tiny.model(busy=False)
    history = finetune(model, TRAIN, VALIDATION, tiny.params(**changed), folder, "data")
    return [p.data.clone() for p in trained(model)], history


def gradients(packs, tokens, folder):
    """Gradients of one step in micro-batches of `tokens`."""
    training = Finetuning(tiny.model(), TRAIN, tiny.params(), folder, "data")
    training.gradients.plan = MemoryPlan(tokens)
    with packed_attention(base_of(training.model)):
        training.gradients(packs)
    return [p.grad for p in training.parameters]


@pytest.mark.parametrize("count", [3, 1])  # a whole step, and the last one of an epoch
def test_a_step_is_the_mean_over_its_targets_however_it_is_cut(tmp_path, count):
    packs = TRAIN[-count:]
    model = tiny.model()
    nats = targets = 0
    for pack in packs:  # by transformers, one document at a time
        for ids, labels in zip(
            pack.ids.split(pack.lengths), pack.labels.split(pack.lengths), strict=True
        ):
            if number := int((labels >= 0).sum()):
                nats = nats + model(input_ids=ids[None], labels=labels[None]).loss * number
                targets += number
    expected = torch.autograd.grad(nats / targets, trained(model))
    for tokens in (1000, 48, 24):  # all at once, two packs, one
        for found, right in zip(gradients(packs, tokens, tmp_path), expected, strict=True):
            torch.testing.assert_close(found, right, rtol=1e-3, atol=1e-5)


def test_it_learns_and_says_what_it_took(tmp_path):
    _, history = run(tmp_path, epochs=6)
    assert history.train[-1]["loss"] < history.train[0]["loss"]
    assert history.tokens == 6 * sum(len(pack.ids) for pack in TRAIN)
    assert history.targets == 6 * sum(pack.targets for pack in TRAIN)
    assert history.resources()["plan_tokens"] == 24
    assert [point["step"] for point in history.validation] == [3, 6, 9, 12, 15, 18]


def test_validation_loss_is_transformers_own(tmp_path):
    model = tiny.model(busy=False)
    history = finetune(model, TRAIN, VALIDATION, tiny.params(), tmp_path, "data")
    nats = targets = 0
    with torch.no_grad():
        for pack in VALIDATION:
            for ids, labels in zip(
                pack.ids.split(pack.lengths), pack.labels.split(pack.lengths), strict=True
            ):
                if number := int((labels >= 0).sum()):
                    nats += model(input_ids=ids[None], labels=labels[None]).loss.item() * number
                    targets += number
    assert history.validation[-1]["loss"] == pytest.approx(nats / targets, rel=1e-5)


def test_memory_that_runs_out_splits_the_step_and_nothing_else(tmp_path, monkeypatch):
    expected = gradients(TRAIN[:3], 24, tmp_path / "a")
    whole = cut.PackLosses.__call__
    refused = []

    def short_of_memory(self, packs):
        if len(packs) > 1:
            refused.append(len(packs))
            raise torch.OutOfMemoryError("injected")
        return whole(self, packs)

    monkeypatch.setattr(cut.PackLosses, "__call__", short_of_memory)
    monkeypatch.setattr(loop, "check_head", lambda *_: None)
    training = Finetuning(tiny.model(), TRAIN, tiny.params(), tmp_path / "b", "data")
    training.gradients.plan = MemoryPlan(72)
    with packed_attention(base_of(training.model)):
        training.gradients(TRAIN[:3])
    assert (training.gradients.plan.tokens, training.gradients.out_of_memory) == (24, 1)
    assert refused == [3]
    for found, right in zip(training.parameters, expected, strict=True):
        torch.testing.assert_close(found.grad, right)


def test_a_pack_that_never_fits_says_what_to_do(tmp_path, monkeypatch):
    def full(self, packs):
        raise torch.OutOfMemoryError("injected")

    monkeypatch.setattr(loop, "check_head", lambda *_: None)
    monkeypatch.setattr(cut.PackLosses, "__call__", full)
    with pytest.raises(OutOfBudget, match="a single pack of 24 tokens does not fit: lower seq_len"):
        run(tmp_path)


CHILD = """
import os, signal, sys
sys.path[:0] = {path!r}
import tiny, test_finetune_loop as t
from brnb.finetune import gradients as cut
from brnb.finetune import loop
whole = loop.Finetuning.save
def save(self):
    whole(self)
    self.checkpoint.wait()
    if self.step == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
loop.Finetuning.save = save
from pathlib import Path
t.run(Path(sys.argv[1]))
"""


def test_killed_and_started_again_it_ends_with_the_same_bits(tmp_path):
    expected, history = run(tmp_path / "whole")
    here = Path(__file__).parent
    tests = here.parent
    child = CHILD.format(path=[str(here), str(tests / "small"), str(tests.parent)])
    command = [sys.executable, "-c", child, str(tmp_path / "killed"), "3"]
    done = subprocess.run(command, env=os.environ | {"TQDM_DISABLE": "1"}, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    found, resumed = run(tmp_path / "killed")
    assert resumed.interruptions == 1
    assert resumed.train == history.train
    assert resumed.validation == history.validation
    for ours, right in zip(found, expected, strict=True):
        assert torch.equal(ours, right)


def test_what_the_process_before_read_counts_as_read(tmp_path):
    params, again = tiny.params(), tiny.params()
    for p in (params, again):  # the second has nothing left to do
        finetune(tiny.model(), TRAIN, VALIDATION, p, tmp_path, "data")
    assert again.unread() == params.unread()


def test_other_data_is_another_training(tmp_path):
    run(tmp_path)
    model = tiny.model(busy=False)
    history = finetune(model, TRAIN, VALIDATION, tiny.params(), tmp_path, "other data")
    assert history.interruptions == 0
    states = [path for path in tmp_path.glob("*.pt") if "previous" not in path.name]
    assert len(states) == 2


def on_disk(folder):
    """A base that every process can load."""
    torch.manual_seed(0)
    random_base(tiny.CONFIG, False, torch.float32, tiny.CPU).save_pretrained(folder)
    return str(folder)


def chapter(base, folder, **changed):
    """What chapters 12 and 13 do with a base from `on_disk`."""
    p = tiny.params(**changed)
    model = adapt(load_model(base, p, tiny.CPU), p)
    history = finetune(model, TRAIN, VALIDATION, p, folder, "data")
    assert not {"grad_clip", "evaluate_every", "weight_decay"} & {*p.unread()}
    return [parameter.data for parameter in trained(model)], history


def test_a_chapter_trains_in_processes_of_its_own(tmp_path, monkeypatch):
    base = on_disk(tmp_path / "base")
    expected, alone = chapter(base, tmp_path / "one")
    monkeypatch.setenv("BRNB_PROCESSES", "2")
    # Seconds that are over at another step in each process: they have to agree on when to save.
    found, shared = chapter(base, tmp_path / "two", checkpoint_seconds=0.01)
    for name in ("train", "validation"):
        ours, right = getattr(shared, name), getattr(alone, name)
        assert [p["loss"] for p in ours] == pytest.approx([p["loss"] for p in right], rel=1e-3)
    assert (shared.processes, shared.interruptions, shared.earlier_seconds) == (2, 0, 0)
    assert shared.resources()["plan_tokens"] == 24
    assert (shared.tokens, shared.targets) == (alone.tokens, alone.targets)
    for ours, right in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-2, atol=1e-3)


def test_a_finished_training_keeps_what_it_took(tmp_path):
    _, first = run(tmp_path)
    _, again = run(tmp_path)
    kept = {k: v for k, v in first.resources().items() if not k.endswith("_seconds")}
    assert kept == {k: again.resources()[k] for k in kept}
    assert again.earlier_seconds == again.spent > 0
    assert again.seconds == pytest.approx(first.seconds)


def test_a_base_without_a_name_is_not_copied(tmp_path, monkeypatch):
    monkeypatch.setenv("BRNB_PROCESSES", "2")
    with pytest.raises(ValueError, match=r"take one of brnb\.bases\.load\.load_base"):
        run(tmp_path)


def test_the_progress_tells_loss_speed_and_time_left(tmp_path, capsys):
    run(tmp_path, epochs=3)
    last = capsys.readouterr().err.rsplit("\r", 1)[-1]
    shown = r"100%.* \d+/\d+ \[\d+:\d+<\d+:\d+, +[\d.]+k? token/s, loss \d\.\d{3}\]"
    assert re.search(shown, last)


def test_a_loss_that_is_no_number_stops_the_training(tmp_path):
    model = tiny.model(busy=False)
    training = Finetuning(model, TRAIN, tiny.params(), tmp_path, "data")
    training.summed[0] = float("nan")
    with pytest.raises(TrainingDiverged, match="Lower learning_rate"):
        training.log()


def test_a_model_without_adapters_is_refused(tmp_path):
    model = tiny.model()
    model.requires_grad_(False)
    with pytest.raises(ValueError, match="adapt first"):
        finetune(model, TRAIN, VALIDATION, tiny.params(), tmp_path, "data")


def test_adapters_come_from_the_seed_alone():
    first = tiny.model(busy=False)
    torch.manual_seed(99)
    second = adapt(tiny.random_base(tiny.CONFIG, True, torch.float32, tiny.CPU), tiny.params())
    other = tiny.model(busy=False, seed=4)
    pairs = list(zip(trained(first), trained(second), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not all(torch.equal(a, b) for a, b in zip(trained(first), trained(other), strict=True))
    assert all(p.dtype == torch.float32 for p in trained(tiny.model(dtype=torch.bfloat16)))


def test_the_learning_rate_rises_and_falls():
    rates = [warmup_and_cosine(step, 10, warmup_steps=2, low=0.1) for step in range(10)]
    assert rates[:3] == pytest.approx([0.5, 1, 1])
    assert warmup_and_cosine(10, 10, warmup_steps=2, low=0.1) == pytest.approx(0.1)
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_micro_batches_keep_the_order_and_the_limit():
    packs = tiny.packs(9)
    cut = micro_batches(packs, 50)
    assert [pack for group in cut for pack in group] == packs
    assert all(sum(len(p.ids) for p in group) <= 50 for group in cut)
    assert micro_batches(packs[:1], 1) == [packs[:1]]


def test_dropout_is_for_training_steps_alone(tmp_path):
    """Adapters that are trained on with dropout: transformers' layers, and losses without it."""
    model = tiny.model(dropout=0.5)
    history = finetune(model, TRAIN, VALIDATION, tiny.params(dropout=0.5), tmp_path, "data")
    assert not history.replayed
    model.eval()
    again = Finetuning(model, TRAIN, tiny.params(dropout=0.5), tmp_path / "again", "data")
    with packed_attention(base_of(model)):
        again.validate(VALIDATION)
    assert again.history.validation[-1]["loss"] == pytest.approx(history.validation[-1]["loss"])
