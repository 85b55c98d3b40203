"""The generation engine beside transformers' own generate, and answers that survive a kill."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from brnb.evaluate.statistics import Rate
from brnb.extrinsic.examine import answers_identity
from brnb.extrinsic.flips import by_transformers, flips, one_at_a_time, same, spread
from brnb.extrinsic.params import ExtrinsicParams
from brnb.extrinsic.predictions import TestSetChanged, answer_items, encode_prompt, write_answers
from brnb.extrinsic.testsets import Item
from brnb.generate.continuous import answer as answer_all
from brnb.generate.continuous import generate
from brnb.generate.engine import Batching, Decoding, Engine, slot_length
from brnb.generate.readers import LlamaReader, PlainReader
from brnb.generate.streamed import StreamedReader, reader

SHAPE = Batching(slots=4, length=96, prefill_tokens=128)
GREEDY = Decoding(max_new_tokens=12)
END = 2


def model(kv_heads=2, **more):
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        vocab_size=60,
        max_position_embeddings=128,
        initializer_range=0.4,  # sharp enough not to tie
        bos_token_id=1,
        eos_token_id=END,
        pad_token_id=0,
        **more,
    )
    return LlamaForCausalLM(config).eval()


def prompts(count=11):
    draw = torch.Generator().manual_seed(1)
    lengths = [1, 2, 33, 32, 31, *torch.randint(1, 80, (count - 5,), generator=draw).tolist()]
    return [torch.randint(3, 60, (n,), generator=draw).tolist() for n in lengths]


def alone(net, prompt, new):
    """Transformers, one prompt at a time, without padding."""
    ids = torch.tensor([prompt])
    out = net.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new
    )
    said = out[0, len(prompt) :].tolist()
    return said[: said.index(END)] if END in said else said


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


def test_our_engine_says_the_same_to_one_prompt_at_a_time():
    net, asked = model(), prompts()
    together = [one.ids for one in sorted(generate(net, asked, GREEDY, SHAPE))]
    assert one_at_a_time(net, asked, GREEDY, SHAPE) == together


def test_a_flip_is_an_answer_with_another_token():
    said = [[5, 6], [], [7]]
    assert flips(said, [(5, 6), [], [7]]).value == 0
    found = flips(said, [[5, 6, 6], [], [8]])
    assert (found.successes, found.trials) == (2, 3)


def test_381_equal_answers_show_99_percent():
    """Of Wilson's interval for none of n, the upper end is z^2 / (n + z^2)."""
    assert same(Rate(0, 381)) is True
    assert same(Rate(0, 380)) is None
    assert same(Rate(10, 400)) is False  # from 1.4%


def test_the_answers_to_check_come_from_all_tasks():
    assert spread(9, 3) == [0, 3, 6]
    assert spread(7, 5) == [0, 1, 2, 4, 5]
    assert spread(2, 5) == [0, 1]


def test_answers_of_other_settings_are_not_taken_for_these():
    values = {"precision": "fp32", "max_new_tokens": 96, "slots": 128, "prefill_tokens": 8192}
    p = ExtrinsicParams.model_construct(**values, resamples=100)
    name = answers_identity("training", p)
    assert answers_identity("training", p.model_copy(update={"resamples": 200})) == name
    assert answers_identity("another", p) != name
    for other in ({"precision": "bf16"}, {"max_new_tokens": 32}, {"slots": 64}):
        assert answers_identity("training", p.model_copy(update=other)) != name


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


def word_tokenizer():
    words = ["<pad>", "<s>", "</s>", *(f"w{i}" for i in range(57))]
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<pad>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    made.chat_template = "{% for m in messages %}{{ m.content }} w1 {% endfor %}"
    return made


@pytest.fixture
def tokenizer():
    return word_tokenizer()


def items(count=9):
    return [Item(f"i{n}", "qa", f"w{n + 3} w{2 * n + 4} w9", "", (f"w{n}",)) for n in range(count)]


def ask(net, tokenizer, asked, path):
    shape = lambda length: Batching(4, length, 128)  # noqa: E731
    return answer_items(net, tokenizer, asked, path, GREEDY, shape, progress=False)


def test_prompts_are_written_by_the_chat_template(tokenizer):
    assert tokenizer.decode(encode_prompt(tokenizer, items()[0])) == "w3 w4 w9 w1"
    tokenizer.chat_template = None
    with pytest.raises(ValueError, match="no chat template"):
        encode_prompt(tokenizer, items()[0])


