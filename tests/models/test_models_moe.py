"""Mixtures of experts against Transformers' on the same weights, and what keeps experts busy."""

import json

import pytest
import torch
from model_forms import FORMS, ids_for
from torch import nn
from transformers import DeepseekV3Config, MixtralConfig
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3MoE
from transformers.models.mixtral.modeling_mixtral import (
    MixtralSparseMoeBlock,
    load_balancing_loss_func,
)

from brnb.models.choices import Choices, Experts
from brnb.models.load import load_language_model
from brnb.models.moe import MoE, balancing_loss, choose_experts, mixtures, parameter_counts
from brnb.models.store import save
from brnb.models.transformer import MLP, TransformerLM
from brnb.ops.experts import ENGINES

WIDTH, HIDDEN = 24, 20
SOFTMAX = Experts(count=6, top_k=2)
SIGMOID = Experts(
    count=8, top_k=3, router="sigmoid", shared_hidden=HIDDEN, groups=4, top_groups=2, scale=2.5,
    bias_rate=0.01,
)  # fmt: skip
FORM = FORMS["v6"] | {"hidden": HIDDEN}
engines = pytest.mark.parametrize("engine", ENGINES)


def randomised(module):
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module


def mixtral():
    config = MixtralConfig(
        hidden_size=WIDTH, intermediate_size=HIDDEN, num_local_experts=6, num_experts_per_tok=2
    )
    theirs = randomised(MixtralSparseMoeBlock(config))
    ours = MoE(WIDTH, HIDDEN, SOFTMAX)
    return theirs, ours


def deepseek():
    config = DeepseekV3Config(
        hidden_size=WIDTH, moe_intermediate_size=HIDDEN, n_routed_experts=8, num_experts_per_tok=3,
        n_group=4, topk_group=2, n_shared_experts=1, routed_scaling_factor=2.5,
    )  # fmt: skip
    theirs = randomised(DeepseekV3MoE(config))
    nn.init.normal_(theirs.gate.e_score_correction_bias, std=0.2)
    shared = MLP(Choices(**FORM | {"width": WIDTH, "hidden": HIDDEN}))
    ours = MoE(WIDTH, HIDDEN, SIGMOID, shared)
    ours.bias.copy_(theirs.gate.e_score_correction_bias)
    for name in ("gate", "up", "down"):
        getattr(shared, name).weight.data = getattr(theirs.shared_experts, f"{name}_proj").weight
    return theirs, ours


@engines
@pytest.mark.parametrize("pair", [mixtral, deepseek])
def test_a_mixture_and_its_gradients_are_those_of_transformers(pair, engine):
    theirs, ours = pair()
    ours.router.weight.data = theirs.gate.weight.data.clone()
    ours.gate_up.data = theirs.experts.gate_up_proj.data.clone()
    ours.down.data = theirs.experts.down_proj.data.clone()
    ours.engine = engine
    x = torch.randn(2, 15, WIDTH, generator=torch.Generator().manual_seed(1))
    d = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    results = []
    for block, weights in (
        (theirs, (theirs.gate.weight, theirs.experts.gate_up_proj, theirs.experts.down_proj)),
        (ours, (ours.router.weight, ours.gate_up, ours.down)),
    ):
        leaf = x.clone().requires_grad_()
        y = block(leaf)
        results.append((y.detach(), *torch.autograd.grad(y, (leaf, *weights), d)))
    torch.testing.assert_close(results[1], results[0], rtol=1e-4, atol=1e-5)


def test_the_balancing_loss_is_that_of_transformers():
    logits = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    scores = logits.softmax(-1)
    chosen, _ = choose_experts(scores, None, SOFTMAX)
    found = balancing_loss(scores, torch.bincount(chosen.flatten(), minlength=6).float())
    torch.testing.assert_close(found, load_balancing_loss_func((logits,), 6, 2))


def test_the_balancing_loss_is_least_where_experts_are_equally_busy():
    even, count = torch.full((12, 6), 1 / 6), torch.full((6,), 4.0)
    assert balancing_loss(even, count).item() == pytest.approx(2)  # k
    one = torch.eye(6)[:1].repeat(12, 1)
    assert balancing_loss(one, torch.tensor([12.0, 12, 0, 0, 0, 0])).item() == pytest.approx(6)


