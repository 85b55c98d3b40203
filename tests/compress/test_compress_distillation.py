"""Lessons against Hinton's formulas, refusals, and a training that a kill does not change."""

import pytest
import torch
import torch.nn.functional as F
from model_forms import FORMS, build, ids_for
from tiny_training import COMMON, LLAMA, VOCABULARY, row

from brnb.compress.distillation import (
    Distillation,
    require_same_tokens,
    require_smaller,
    softened_divergence,
)
from brnb.models.transformer import TransformerLM
from brnb.train.loop import Training, train
from brnb.train.params import V6Params

TEACHER = build(**FORMS["v6"])
SMALL = FORMS["v6"] | {"width": 16, "layers": 1, "hidden": 24}
PARAMS = V6Params(**(COMMON | LLAMA | {"dropout": 0.0, "recipe": None}))


def pupil(lesson, temperature=2.0, share=0.3, hidden_weight=0.5):
    torch.manual_seed(5)
    return Distillation(build(**SMALL), TEACHER, lesson, temperature, share, hidden_weight)


def test_the_loss_is_hintons():
    model, ids, targets = pupil("logits"), ids_for(TEACHER), ids_for(TEACHER).roll(-1, 1)
    ours, theirs = model.student(ids)[0].flatten(0, 1), TEACHER(ids)[0].flatten(0, 1)
    soft = F.kl_div((ours / 2).log_softmax(-1), (theirs / 2).softmax(-1), reduction="batchmean")
    expected = 0.7 * F.cross_entropy(ours, targets.flatten()) + 0.3 * 4 * soft
    torch.testing.assert_close(model.train()(ids, None, targets)[0], expected)


def test_at_high_temperature_it_is_the_squared_distance_of_centred_logits():
    """Hinton et al. (2015), Eq. 4: the gradient tends to (z - v) / N, here that of half of it."""
    ours, theirs = torch.randn(1, 4, 9).double(), torch.randn(1, 4, 9).double()
    centred = [part - part.mean(-1, keepdim=True) for part in (ours, theirs)]
    limit = (centred[0] - centred[1]).square().sum(-1).mean() / (2 * 9)
    torch.testing.assert_close(softened_divergence(theirs, ours, 1e4), limit, rtol=1e-3, atol=0)


def test_a_last_layer_that_is_the_teachers_costs_nothing_more():
    model = Distillation(build(**FORMS["v6"]), TEACHER, "hidden", 1.0, 1.0, 3.0)
    model.bridge.weight.data = torch.eye(24)
    ids = ids_for(TEACHER)
    assert model(ids, None, ids)[0].item() == pytest.approx(0, abs=1e-5)
    model.bridge.weight.data = -torch.eye(24)
    assert model(ids, None, ids)[0].item() == pytest.approx(
        3 * 4, rel=1e-3
    )  # (1 - -1)² of unit rms


def test_text_alone_is_the_students_own_loss():
    model, ids = pupil("text"), ids_for(TEACHER)
    torch.testing.assert_close(model(ids, None, ids)[0], model.student(ids, None, ids)[0])


def test_the_teacher_is_in_no_checkpoint_and_learns_nothing():
    model, ids = pupil("hidden"), ids_for(TEACHER)
    assert {name.split(".")[0] for name in model.state_dict()} == {"student", "bridge"}
    model(ids, None, ids)[0].backward()
    assert all(parameter.grad is None for parameter in TEACHER.parameters())
    assert all(parameter.grad is not None for parameter in model.parameters())
    counted = sum(p.numel() for kind in model.parameters_by_kind().values() for p in kind)
    assert counted == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("change", "says"),
    [({"width": 32}, r"student.width = 32 is more than the teacher's 24"),
     ({"hidden": 48}, "student.hidden = 48"), ({"layers": 4}, "student.layers = 4"),
     ({"vocab_size": 60}, "60 ids and the teacher 61")],
)  # fmt: skip
def test_a_larger_student_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        require_smaller(TransformerLM(**(FORMS["v6"] | change)), TEACHER)


class Letters:
    def __init__(self, name, shift):
        self.name, self.shift = name, shift

    def encode_batch(self, texts):
        return [[ord(c) + self.shift * (c == "ç") for c in text] for text in texts]


def test_a_teacher_that_reads_other_tokens_is_refused_by_the_probe():
    require_same_tokens(Letters("a", 0), Letters("b", 0), ["ação"])
    require_same_tokens(Letters("a", 0), Letters("b", 1), ["acao"])
    with pytest.raises(ValueError, match=r"'ação' as other tokens.*teacher's tokenizer, 'b'"):
        require_same_tokens(Letters("a", 0), Letters("b", 1), ["ação"])


def small_training(folder, steps=None):
    torch.manual_seed(1)
    teacher = TransformerLM(**PARAMS.choices(VOCABULARY))
    torch.manual_seed(2)
    form = PARAMS.choices(VOCABULARY) | {"width": 8, "layers": 1, "hidden": 12}
    model = Distillation(TransformerLM(**form), teacher, "hidden", 2.0, 0.5, 1.0)
    task = row(600, 0), row(100, 1), PARAMS, folder, "data"
    if steps is None:
        return train(model, *task), model
    training = Training(model, task[0], *task[2:])
    for _ in range(steps):
        training.advance()
    with training.checkpoint:
        training.save()
    return None


def test_a_killed_distillation_ends_with_the_same_bits(tmp_path):
    whole, model = small_training(tmp_path / "a")
    small_training(tmp_path / "b", steps=5)
    again, resumed = small_training(tmp_path / "b")
    assert again.interruptions == 1
    assert whole.validation[-1]["loss"] == again.validation[-1]["loss"]
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name])
