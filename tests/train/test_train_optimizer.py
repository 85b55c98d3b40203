"""Which parameter is trained how, and the course of the rates."""

from copy import deepcopy

import pytest
import torch

from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.train.muon import Muon
from brnb.train.optimizer import learning_rate_share, make_optimizer
from brnb.train.params import ModernParams, Recipe, TransformerParams, V6Params

PLAIN = {
    "profile": "test", "run_id": "test", "seed": 3, "lang": "en", "tokenizer": "none",
    "cleaning": "early", "tokens": 100 * 8, "batch_size": 1, "seq_len": 8,
    "learning_rate": 1e-2, "final_learning_rate": 0.1, "warmup_steps": 20, "weight_decay": 0.3,
    "grad_clip": 1.0, "precision": "fp32", "device": "cpu", "log_every": 5, "evaluate_every": 4,
    "checkpoint_seconds": 1e9, "validation_documents": 1, "sample_tokens": 4, "sample_seeds": 1,
    "temperature": 1.0, "top_p": 1.0, "dropout": 0.0, "width": 16, "layers": 2, "heads": 2,
    "kv_heads": 2, "hidden": 24, "norm": "rmsnorm", "position": "rope", "mlp": "swiglu",
    "bias": False, "tied": True,
}  # fmt: skip
MODERN = PLAIN | {
    "mlp": "relu2", "tied": False, "qk_norm": True, "zero_init": True, "embedding_std": 1.0,
    "value_embeddings": True, "attention_gate": True, "input_skip": True,
    "softcap": 15.0, "optimizer": "muon", "matrix_learning_rate": 2e-2,
    "embedding_learning_rate": 3e-2, "schedule": "trapezoid", "cooldown": 0.4, "warmup_steps": 0,
}  # fmt: skip

FORM = "qk_norm", "value_embeddings", "attention_gate", "input_skip"  # of v7, not of Llama


def modern(**change):
    params = ModernParams(**MODERN | change)
    return TransformerLM(**params.choices(19)), params


def told_of(optimizer):
    """Which parameter is trained by what, and how."""
    return [
        (type(part), [id(p) for p in group["params"]], group | {"params": None})
        for part in optimizer.parts
        for group in part.param_groups
    ]


def test_the_cosine_is_that_of_torch():
    params = TransformerParams(**PLAIN)  # 20 steps of warm-up, then 80
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 80, eta_min=0.1)
    found = [learning_rate_share(step, params) for step in range(100)]
    assert found[:20] == pytest.approx([(step + 1) / 20 for step in range(20)])
    for rate in found[20:]:
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        cosine.step()


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.1), (9, 1.0), (10, 1.0), (60, 1.0), (80, 0.6), (99, 0.22)]
)
def test_the_trapezoid_rises_stays_and_falls(step, share):
    # 10 steps up, constant up to step 60, then 40 steps down to 0.2
    params = ModernParams(**MODERN | {"warmup_steps": 10, "final_learning_rate": 0.2})
    assert learning_rate_share(step, params) == pytest.approx(share)


def test_a_modern_cosine_is_the_plain_one():
    cosine = ModernParams(**MODERN | {"schedule": "cosine", "warmup_steps": 20})
    plain = TransformerParams(**PLAIN)
    assert [learning_rate_share(s, cosine) for s in range(100)] == [
        learning_rate_share(s, plain) for s in range(100)
    ]


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_plain_params_decay_matrices_with_one_rate(kind):
    params = TransformerParams(**PLAIN)
    lstm = RecurrentLM(19, 12, 2, 8, "lstm", 0.0)
    model = lstm if kind == "lstm" else TransformerLM(**params.choices(19))
    optimizer = make_optimizer(model, params)
    assert [type(part) for part in optimizer.parts] == [torch.optim.AdamW]
    matrices, vectors = optimizer.param_groups
    assert (matrices["peak"], vectors["peak"]) == (1e-2, 1e-2)
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.3, 0.0)
    assert all(p.dim() == 2 for p in matrices["params"])
    assert all(p.dim() == 1 for p in vectors["params"])


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", ["adamw", "muon", "normuon"])
def test_modern_params_have_a_peak_a_kind(kind, tied):
    model, params = modern(optimizer=kind, tied=tied)
    optimizer = make_optimizer(model, params)
    hidden, embeddings, others = optimizer.param_groups
    assert isinstance(optimizer.parts[0], torch.optim.AdamW if kind == "adamw" else Muon)
    assert getattr(optimizer.parts[0], "normalise", False) == (kind == "normuon")
    assert [group["peak"] for group in (hidden, embeddings, others)] == [2e-2, 3e-2, 1e-2]
    assert [g["weight_decay"] for g in (hidden, embeddings, others)] == [0.3, 0.0, 0.0]
    assert [g.get("betas") for g in (embeddings, others)] == [(0.5, 0.95), (0.9, 0.95)]
    # 2 blocks of query, key, value, out, gate, up, down; one of them with a value embedding
    assert len(hidden["params"]) == 14
    assert sorted(tuple(p.shape) for p in embeddings["params"]) == [(19, 16), (19, 16)]
    found = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(found) == sorted(id(p) for p in model.parameters())


def test_v6_trains_by_the_recipe_of_v7_or_as_ever():
    plain = V6Params(**PLAIN | {"recipe": None})
    told = {name: MODERN[name] for name in Recipe.model_fields}
    v6 = V6Params(**PLAIN | {"tied": False, "warmup_steps": 0, "recipe": told})
    v7 = ModernParams(**MODERN | {"mlp": "swiglu"} | dict.fromkeys(FORM, False) | {"softcap": None})
    assert plain.choices(19) == TransformerParams(**PLAIN).choices(19)
    assert TransformerLM(**v6.choices(19)).choices == TransformerLM(**v7.choices(19)).choices
    for ours, same in ((plain, TransformerParams(**PLAIN)), (v6, v7)):
        model = TransformerLM(**ours.choices(19))
        found, expected = (told_of(make_optimizer(model, params)) for params in (ours, same))
        assert found == expected
        assert [learning_rate_share(s, ours) for s in range(100)] == [
            learning_rate_share(s, same) for s in range(100)
        ]


def test_modern_params_want_a_model_that_tells_its_parameters_apart():
    with pytest.raises(TypeError, match="train a TransformerLM, not a RecurrentLM"):
        make_optimizer(RecurrentLM(19, 12, 2, 8, "lstm", 0.0), ModernParams(**MODERN))


def test_both_optimizers_continue_from_their_state():
    def step(model, optimizer, seed):
        ids = torch.randint(19, (2, 9), generator=torch.Generator().manual_seed(seed))
        logits, _ = model(ids[:, :-1])
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()

    torch.manual_seed(0)
    model, params = modern(optimizer="normuon")
    optimizer = make_optimizer(model, params)
    step(model, optimizer, 0)
    weights = {name: part.clone() for name, part in model.state_dict().items()}
    state = deepcopy(optimizer.state_dict())  # as a file would
    copy, _ = modern()
    copy.load_state_dict(weights)
    again = make_optimizer(copy, params)
    again.load_state_dict(state)
    for seed in (1, 2):
        step(model, optimizer, seed)
        step(copy, again, seed)
    assert again.param_groups[0]["peak"] == 2e-2
    for name, weight in model.state_dict().items():
        assert torch.equal(copy.state_dict()[name], weight), name
