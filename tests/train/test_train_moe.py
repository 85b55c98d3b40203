"""Mixtures of experts in the training loop: the loss, the bias, the checkpoint."""

import pytest
import torch
from tiny_training import COMMON, LLAMA, TRAIN, VALIDATION, VOCABULARY

from brnb.models.moe import mixtures
from brnb.models.transformer import TransformerLM
from brnb.train import fast, swap
from brnb.train.loop import Training, train
from brnb.train.params import MoEParams
from brnb.train.step import PlainStep
from brnb.train.swap import swapped

CPU = torch.device("cpu")
FORM = {
    "dense": False, "experts": 4, "top_k": 2, "router": "sigmoid", "shared_hidden": 32,
    "groups": 1, "top_groups": 1, "balance_loss": 0.01, "bias_rate": 0.01, "hidden": 32,
}  # fmt: skip


def prepare(**change):
    """A small mixture from its seed, and how it is trained."""
    params = MoEParams(**COMMON | LLAMA | FORM | {"dropout": 0.0, "run_id": "moe"} | change)
    torch.manual_seed(params.seed)
    return TransformerLM(**params.choices(VOCABULARY)).train(), params


def ids(rows=16, tokens=8):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(VOCABULARY, (2, rows, tokens), generator=generator)


def test_a_step_minimises_the_loss_and_the_balancing_losses():
    model, _ = prepare(balance_loss=0.5)
    x, y = ids()
    loss, _ = model(x, None, y)
    more = torch.stack([part.balance for part in mixtures(model)]).sum()
    expected = torch.autograd.grad((loss + more) * 0.25, list(model.parameters()))
    found, _ = PlainStep(model, "fp32", CPU)(x, y, None, 0.25)
    assert torch.equal(found, loss.detach())  # what is shown is the loss alone
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize("mode", ["as they are", "traced"])
def test_fast_parts_of_a_mixture_are_the_plain_parts(mode, monkeypatch):
    torch.compiler.reset()  # forms that other tests compiled count towards the compiler's limit
    model, _ = prepare(balance_loss=0.5)
    x, y = ids()

    def gradients():
        loss, _ = model(x, None, y)
        objective = loss + model.auxiliary_loss()
        counts = [part.load.clone() for part in mixtures(model)]
        model.after_step(lambda tensor: tensor)
        for part in mixtures(model):
            part.bias.zero_()
        return loss.detach(), torch.autograd.grad(objective, list(model.parameters())), counts

    expected = gradients()
    monkeypatch.setattr(
        swap, "_compiled", lambda f: torch.compile(f, backend="aot_eager", fullgraph=True)
    )
    for part in mixtures(model):
        part.engine = "kernels"  # as an operation that a compiler does not look into
    with swapped(fast.step_swaps(model, "bf16"), compiled=mode == "traced"):
        for _ in range(2):
            found = gradients()
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_micro_batches_and_both_steps_count_every_token_once(tmp_path):
    model, params = prepare()
    training = Training(model, TRAIN, params, tmp_path, "data")
    training.progress.disable = True
    training.history.micro_batch = 2
    counted = []

    def after_step(total):
        counted.extend(float(part.load.sum()) for part in mixtures(model))
        TransformerLM.after_step(model, total)

    training.after_step = after_step
    training.advance()
    assert counted == [params.tokens_per_step * params.top_k] * params.layers
    assert any(part.bias.abs().sum() > 0 for part in mixtures(model))


def test_a_killed_training_of_a_mixture_ends_with_the_same_bits(tmp_path):
    whole, params = prepare()
    expected = train(whole, TRAIN, VALIDATION, params, tmp_path / "whole", "data")
    model, params = prepare()
    training = Training(model, TRAIN, params, tmp_path / "pieces", "data")
    training.progress.disable = True
    for _ in range(params.steps // 2):
        training.advance()
    training.save()
    training.checkpoint.wait()
    again, params = prepare()
    found = train(again, TRAIN, VALIDATION, params, tmp_path / "pieces", "data")
    assert found.validation[-1] == expected.validation[-1]
    biases = [name for name in whole.state_dict() if name.endswith("mlp.bias")]
    assert len(biases) == params.layers
    for name, weight in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight), name


def test_the_bias_evens_loads_without_a_loss():
    model, _ = prepare(balance_loss=0.0, bias_rate=0.01)
    part = next(mixtures(model)).train()
    tokens = torch.randn(512, 16, generator=torch.Generator().manual_seed(0)).abs()
    with torch.no_grad():
        torch.nn.init.normal_(part.router.weight, std=0.2)
        part.router.weight[0] += 1.0  # every token likes the first expert
    busiest = []
    for _ in range(100):
        part(tokens)
        busiest.append(float(part.load.max() / part.load.mean()))
        model.after_step(lambda tensor: tensor)
    assert busiest[0] == 2.0  # all of them went there: T of T·k/E
    assert busiest[-1] < 1.2


def test_a_mixture_trains_with_the_rest_of_it_in_8_bits():
    _, params = prepare(width=64, kv_heads=2)
    model = TransformerLM(**params.choices(64)).train()
    x = ids(32)[0]
    loss, _ = PlainStep(model, "fp8", CPU, fast.step_swaps)(x, x, None, 1.0)
    exact, _ = PlainStep(model, "fp32", CPU)(x, x, None, 1.0)
    torch.testing.assert_close(loss.float(), exact, rtol=0.02, atol=0.0)
    assert all(p.grad is not None for p in model.parameters())


def test_without_experts_the_parameters_say_a_dense_model():
    _, params = prepare()
    dense = params.model_copy(update={"dense": True})
    assert "experts" not in dense.choices(VOCABULARY)
