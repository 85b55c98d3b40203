"""Every kind of block: decoding with a cache, causality, what is kept, the training's forms."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from model_forms import build, ids_for
from model_kinds import BASE, KINDS, kinds

from brnb.models.cache import cache_elements
from brnb.models.choices import Choices
from brnb.models.export import to_llama
from brnb.models.load import load_language_model
from brnb.models.store import save
from brnb.models.transformer import TransformerLM
from brnb.train import fast, swap
from brnb.train.swap import swapped

ONE_GRAPH = ["local_global", "sinks", "mla_queries", "qk_learnt", "post", "sandwich"]


def model_of(kind) -> TransformerLM:
    return build(**BASE | KINDS[kind])


@kinds
@pytest.mark.parametrize("cuts", [(1,), (5, 6, 9), tuple(range(1, 12))])
@torch.no_grad()
def test_decoding_with_a_cache_is_the_whole_forward(kind, cuts):
    model = model_of(kind)
    ids = ids_for(model)
    whole, kept = model(ids)
    state, parts = None, []
    for start, end in pairwise([0, *cuts, 12]):
        logits, state = model(ids[:, start:end], state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(state, kept, rtol=1e-4, atol=1e-4)


MIXES = st.fixed_dictionaries(
    {
        "kv_heads": st.sampled_from([1, 2, 4]),
        "window": st.sampled_from([None, 1, 3, 8, 40]),
        "sinks": st.booleans(),
        "qk_norm": st.sampled_from([False, True, "learnt", "l2"]),
        "norm": st.sampled_from(["layernorm", "rmsnorm"]),
        "norm_place": st.sampled_from(["pre", "post", "sandwich", "reordered"]),
        "position": st.sampled_from(["rope", "learned"]),
        "mlp": st.sampled_from(["gelu", "swiglu", "relu2", "geglu", "relu"]),
        "attention_gate": st.booleans(),
        "value_embeddings": st.booleans(),
        "input_skip": st.booleans(),
        "bias": st.booleans(),
    }
)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(MIXES, st.booleans(), st.integers(1, 11))
@torch.no_grad()
def test_any_mix_of_choices_decodes_as_it_reads(mix, some_global, cut):
    if mix["window"] and some_global:
        mix["global_every"] = 2
    model = build(**BASE | mix)
    ids = ids_for(model)
    whole, kept = model(ids)
    first, state = model(ids[:, :cut])
    second, state = model(ids[:, cut:], state)
    torch.testing.assert_close(torch.cat((first, second), 1), whole, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(state, kept, rtol=1e-3, atol=1e-3)


@kinds
@torch.no_grad()
def test_what_is_kept_is_what_the_formula_says(kind):
    model = model_of(kind)
    for tokens in (1, 2, 5, 12):
        _, state = model(ids_for(model, rows=1, tokens=tokens))
        held = sum(part.numel() for part in state if part.dim() == 4)
        assert held == cache_elements(model.choices, tokens)


@kinds
@torch.no_grad()
def test_a_later_token_changes_nothing_earlier(kind):
    model = model_of(kind)
    ids = ids_for(model, rows=1)
    changed = ids.clone()
    changed[0, 7] = (changed[0, 7] + 1) % 61
    before, after = model(ids)[0], model(changed)[0]
    assert torch.equal(before[0, :7], after[0, :7])
    assert not torch.isclose(before[0, 7], after[0, 7]).all()


@torch.no_grad()
def test_a_window_ends_where_it_says():
    model = build(**BASE | {"window": 4, "layers": 1})
    ids = ids_for(model, rows=1)
    changed = ids.clone()
    changed[0, 2] = (changed[0, 2] + 1) % 61
    moved = ~torch.isclose(model(ids)[0], model(changed)[0]).all(-1)[0]
    assert moved.tolist() == [False] * 2 + [True] * 4 + [False] * 6  # tokens 2 to 5 see token 2


@pytest.mark.parametrize(
    ("kind", "traced"), [(k, False) for k in KINDS] + [(k, True) for k in ONE_GRAPH]
)
def test_fast_parts_are_the_plain_parts(kind, traced, monkeypatch):
    model = model_of(kind).train()
    ids = ids_for(model)

    def gradients():
        loss, state = model(ids, None, ids)
        assert state == ()
        return loss.detach(), torch.autograd.grad(loss, list(model.parameters()))

    plain = gradients()
    monkeypatch.setattr(
        swap, "_compiled", lambda f: torch.compile(f, backend="aot_eager", fullgraph=True)
    )
    with swapped(fast.step_swaps(model, "bf16"), compiled=traced):
        torch.testing.assert_close(gradients(), plain, rtol=1e-4, atol=1e-5)


@kinds
def test_bf16_autocast_trains_every_parameter(kind):
    torch.manual_seed(0)
    model = TransformerLM(**BASE | KINDS[kind]).train()
    ids = ids_for(model)
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = model(ids, None, ids)
    loss.backward()
    torch.testing.assert_close(loss.float(), model(ids, None, ids)[0], rtol=0.02, atol=0.02)
    silent = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    # alone with itself a token gives all its weight to itself, whatever its query
    alone = ("query.", "key.") if kind == "narrowest" else ()
    assert not {name for name in silent if not any(part in name for part in alone)}


@kinds
def test_every_parameter_has_one_kind_and_comes_back_from_disk(kind, tmp_path):
    model = model_of(kind)
    grouped = [p for group in model.parameters_by_kind().values() for p in group]
    assert sorted(map(id, grouped)) == sorted(map(id, model.parameters()))
    again = load_language_model(save(model, tmp_path)[0].parent)
    ids = ids_for(model)
    assert torch.equal(model(ids)[0], again(ids)[0])
    assert again.choices == model.choices


@pytest.mark.parametrize("kind", ["window", "sinks", "mla", "post", "qk_l2", "geglu", "yarn"])
def test_what_llama_cannot_express_is_not_exported(kind, tmp_path):
    with pytest.raises(ValueError, match="the Llama format cannot express"):
        to_llama(model_of(kind), tmp_path)


def test_products_in_8_bits_are_refused_where_there_are_none():
    with pytest.raises(ValueError, match="no products for mlp = 'relu'"):
        fast.step_swaps(model_of("relu"), "fp8")


def test_dropout_of_weights_spares_the_sinks():
    """Of equal keys a sink of logit 0 takes 1 / (n + 1), whatever is dropped of the others."""
    from brnb.ops.causal import causal_attention

    q, k, v = torch.zeros(3, 1, 2, 4, 8).unbind()
    y = causal_attention(q, k, v + 1, sinks=torch.zeros(2))
    torch.testing.assert_close(y[0, 0, :, 0], torch.tensor([1 / 2, 2 / 3, 3 / 4, 4 / 5]))
    torch.manual_seed(0)
    dropped = causal_attention(q, k, v + 1, sinks=torch.zeros(2), dropout=0.5)
    sixth = (dropped * 5 / 2)[:, :, 3]  # four weights of 1/5, doubled or dropped
    torch.testing.assert_close(sixth, sixth.round())


@pytest.mark.parametrize(("change", "message"), [
    ({"window": 0}, "window = 0: it must be at least 1"),
    ({"kv_rank": -8, "rope_dim": 4}, "kv_rank = -8: it must be at least 1"),
    ({"global_every": 2}, "global_every = 2: it needs a window; set one"),
    ({"window": 4, "global_every": 1}, "global_every = 1: all blocks see all: leave window out"),
    ({"local_rope_theta": 5.0}, r"local_rope_theta = 5\.0: it needs a window"),
    ({"kv_rank": 8}, "rope_dim = None: kv_rank needs an even rope_dim"),
    ({"kv_rank": 8, "rope_dim": 3}, "rope_dim = 3: kv_rank needs an even rope_dim"),
    ({"rope_dim": 4}, "rope_dim = 4: it needs kv_rank"),
    ({"kv_rank": 8, "rope_dim": 4, "kv_heads": 2}, "kv_heads = 2: .* set kv_heads = heads = 4"),
    ({"kv_rank": 8, "rope_dim": 4, "window": 4}, "window = 4: latent attention has none"),
    ({"kv_rank": 8, "rope_dim": 4, "position": "learned"}, "position = 'learned': kv_rank needs"),
    ({"qk_norm": "l3"}, r"qk_norm = 'l3': choose from \(False, True, 'learnt', 'l2'\)"),
    ({"norm_place": "between"}, "norm_place = 'between': choose from"),
    ({"rope_scaling": "cubic"}, "rope_scaling = 'cubic': choose from"),
    ({"rope_scaling": "yarn", "rope_factor": 2.0}, "original_context = None: .*'yarn' needs it"),
    ({"rope_scaling": "linear", "rope_factor": 0.5}, r"rope_factor = 0\.5: it must be at least 1"),
    ({"rope_factor": 2.0}, r"rope_factor = 2\.0: it needs a kind of rope_scaling"),
    ({"position": "learned", "rope_scaling": "ntk"}, "rope_scaling = 'ntk': it needs position"),
])  # fmt: skip
def test_choices_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Choices(**BASE | change)


def test_a_post_norm_leaves_every_token_of_unit_variance():
    model = TransformerLM(**BASE | KINDS["post"]).eval()
    hidden = model.hidden(ids_for(model))
    expected = F.layer_norm(hidden, (24,))
    torch.testing.assert_close(hidden, expected, rtol=1e-3, atol=1e-3)