def test_experts_come_from_the_best_groups_though_others_score_higher():
    scores = torch.tensor([[0.9, 0.1, 0.6, 0.5, 0.2, 0.3, 0.4, 0.35]])
    chosen, weights = choose_experts(scores, None, SIGMOID)
    # Sums of two: 1.0, 1.1, 0.5, 0.75. Groups 0 and 1 hold 0.9, 0.6 and 0.5.
    assert chosen.tolist() == [[0, 2, 3]]
    torch.testing.assert_close(weights, 2.5 * torch.tensor([[0.9, 0.6, 0.5]]) / 2.0)


def test_the_bias_chooses_and_does_not_weigh():
    scores = torch.tensor([[0.5, 0.3, 0.2]])
    c = Experts(count=3, top_k=1, router="sigmoid")
    chosen, weights = choose_experts(scores, torch.tensor([0.0, 0.0, 1.0]), c)
    assert chosen.tolist() == [[2]]
    assert weights.tolist() == [[1.0]]


def language_model(**experts):
    torch.manual_seed(0)
    return TransformerLM(**FORM | {"experts": {"count": 4, "top_k": 2} | experts})


def test_a_step_lifts_the_bias_of_idle_experts_and_lowers_that_of_busy_ones():
    model = language_model(router="sigmoid", bias_rate=0.01).train()
    model(ids_for(model), None, ids_for(model))
    loads = [part.load.clone() for part in mixtures(model)]
    assert all(load.sum() == 2 * ids_for(model).numel() for load in loads)
    model.after_step(lambda tensor: tensor)
    for part, load in zip(mixtures(model), loads, strict=True):
        expected = 0.01 * torch.sign(load.mean() - load)
        torch.testing.assert_close(part.bias, expected)
        assert part.load.sum() == 0


def test_evaluation_counts_nothing():
    model = language_model(router="sigmoid", bias_rate=0.01, balance_loss=0.1).eval()
    model(ids_for(model))
    assert model.auxiliary_loss() is None
    assert all(part.load.sum() == 0 for part in mixtures(model))


def test_the_balancing_loss_reaches_the_routers_once():
    model = language_model(balance_loss=0.1).train()
    model(ids_for(model), None, ids_for(model))
    model.auxiliary_loss().backward()
    assert all(part.router.weight.grad.abs().sum() > 0 for part in mixtures(model))
    assert all(part.gate_up.grad is None for part in list(mixtures(model))[-1:])
    assert model.auxiliary_loss() is None


def test_counts_of_parameters_by_hand():
    model = language_model(shared_hidden=10)
    expert, layers = 3 * 24 * HIDDEN, FORM["layers"]
    counts = parameter_counts(model)
    assert counts.routed == layers * 4 * expert
    assert counts.total - counts.active == layers * 2 * expert
    dense = parameter_counts(TransformerLM(**FORM | {"hidden": 2 * HIDDEN + 10}))
    assert counts.active - dense.total == layers * 4 * 24  # the routers
    assert dense.active == dense.total


def test_a_mixture_is_read_back_from_disk(tmp_path):
    model = language_model(router="sigmoid", bias_rate=0.01, shared_hidden=12).eval()
    next(mixtures(model)).bias.fill_(0.5)
    save(model, tmp_path)
    again = load_language_model(tmp_path)
    assert torch.equal(again(ids_for(model))[0], model(ids_for(model))[0])
    assert json.loads((tmp_path / "model.json").read_text())["arguments"]["experts"]["count"] == 4


def test_matrices_of_experts_are_hidden_matrices():
    model = language_model()
    hidden = {id(p) for p in model.parameters_by_kind()["hidden"]}
    assert all({id(part.gate_up), id(part.down)} <= hidden for part in mixtures(model))


@pytest.mark.parametrize(
    ("experts", "message"),
    [
        ({"count": 4, "top_k": 5}, "top_k = 5: it must be from 1 to count = 4"),
        ({"count": 6, "top_k": 2, "groups": 4}, "groups = 4: it must be a divisor of count"),
        ({"count": 8, "top_k": 3, "groups": 4}, "it must be what the chosen groups hold"),
        (
            {"count": 4, "top_k": 1, "bias_rate": 0.1},
            "it must be 0 with a softmax",
        ),
    ],
)
def test_experts_that_contradict_each_other_are_refused(experts, message):
    with pytest.raises(ValueError, match=message):
        TransformerLM(**FORM | {"experts": experts})


def test_experts_are_swiglu():
    with pytest.raises(ValueError, match=r"mlp = 'gelu': it must be swiglu"):
        TransformerLM(**FORM | {"mlp": "gelu", "experts": {"count": 4, "top_k": 2}})