def test_a_prompt_that_spells_a_special_token_is_an_error(tokenizer):
    with pytest.raises(ValueError, match="'x' spells the special token '</s>'"):
        encode_prompt(tokenizer, Item("x", "qa", "w3 </s> w4", "", ("w5",)))


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_killed_evaluation_goes_on_and_ends_alike(tokenizer, tmp_path, cut):
    net, asked = model(), items()
    whole = ask(net, tokenizer, asked, tmp_path / "whole.jsonl")
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(b"".join(lines[:cut]) + lines[cut][:20])  # the last line is half there
    again = ask(net, tokenizer, asked, torn)
    assert again.predictions == whole.predictions
    kept = [json.loads(line)["id"] for line in torn.read_text().splitlines()]
    assert sorted(kept) == sorted(item.id for item in asked)  # each once
    assert again.earlier_seconds == pytest.approx(
        sum(json.loads(line)["seconds"] for line in lines[:cut])
    )


def ask_slowly(path):
    """What a process that will be killed does: two slots, and 20 ms a step."""
    net = model()
    net.register_forward_hook(lambda *_: time.sleep(0.02))
    shape = lambda length: Batching(2, length, 128)  # noqa: E731
    return answer_items(net, word_tokenizer(), items(), Path(path), GREEDY, shape, progress=False)


def start(path):
    code = f"import test_generate_engine as t; t.ask_slowly({str(path)!r})"
    return subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent)


def lines_of(path):
    data = path.read_bytes() if path.is_file() else b""
    return [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]


def test_a_process_that_was_killed_goes_on_and_ends_with_the_same_bytes(tmp_path):
    killed = tmp_path / "killed.jsonl"
    process = start(killed)
    while len(lines_of(killed)) < 3 and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    finished = lines_of(killed)
    assert 3 <= len(finished) < len(items())
    with killed.open("ab") as file:
        file.write(b'{"id": "i8", "hash": "0')  # what a kill in the middle of a write leaves
    again = ask_slowly(killed)
    assert lines_of(killed)[: len(finished)] == finished  # not asked again
    assert len(lines_of(killed)) == len(items())
    whole = ask_slowly(tmp_path / "whole.jsonl")
    for name, said in (("whole", whole), ("again", again)):
        write_answers(tmp_path / f"{name}.out", items(), said.predictions)
    assert (tmp_path / "again.out").read_bytes() == (tmp_path / "whole.out").read_bytes()


def test_finished_answers_are_not_asked_again(tokenizer, tmp_path):
    path = tmp_path / "a.jsonl"
    first = ask(model(), tokenizer, items(), path)
    bytes_before = path.read_bytes()
    second = ask(model(), tokenizer, items(), path)
    assert (second.predictions, path.read_bytes()) == (first.predictions, bytes_before)


def test_a_changed_test_set_under_old_answers_is_an_error(tokenizer, tmp_path):
    path = tmp_path / "a.jsonl"
    ask(model(), tokenizer, items(), path)
    changed = [*items()[:-1], Item("i8", "qa", "w11 w20 w9", "", ("another reference",))]
    with pytest.raises(TestSetChanged, match=r"a\.jsonl answers item 'i8'.*delete the file"):
        ask(model(), tokenizer, changed, path)


def test_items_of_two_sources_may_share_an_id(tokenizer, tmp_path):
    path = tmp_path / "a.jsonl"
    both = [items(1)[0], Item("i0", "rewriting", "w20 w21", "", ("w1",))]
    first = ask(model(), tokenizer, both, path)
    assert ask(model(), tokenizer, both, path).predictions == first.predictions
    assert [found.hash for found in first.predictions] == [item.hash for item in both]


@pytest.mark.parametrize(
    "text",
    [r"\input{x} $1$", "<script>alert(1)</script>", "{{ 7 * 7 }} {% if %}", "a\u0000\u2028b"],
)
def test_strange_prompts_and_answers_are_text(tokenizer, tmp_path, text):
    item = Item("x", "qa", text, "", (text,))
    wanted = tokenizer(f"{text} w1", add_special_tokens=False)["input_ids"]
    assert encode_prompt(tokenizer, item) == wanted  # a template does not run what it is given
    (found,) = ask(model(), tokenizer, [item], tmp_path / "a.jsonl").predictions
    write_answers(tmp_path / "out.jsonl", [item], [replace(found, text=text)])
    (line,) = (tmp_path / "out.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    assert (json.loads(line)["prompt"], json.loads(line)["prediction"]) == (text, text)


def test_a_damaged_line_in_the_middle_is_an_error(tokenizer, tmp_path):
    path = tmp_path / "a.jsonl"
    ask(model(), tokenizer, items(), path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{torn\n" + b"".join(lines[2:]))
    with pytest.raises(ValueError, match=r"a\.jsonl:2: a damaged answer"):
        ask(model(), tokenizer, items(), path)
