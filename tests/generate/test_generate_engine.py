"""The generation engine beside transformers' own generate."""

from dataclasses import replace

import pytest
import torch
from answering import END, GREEDY, SHAPE, alone, model, prompts
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

from brnb.extrinsic.flips import by_transformers
from brnb.generate.continuous import answer as answer_all
from brnb.generate.continuous import generate
from brnb.generate.engine import Batching, Decoding, Engine, slot_length
from brnb.generate.readers import LlamaReader, PlainReader
from brnb.generate.streamed import StreamedReader, reader


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
def test_greedy_answers_are_those_of_transformers_one_at_a_time(kv_heads):
    net, asked = model(kv_heads), prompts()
    assert type(reader(net, 4, 96)) is LlamaReader
    found = sorted(generate(net, asked, GREEDY, SHAPE))
    assert [one.ids for one in found] == [alone(net, prompt, 12) for prompt in asked]
    assert by_transformers(net, asked, GREEDY) == [one.ids for one in found]


def qwen():
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 60}
    config = Qwen3Config(**shape, **heads, head_dim=8, initializer_range=0.4, eos_token_id=END)
    return Qwen3ForCausalLM(config).eval()


@pytest.mark.parametrize("make", [model, lambda: model(kv_heads=1), qwen])
def test_one_sequence_at_a_time_is_answered_alike(make):
    net, asked = make(), prompts()
    assert isinstance(reader(net, 1, 96), StreamedReader)
    expected = [alone(net, prompt, 12) for prompt in asked]
    for shape in (replace(SHAPE, slots=1), SHAPE):
        made = sorted(generate(net, asked, GREEDY, shape))
        assert [one.ids for one in made] == expected


def with_cut_weights(net):
    """The same model, the weights of its layers as e4m3 holds them, each row by its largest."""
    with torch.no_grad():
        for name, weight in net.model.layers.named_parameters():
            if name.endswith("_proj.weight"):
                scale = weight.abs().amax(1, keepdim=True) / 448
                weight.copy_((weight / scale).to(torch.float8_e4m3fn).float() * scale)
    return net


@pytest.mark.parametrize("make", [model, qwen])
def test_one_sequence_in_8_bits_has_the_weights_that_8_bits_hold(make):
    """Its prompt is read with inputs in 8 bits, too; so the prompt here is one token long."""
    net, asked = make(), [[n] for n in range(3, 9)]
    decoding, shape = replace(GREEDY, in_8_bits=True), replace(SHAPE, slots=1)
    made = [one.ids for one in sorted(generate(net, asked, decoding, shape))]
    cut = with_cut_weights(make())
    assert made == [alone(cut, prompt, 12) for prompt in asked]


def test_products_in_8_bits_are_near():
    """Inputs and weights keep four bits each: three percent of a product's norm and more."""
    net, slots = model(), 4
    ids, places = torch.arange(3, 7), torch.zeros(4, dtype=torch.long)
    logits = []
    for in_8_bits in (False, True):
        engine = Engine(net, replace(GREEDY, in_8_bits=in_8_bits), SHAPE)
        direct = engine.slots.direct(torch.arange(slots) * engine.slots.length, places)
        with torch.no_grad():
            logits.append(engine.reader.logits(ids, places, direct))
    distance = (logits[1] - logits[0]).norm() / logits[0].norm()
    assert 0.005 < distance < 0.15


def test_other_models_have_no_products_in_8_bits():
    with pytest.raises(ValueError, match="no layers of qwen2 in 8 bits"):
        Engine(qwen2(), replace(GREEDY, in_8_bits=True), SHAPE)


def test_angles_that_depend_on_the_length_are_not_kept():
    long = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    assert type(reader(model(rope_parameters=long), 1, 96)) is LlamaReader


def biased():
    return model(attention_bias=True)


def qwen2():
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 60}
    config = Qwen2Config(**shape, **heads, initializer_range=0.4, eos_token_id=END)
    return Qwen2ForCausalLM(config).eval()


@pytest.mark.parametrize("make", [biased, qwen2])
def test_other_models_are_read_as_they_stand(make):
    net, asked = make(), prompts()
    assert isinstance(reader(net, 4, 96), PlainReader)
    before = net.config._attn_implementation
    found = sorted(generate(net, asked, GREEDY, SHAPE))
    assert [one.ids for one in found] == [alone(net, prompt, 12) for prompt in asked]
    assert net.config._attn_implementation == before


