"""The Transformer against the formulas, and published sizes."""

import cmath
import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from model_forms import FORMS, LLAMA, SHAPE, build, forms, ids_for

from brnb.models.choices import Choices
from brnb.models.load import load_language_model
from brnb.models.store import save
from brnb.models.transformer import Attention, TransformerLM
from brnb.ops.rope import rope_table, rotate


def size(**choices) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in TransformerLM(**choices).parameters())


# The formulas


def by_the_book(q, k, v):
    """Eq. 3.1 for one head and one query at a time; (T, d) each."""
    rows = []
    for i in range(len(q)):
        scores = torch.stack([q[i] @ k[j] / math.sqrt(q.shape[1]) for j in range(i + 1)])
        weights = scores.exp() / scores.exp().sum()
        rows.append(sum(w * v[j] for j, w in enumerate(weights)))
    return torch.stack(rows)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_attention_is_equation_3_1(kv_heads):
    attention = build(**SHAPE, kv_heads=kv_heads).double().blocks[0].attention
    x = torch.randn(1, 7, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    y, _, _ = attention(x, None, None, ())
    q, k, v = (m(x)[0].split(6, dim=-1) for m in (attention.query, attention.key, attention.value))
    share = 4 // kv_heads  # query heads that read the same keys and values
    heads = [by_the_book(q[h], k[h // share], v[h // share]) for h in range(4)]
    torch.testing.assert_close(y[0], attention.out(torch.cat(heads, -1)), rtol=0, atol=1e-12)


def test_shared_heads_are_copied_heads():
    shared, full = (Attention(Choices(**SHAPE, kv_heads=n), False) for n in (2, 4))
    weights = shared.state_dict()
    for name in [n for n in weights if n.startswith(("key", "value"))]:
        weights[name] = weights[name].unflatten(0, (2, 6)).repeat_interleave(2, 0).flatten(0, 1)
    full.load_state_dict(weights)
    x = torch.randn(2, 9, 24, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(shared(x, None, None, ())[0], full(x, None, None, ())[0])


def test_rope_multiplies_by_unit_complex_numbers():
    x = torch.randn(1, 1, 5, 8, generator=torch.Generator().manual_seed(4))
    numbers = torch.complex(x[..., :4], x[..., 4:])
    for m in range(5):
        for i in range(4):
            numbers[..., m, i] *= cmath.exp(1j * m * 10_000 ** (-2 * i / 8))
    expected = torch.cat((numbers.real, numbers.imag), -1)
    torch.testing.assert_close(rotate(x, *rope_table(5, 8, 10_000.0)), expected)


def modern_by_the_book(model, ids):
    """v7, written out from its definition for one row of ids; logits (T, V)."""
    w, c = dict(model.named_parameters()), model.choices

    def rms(x):
        return x / (x.pow(2).mean(-1, keepdim=True) + c.norm_eps).sqrt()

    angles = torch.arange(len(ids)).double()[:, None] * c.rope_theta ** (
        -torch.arange(0, 6, 2).double() / 6
    )
    turn = torch.polar(torch.ones_like(angles), angles)

    def turned(x):
        y = torch.complex(*x.chunk(2, -1)) * turn
        return torch.cat((y.real, y.imag), -1)

    x = start = w["embedding.weight"][ids]
    for i in range(c.layers):
        b = f"blocks.{i}."
        kept, again = w[b + "mix"]
        x = kept * x + again * start
        n = rms(x) * w[b + "attention_norm.weight"]
        v = n @ w[b + "attention.value.weight"].T
        if i in (0, 2):  # every second of three, the last included
            a, e = w[b + "attention.mix"]
            v = a * v + e * w[b + "attention.value_embedding.weight"][ids]
        q, k = (n @ w[b + f"attention.{name}.weight"].T for name in ("query", "key"))
        heads = [
            by_the_book(turned(rms(q[:, h])), turned(rms(k[:, h])), v[:, h])
            for h in (slice(s, s + 6) for s in range(0, 24, 6))
        ]
        gates = 2 / (1 + (-n @ w[b + "attention.gate.weight"].T).exp())  # (T, heads)
        heads = [gates[:, h, None] * head for h, head in enumerate(heads)]
        x = x + torch.cat(heads, -1) @ w[b + "attention.out.weight"].T
        n = rms(x) * w[b + "mlp_norm.weight"]
        up = (n @ w[b + "mlp.up.weight"].T).clamp(min=0)
        x = x + up**2 @ w[b + "mlp.down.weight"].T
    return 15 * torch.tanh(rms(x) * w["norm.weight"] @ w["head.weight"].T / 15)


@torch.no_grad()
def test_the_modern_recipe_is_what_its_choices_say():
    model = build(**FORMS["v7"]).double()
    model.cos, model.sin = (part.double() for part in (model.cos, model.sin))
    ids = ids_for(model, rows=1)
    logits, _ = model(ids)
    expected = modern_by_the_book(model, ids[0])
    torch.testing.assert_close(logits[0].double(), expected, rtol=0, atol=1e-5)  # fp32 angles


# Published sizes


def test_gpt2_has_its_published_size():
    shape = {"width": 768, "layers": 12, "heads": 12, "kv_heads": 12, "hidden": 3072}
    assert size(vocab_size=50_257, context=1024, **shape) == 124_439_808


@pytest.mark.parametrize(("published", "form"), [  # Llama 3.1 8B and TinyLlama 1.1B
    (8_030_261_248, {"vocab_size": 128_256, "width": 4096, "layers": 32, "heads": 32,
                     "kv_heads": 8, "hidden": 14_336}),
    (1_100_048_384, {"vocab_size": 32_000, "width": 2048, "layers": 22, "heads": 32,
                     "kv_heads": 4, "hidden": 5632}),
])  # fmt: skip
def test_llamas_have_their_published_sizes(published, form):
    assert size(**form, **LLAMA, context=2048, tied=False) == published


def test_size_of_the_modern_recipe():
    tables = 61 * 24 * (1 + 2 + 1)  # tokens, two value embeddings, head
    block = 4 * 24 * 24 + 2 * 24 * 40 + 2 * 24 + 4 * 24 + 2  # gates and mix last
    assert size(**FORMS["v7"]) == tables + 3 * block + 24 + 2 * 2


# Behaviour


@forms
@torch.no_grad()
def test_any_cut_of_a_text_gives_the_logits_of_the_whole(form):
    model = build(**FORMS[form])
    ids = ids_for(model)
    whole, cache = model(ids)

    @settings(max_examples=15, deadline=None, derandomize=True)
    @given(st.sets(st.integers(1, 11)))
    def check(cuts):
        state, parts = None, []
        for start, end in pairwise([0, *sorted(cuts), 12]):
            logits, state = model(ids[:, start:end], state)
            parts.append(logits)
        torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-4, atol=1e-4)
        assert [part.shape for part in state] == [part.shape for part in cache]

    check()
    token_by_token, state = [], None
    for i in range(12):
        logits, state = model(ids[:, i : i + 1], state)
        token_by_token.append(logits)
    torch.testing.assert_close(torch.cat(token_by_token, 1), whole, rtol=1e-4, atol=1e-4)


@forms
@torch.no_grad()
def test_a_later_token_changes_nothing_earlier(form):
    model = build(**FORMS[form])
    ids = ids_for(model, rows=1)
    changed = ids.clone()
    changed[0, 7] = (changed[0, 7] + 1) % 61
    before, after = model(ids)[0], model(changed)[0]
    assert torch.equal(before[0, :7], after[0, :7])
    assert not torch.isclose(before[0, 7:], after[0, 7:]).all(-1).any()


@forms
def test_a_training_pass_keeps_no_cache_and_takes_an_empty_state(form):
    model = build(**FORMS[form]).train()
    ids = ids_for(model)
    logits, state = model(ids, ())
    assert state == ()
    assert torch.equal(logits, model.eval()(ids)[0])


@forms
def test_the_training_pass_is_one_graph(form):
    model = build(**FORMS[form]).train()
    ids = ids_for(model)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(ids)[0], model(ids)[0])


@forms
def test_hidden_and_head_make_the_logits(form):
    model = build(**FORMS[form])
    ids = ids_for(model)
    logits = model.hidden(ids) @ model.head_weight.T
    if form == "v7":
        logits = 15 * torch.tanh(logits / 15)
    torch.testing.assert_close(model(ids)[0], logits)


@forms
def test_bf16_autocast_keeps_stream_and_norms_in_fp32(form):
    torch.manual_seed(0)
    model = TransformerLM(**FORMS[form] | {"zero_init": False}).train()
    seen = []
    model.norm.register_forward_hook(lambda _, x, y: seen.append((x[0].dtype, y.dtype)))
    ids = ids_for(model)
    with torch.autocast("cpu", torch.bfloat16):
        logits, _ = model(ids)
        F.cross_entropy(logits.flatten(0, 1).float(), ids.flatten()).backward()
    assert seen == [(torch.float32, torch.float32)]
    torch.testing.assert_close(logits.float(), model(ids)[0], rtol=0.05, atol=0.02)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_zero_init_starts_from_the_uniform_distribution():
    model = TransformerLM(**FORMS["v7"])
    ids = ids_for(model)
    loss = F.cross_entropy(model(ids)[0].flatten(0, 1), ids.flatten())
    assert loss.item() == pytest.approx(math.log(61), rel=1e-6)


def test_initial_weights_have_the_published_spread():
    torch.manual_seed(0)
    shape = {"vocab_size": 999, "width": 128, "layers": 8, "heads": 4, "kv_heads": 4}
    model = TransformerLM(**shape, context=64, hidden=512)
    spread = {name: p.std().item() for name, p in model.named_parameters() if p.dim() == 2}
    for name, std in spread.items():
        into_stream = name.endswith(("out.weight", "down.weight"))
        assert std == pytest.approx(0.02 / 4 if into_stream else 0.02, rel=0.05), name


@forms
def test_every_parameter_has_one_kind(form):
    model = build(**FORMS[form])
    kinds = model.parameters_by_kind()
    found = [id(p) for group in kinds.values() for p in group]
    assert sorted(found) == sorted(map(id, model.parameters()))
    linear = {"v5": 6, "v6": 7, "v7": 7}[form]
    assert len(kinds["hidden"]) == 3 * linear
    assert len(kinds["embedding"]) == {"v5": 2, "v6": 1, "v7": 3}[form]
    assert [p is model.head_weight for p in kinds["head"]] == [True] * (form == "v7")
    torch.optim.Muon(kinds["hidden"])  # takes matrices only


@forms
def test_a_stored_model_comes_back(form, tmp_path):
    model = build(**FORMS[form])
    again = load_language_model(save(model, tmp_path)[0].parent)
    ids = ids_for(model)
    assert torch.equal(model(ids)[0], again(ids)[0])
    assert again.choices == model.choices


@forms
@torch.no_grad()
def test_more_tokens_than_the_context_are_refused(form):
    model = build(**FORMS[form])
    ids = ids_for(model, tokens=16)
    _, state = model(ids)
    with pytest.raises(ValueError, match="17 tokens long, the model's context 16"):
        model(ids[:, :1], state)


@pytest.mark.parametrize(("change", "message"), [
    ({"width": 20}, r"width = 20: it must be a multiple of 2 \* 4 heads"),
    ({"kv_heads": 3}, "kv_heads = 3: it must be a divisor of heads = 4"),
    ({"layers": 0}, "layers = 0: it must be at least 1"),
    ({"mlp": "tanh"}, "mlp = 'tanh': choose from .*'swiglu'"),
    ({"softcap": 0.0}, "softcap = 0.0: it must be positive"),
])  # fmt: skip
def test_choices_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Choices(**FORMS["v5"] | change)
