"""A base spread over two processes trains the adapters that a whole one does."""

import pytest
import tiny
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

from brnb.bases.attention import packed_attention
from brnb.bases.load import load_model
from brnb.bases.shards import shards_of
from brnb.finetune import budget, forward
from brnb.finetune.loop import Finetuning, finetune
from brnb.finetune.lora import adapt, base_of, trained
from brnb.finetune.merge import merge_adapters
from brnb.train import parallel

TRAIN, VALIDATION = tiny.packs(7), tiny.packs(3, seed=90)  # the last step has but one pack
SIZES = tiny.CONFIG.to_dict() | {"num_hidden_layers": 5}
BASES = {"llama": LlamaConfig.from_dict(SIZES), "qwen2": Qwen2Config.from_dict(SIZES)}
CASES = {  # base, parameters, layers to recompute
    "nf4": ("llama", {"double_quantization": False}, 0),
    "nf4 recomputed": ("llama", {}, 3),
    "16 bits": ("llama", {"quantization": "none", "precision": "bf16"}, 0),
    "transformers": ("qwen2", {}, 2),
}


def over_two(*_):
    """A base that no GPU holds, wherever there are two processes."""
    return 2


def train(folder, case, out):
    """What a chapter does."""
    name, changed, recomputed = CASES[case]
    p = tiny.params(epochs=1, **changed)
    model = adapt(load_model(str(folder / name), p, tiny.CPU, over_two), p)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brnb.finetune.loop._plan", lambda *_: budget.MemoryPlan(24, recomputed))
        history = finetune(model, TRAIN, VALIDATION, p, out / case, "data")
    losses = [point["loss"] for point in history.train + history.validation]
    return model, losses, [parameter.data for parameter in trained(model)]


def out_of_memory(folder, out, failing):
    """Gradients of a step in whose first attempt one process runs out of memory."""
    model = adapt(
        load_model(str(folder / "llama"), tiny.params(), tiny.CPU, over_two), tiny.params()
    )
    training = Finetuning(model, TRAIN, tiny.params(), out / "memory", "data")
    training.gradients.plan = budget.MemoryPlan(72)
    whole, calls = forward.target_nats, []

    def short(*arguments):
        calls.append(1)
        if failing and len(calls) == 1:
            raise torch.OutOfMemoryError("injected")
        return whole(*arguments)

    with pytest.MonkeyPatch.context() as patch, packed_attention(base_of(model)):
        patch.setattr(forward, "target_nats", short)
        training.gradients(TRAIN[:3])
    return [p.grad for p in training.parameters], training.gradients.plan.tokens


def in_a_process(folder, out):
    """All cases, with the base that no GPU holds."""
    world = parallel.join(tiny.CPU)
    found = {}
    for case in CASES:
        model, losses, adapters = train(folder, case, out)
        shards = shards_of(base_of(model))
        held = {}
        for layer in base_of(model).base_model.layers:
            for name, parameter in layer.named_parameters():
                if "lora_" not in name:
                    storage = parameter.untyped_storage()
                    held[storage.data_ptr()] = storage.nbytes()
        kept = {place.data_ptr() for place in shards.buffers}
        found[case] = {
            "losses": losses,
            "adapters": adapters,
            "part": sum(part.nbytes for part in shards.parts),
            "places": sum(place.nbytes for place in shards.buffers),
            "besides": sum(size for where, size in held.items() if where not in kept),
        }
        with pytest.raises(ValueError, match="save the adapter"):
            merge_adapters(model, torch.float32)
    found["memory"] = out_of_memory(folder, out, failing=world.rank == 1)
    torch.save(found, out / f"{world.rank}.pt")


@pytest.fixture(scope="module")
def spread(tmp_path_factory):
    """Bases on the disk, and what two processes made of them."""
    folder, out = tmp_path_factory.mktemp("bases"), tmp_path_factory.mktemp("spread")
    for name, config in BASES.items():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        model.save_pretrained(folder / name, max_shard_size="200KB")
    parallel.launch(2, tiny.CPU, in_a_process, folder, out)
    return folder, [torch.load(out / f"{rank}.pt") for rank in (0, 1)]


@pytest.mark.parametrize("case", CASES)
def test_the_same_losses_and_adapters_as_with_a_whole_base(spread, tmp_path, case):
    folder, found = spread
    _, losses, adapters = train(folder, case, tmp_path)
    rough = 10 if case == "16 bits" else 1
    assert found[0][case]["losses"] == found[1][case]["losses"]
    assert found[0][case]["losses"] == pytest.approx(losses, rel=1e-3 * rough)
    for ours, other, right in zip(
        found[0][case]["adapters"], found[1][case]["adapters"], adapters, strict=True
    ):
        assert torch.equal(ours, other)
        torch.testing.assert_close(ours, right, rtol=1e-2, atol=1e-3 * rough)


@pytest.mark.parametrize("case", CASES)
def test_each_process_holds_half_of_the_layers_and_two_places(spread, case):
    folder, found = spread
    name, changed, _ = CASES[case]
    layers = load_model(
        str(folder / name), tiny.params(**changed), tiny.CPU, over_two
    ).base_model.layers
    maps = [
        (map_.weight.nbytes, getattr(map_.weight, "quant_state", None))
        for map_ in layers.modules()
        if isinstance(map_, torch.nn.Linear)
    ]
    total = sum(size for size, _ in maps)
    for _, state in maps:
        if state is not None:
            total += state.absmax.nbytes + (state.state2.absmax.nbytes if state.nested else 0)
    small = sum(p.nbytes for p in layers.parameters() if p.dim() == 1)
    for process in found:
        assert process[case]["part"] == pytest.approx(total / 2, rel=0.02)
        assert process[case]["places"] == pytest.approx(total * 2 / 5, rel=0.02)
        assert process[case]["besides"] == small  # norms and biases


def test_memory_that_runs_out_in_one_process_splits_the_step_in_both(spread, tmp_path):
    folder, found = spread
    expected, _ = out_of_memory(folder, tmp_path, failing=False)
    for gradients, tokens in (process["memory"] for process in found):
        assert tokens == 24
        for ours, right in zip(gradients, expected, strict=True):
            torch.testing.assert_close(ours, right, rtol=1e-3, atol=1e-5)
