"""Timing one prompt at a time: the same answers as Transformers', budgets, resumption, memory."""

import dataclasses
import gc
import json
import pickle
from functools import partial

import pytest
import torch
from latency_values import DENSE, MIXTURE
from transformers import AutoConfig, AutoModelForCausalLM

from brnb.latency import measure, study
from brnb.latency.contestants import (
    ExpertMaps,
    ModelSize,
    contestant_config,
    load_contestant,
    model_size,
)
from brnb.latency.items import dosmi_v2, expertise_map, first_of_each
from brnb.latency.measure import MemoryHeld, Schedule, time_model
from brnb.latency.params import Contestant

CPU = torch.device("cpu")
ITEMS = first_of_each([*dosmi_v2(), *expertise_map()], 1)[2:6]
SCHEDULE = Schedule(1, 2, {"dosmi_v2": 2, "expertise_map": 3, "external": 1})


def contestant(shape="dense", weights="fp32", **fields):
    return Contestant(name="x", family="dense", weights=weights, shape=shape, **fields)


def loader(one, calls=None):
    shapes = {"dense": DENSE, "mixture": MIXTURE}

    def call():
        if calls is not None:
            calls.append(1)
        return load_contestant(one, contestant_config(one, shapes), CPU, 3)

    return call


def test_answers_are_those_of_transformers_and_as_long_as_the_budget(vocabulary, tmp_path):
    timings = time_model("x", loader(contestant()), vocabulary, ITEMS, SCHEDULE, tmp_path / "j")
    assert [t.new_tokens for t in timings] == [2, 2, 3, 3] * 2
    assert [t.repeat for t in timings] == [0] * 4 + [1] * 4
    model = loader(contestant())()
    for item, timing in zip(ITEMS, timings, strict=False):
        ids = torch.tensor([vocabulary.encode(item.prompt)])
        for _ in range(timing.new_tokens):
            ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], dim=1)
        new = ids[0, -timing.new_tokens :].tolist()
        assert timing.text == vocabulary.decode(new[: new.index(256)] if 256 in new else new)
        assert 0 < timing.first_token_seconds <= timing.seconds
        assert timing.tokens_per_second == timing.new_tokens / timing.seconds


def test_a_killed_run_goes_on_where_it_was(vocabulary, tmp_path):
    journal = tmp_path / "j"
    whole = time_model("x", loader(contestant()), vocabulary, ITEMS, SCHEDULE, journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:5]) + lines[5][:20])  # as a kill leaves it
    resumed = time_model("x", loader(contestant()), vocabulary, ITEMS, SCHEDULE, journal)
    assert resumed[:5] == whole[:5]
    assert [t.text for t in resumed] == [t.text for t in whole]
    calls = []
    again = time_model("x", loader(contestant(), calls), vocabulary, ITEMS, SCHEDULE, journal)
    assert again == resumed
    assert calls == []  # nothing was left, and nothing was loaded


def test_a_damaged_journal_is_named(vocabulary, tmp_path):
    journal = tmp_path / "j.jsonl"
    journal.write_text('{"model": 1}\n{}\n')
    with pytest.raises(ValueError, match=r"j\.jsonl:1: a damaged timing; delete the file"):
        time_model("x", loader(contestant()), vocabulary, ITEMS, SCHEDULE, journal)


def weights_alive():
    gc.collect()
    shape = (DENSE["vocab_size"], DENSE["hidden_size"])
    return sum(type(x) is torch.nn.Parameter and x.shape == shape for x in gc.get_objects())


@pytest.mark.parametrize("weights", ["fp32", "nf4"])
def test_memory_is_empty_between_models(vocabulary, tmp_path, weights):
    before = weights_alive()
    one = loader(contestant("mixture", weights))
    time_model("x", one, vocabulary, ITEMS[:1], SCHEDULE, tmp_path / "j")
    assert weights_alive() == before


def test_a_model_that_is_still_held_stops_the_run(vocabulary, tmp_path):
    held = loader(contestant())()
    with pytest.raises(MemoryHeld, match="x is still in memory"):
        time_model("x", lambda: held, vocabulary, ITEMS[:1], SCHEDULE, tmp_path / "j")


def test_sizes_follow_from_the_configuration():
    dense, mixture = (AutoConfig.for_model(**shape) for shape in (DENSE, MIXTURE))
    attention = 2 * 64 * 64 + 2 * 64 * 32
    fixed = 300 * 64 + 64 + 2 * (attention + 2 * 64)
    assert model_size(dense) == ModelSize(fixed + 2 * 3 * 64 * 128, fixed + 2 * 3 * 64 * 128)
    expert, router = 3 * 64 * 64, 4 * 64
    assert model_size(mixture).total == fixed + 2 * (4 * expert + router)
    assert model_size(mixture).active == fixed + 2 * (2 * expert + router)


FAMILIES = {
    "gemma": {"head_dim": 32},  # scales its embeddings by a buffer that no file holds
    "qwen3_moe": {"head_dim": 32, "moe_intermediate_size": 64, "num_experts": 8},
    "deepseek_v3": {
        "num_key_value_heads": 2, "moe_intermediate_size": 64, "n_routed_experts": 8, "n_group": 1,
        "topk_group": 1, "first_k_dense_replace": 1, "q_lora_rank": 32, "kv_lora_rank": 32,
        "qk_rope_head_dim": 16, "qk_nope_head_dim": 16, "v_head_dim": 32,
    },
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_random_weights_compute_what_transformers_computes_with_them(family):
    shape = MIXTURE | {"model_type": family} | FAMILIES[family]
    one = contestant(family)
    model = load_contestant(one, config := contestant_config(one, {family: shape}), CPU, 3)
    theirs = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    theirs.load_state_dict(model.state_dict())
    ids = torch.arange(40)[None]
    torch.testing.assert_close(model(ids).logits, theirs(ids).logits)


@pytest.mark.parametrize(("weights", "least"), [("fp32", 0.999999), ("int8", 0.999), ("nf4", 0.98)])
def test_a_folder_gives_its_own_weights(tmp_path, weights, least):
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**MIXTURE)).eval()
    model.save_pretrained(tmp_path / "base")
    one = Contestant(name="x", family="moe", weights=weights, base=str(tmp_path / "base"))
    read = load_contestant(one, contestant_config(one, {}), CPU, 0)
    ids = torch.arange(40)[None]
    both = torch.stack([m(ids).logits.float().flatten() for m in (read, model)])
    assert torch.corrcoef(both)[0, 1] > least