def test_joined_maps_are_still_the_models_own():
    net, tokens = model(), torch.arange(3, 40)[None]
    with torch.no_grad():
        before = net(tokens).logits
        first, second = LlamaReader(net), LlamaReader(net)
        assert torch.equal(net(tokens).logits, before)
    for a, b, module in zip(first.layers, second.layers, net.model.layers, strict=True):
        assert (
            a.maps.qkv.values.data_ptr()
            == b.maps.qkv.values.data_ptr()
            == module.self_attn.q_proj.weight.data_ptr()
        )
        names = ("q_proj", "k_proj", "v_proj")
        maps = [getattr(module.self_attn, name).weight for name in names]
        assert torch.equal(b.maps.qkv.values, torch.cat(maps))


@pytest.mark.parametrize("tokens", [7, 32, 500])
def test_prompts_may_be_longer_or_shorter_than_a_pass(tokens):
    net, asked = model(), prompts()
    found = sorted(generate(net, asked, GREEDY, replace(SHAPE, prefill_tokens=tokens)))
    assert [one.ids for one in found] == [alone(net, prompt, 12) for prompt in asked]


def test_what_all_prompts_begin_with_is_read_once():
    net, asked = model(), [[9] * 40 + prompt[:40] for prompt in prompts(14)]
    engine = Engine(net, GREEDY, SHAPE)
    read, fill = [], engine.reader.fill
    engine.reader.fill = lambda ids, *rest: (read.append(ids), fill(ids, *rest))
    with torch.inference_mode():
        found = sorted(answer_all(engine, asked))
    assert engine.shared == 40
    assert sum(int((ids == 9).sum()) for ids in read) < 2 * 40
    assert [one.ids for one in found] == [alone(net, prompt, 12) for prompt in asked]


def test_a_short_common_beginning_is_not_worth_a_pass():
    engine = Engine(model(), GREEDY, SHAPE)
    with torch.inference_mode():
        engine.share([[9, 9, 4], [9, 9, 5]])
    assert engine.shared == 0


def test_a_free_slot_leaves_the_others_alone():
    """It goes on decoding, and may keep what it writes nowhere."""
    engine = Engine(model(), GREEDY, SHAPE)
    with torch.inference_mode():
        engine.prefill({slot: [5, 6, 7] for slot in range(4)})
        engine.release([1, 2])
        before = [whole[1:3].clone() for whole in engine.slots.keys]
        for _ in range(100):
            engine.step()
    for whole, kept in zip(engine.slots.keys, before, strict=True):
        assert torch.equal(whole[1:3], kept)


def test_answers_stop_at_the_end_token_and_say_so():
    net, asked = model(), prompts()
    net.generation_config.eos_token_id = list(range(2, 30))  # every other token ends
    for one in generate(net, asked, GREEDY, SHAPE):
        assert not set(one.ids) & set(range(2, 30))
        assert one.ended == (len(one.ids) < 12)


@pytest.mark.parametrize("decoding", [GREEDY, Decoding(12, temperature=0.8, seed=3)])
def test_an_answer_does_not_depend_on_its_company(decoding):
    net, asked = model(), prompts()
    whole = {tuple(asked[i]): ids for i, ids, _ in generate(net, asked, decoding, SHAPE)}
    for some in (asked[::-1], asked[3:7], asked[-1:]):
        for number, ids, _ in generate(net, some, decoding, SHAPE):
            assert ids == whole[tuple(some[number])]


def test_samples_follow_the_distribution_and_the_seed():
    net = model()
    prompt = [5, 6, 7]
    with torch.no_grad():
        expected = (net(torch.tensor([prompt])).logits[0, -1] / 2.0).softmax(-1)
    shape = Batching(slots=1, length=32, prefill_tokens=32)
    drawn = [
        next(generate(net, [prompt], Decoding(1, 2.0, seed), shape)).ids for seed in range(200)
    ]
    counts = torch.zeros(60)
    for ids in drawn:
        counts[ids[0] if ids else END] += 1
    assert (counts / 200 - expected).abs().max() < 0.11  # three deviations of a share of 0.5
    assert drawn[7] == next(generate(net, [prompt], Decoding(1, 2.0, 7), shape)).ids


@pytest.mark.parametrize(
    ("prompt", "message"), [([], "no tokens"), ([5] * 90, "exceeds|more than")]
)
def test_a_prompt_that_does_not_fit_is_an_error(prompt, message):
    with pytest.raises(ValueError, match=message):
        list(generate(model(), [[4], prompt], GREEDY, SHAPE))


def test_the_slots_hold_the_longest_prompt_and_its_answer():
    assert slot_length([[1] * 30, [1] * 50], GREEDY) == 64
    assert slot_length([[1] * 53], GREEDY) == 96