def test_a_pickle_is_never_read(tmp_path):
    AutoConfig.for_model(**MIXTURE).save_pretrained(tmp_path)
    one = Contestant(name="x", family="moe", weights="fp32", base=str(tmp_path))
    with pytest.raises(FileNotFoundError, match="safetensors"):  # no weights at all
        load_contestant(one, contestant_config(one, {}), CPU, 0)
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Raising()))
    with pytest.raises(FileNotFoundError, match="safetensors"):
        load_contestant(one, contestant_config(one, {}), CPU, 0)


class Raising:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was read",))


def test_a_shape_of_an_unknown_family_is_named():
    with pytest.raises(ValueError, match=r"shapes, s: model_type = 'mixtra' .* mean mixtral"):
        contestant_config(contestant("s"), {"s": {"model_type": "mixtra"}})


def test_a_base_that_is_nowhere_is_named(tmp_path):
    missing = Contestant(name="x", family="moe", weights="fp32", base=str(tmp_path / "nothing"))
    with pytest.raises((FileNotFoundError, ValueError), match="nothing"):
        contestant_config(missing, {})


@pytest.mark.parametrize(("weights", "bits"), [("nf4", 4), ("int8", 8)])
def test_experts_are_quantised_too(weights, bits):
    model = loader(contestant("mixture", weights))()
    experts = model.model.layers[0].mlp.experts
    assert isinstance(experts, ExpertMaps)
    assert len(experts.gate_up) == MIXTURE["num_local_experts"]
    stored = sum(p.numel() * p.element_size() for p in experts.gate_up[0].parameters())
    assert stored == 2 * 64 * 64 * bits // 8


def test_expert_maps_compute_what_transformers_experts_do():
    torch.manual_seed(2)
    config = AutoConfig.for_model(**MIXTURE)
    config._experts_implementation = "eager"
    experts = AutoModelForCausalLM.from_config(config).model.layers[0].mlp.experts
    maps = ExpertMaps(experts, experts.gate_up_proj, experts.down_proj, _plain)
    x, shares = torch.randn(30, 64), torch.rand(30, 2)
    chosen = torch.stack([torch.randperm(4)[:2] for _ in range(30)])
    torch.testing.assert_close(maps(x, chosen, shares), experts(x, chosen, shares))


def _plain(matrix):
    module = torch.nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
    module.weight = torch.nn.Parameter(matrix)
    return module


def test_peak_memory_holds_the_weights_and_more(vocabulary, tmp_path):
    (timing, *_) = time_model(
        "x", loader(contestant()), vocabulary, ITEMS[:1], SCHEDULE, tmp_path / "j"
    )
    weights = 4 * model_size(AutoConfig.for_model(**DENSE)).total
    assert weights < timing.peak_bytes < 10 * weights


def test_the_study_times_all_and_records_every_answer(params, vocabulary, tmp_path):
    items = study.items_of(params)
    timed = study.time_all(params, items, vocabulary, tmp_path)
    records = study.answer_records(timed, items, None)
    assert len(records) == 2 * 8 * 2
    assert set(records["family"]) == {"dense", "moe"}
    assert records["new_tokens"].tolist() == ([2] * 4 + [3] * 4) * 4
    named = json.loads((tmp_path / sorted(p.name for p in tmp_path.iterdir())[0]).open().readline())
    assert set(named) == {field.name for field in dataclasses.fields(measure.Timing)}


def test_items_of_other_benchmarks_are_drawn_by_hash(params, tmp_path, monkeypatch):
    path = tmp_path / "x.jsonl"
    rows = [
        json.dumps({"id": str(n), "question": f"{n} + 1?", "final": str(n + 1)}) for n in range(9)
    ]
    path.write_text("\n".join(rows))
    monkeypatch.setenv("BRNB_SUMS", str(path))
    with_sums = params.model_copy(update={"external": {"sums": "${BRNB_SUMS}"}})
    *plain, first, second = study.items_of(with_sums)
    assert plain == study.items_of(params)
    assert {first.benchmark, second.benchmark} == {"sums"}
    path.write_text("\n".join(reversed(rows)))
    assert study.items_of(with_sums)[-2:] == [first, second]


def test_other_shapes_weights_and_budgets_have_journals_of_their_own():
    key = partial(study.timings_identity, device=CPU, vocabulary=9)
    plain = key(contestant(), DENSE, SCHEDULE)
    more = Schedule(1, 5, SCHEDULE.new_tokens)
    longer = Schedule(1, 2, SCHEDULE.new_tokens | {"dosmi_v2": 9})
    assert key(contestant(), DENSE, more) == plain  # repetitions are added
    assert key(contestant(weights="nf4"), DENSE, SCHEDULE) != plain
    assert key(contestant(), DENSE | {"hidden_size": 128}, SCHEDULE) != plain
    assert key(contestant(), DENSE, longer) != plain
