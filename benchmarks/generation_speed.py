"""Speed of generation beside Hugging Face generate, in one process on one GPU.

    python benchmarks/generation_speed.py [measurement ...] [--seconds 600] [--trained FOLDER]

A model of Llama 3.1 8B's shape with random bf16 weights answers random prompts of 256 tokens with
64 new ones; nothing ends early, and no two prompts begin alike. Two rates are given: new tokens a
second end to end, which counts the reading of the prompts as the peers' do, and of the decoding
steps alone, whose limit at few slots is memory (the bytes that a step reads over the measured speed
of a copy). The peers are Hugging Face generate, and Transformers' own continuous batching with
PyTorch's attention. Each measurement is printed and written at once, beside those that were not
asked for; one that fails says why.

The limit end to end is arithmetic. A generation is 4.42 TFLOP: 255 prompt tokens in 32 layers
(the last one's keys and values alone) 3.46, 64 new tokens with their logits 0.96. An H200 sustains
703 TFLOP/s in the widest of these products, so 10,180 new tokens a second; with the keys and
values that decoding reads, 0.57 ms a generation, 9,340. Hugging Face generate reaches 2,344 to
2,607 at batch 64, so four times its rate lies at that limit or beyond it in bf16. Ours reaches
8,191, which is 3.1 to 3.5 times, and 88% of the limit; nine tenths of a pass over prompts are
products. Reading prompts beside decoding steps on a second stream gains 1%, and passes of 1,024 to
32,768 tokens are equally fast. Prompts that begin alike cost less: their beginning is read once.

In 8 bits ours reaches 13,019 at 512 prompts, 5.2 times Hugging Face's generate in bf16 (8,161 in
bf16 in that process, 10.2 times Transformers' continuous batching), and one sequence alone decodes
at 296 tokens a second (bf16: 237, 84% of the limit). The weights here are random, and such a
network enlarges every rounding from layer to layer: the logits of 8 bits are 66% away from those of
bf16 and 94% of first tokens differ. In a trained model 2.8% do: ``benchmarks/flips_in_8_bits.py``.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gpu_turns import milliseconds_by_kind
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from brnb.extrinsic.flips import by_transformers, flips, one_at_a_time
from brnb.generate.continuous import Generation, answer, generate
from brnb.generate.engine import Batching, Decoding, Engine
from brnb.text import sample

PROMPT, NEW = 256, 64
PREFILL = 8192  # tokens of prompts that are read together
RESULTS = Path(__file__).parent / "results" / "generation_speed.json"
ALWAYS = ("gpu", "copy_bytes_per_second", "product_flops_per_second")
EVALUATION = 7_200  # generations; the dissertation's three seeds of 600 items and two models: 3,600


def llama(layers: int) -> LlamaForCausalLM:
    """Llama 3.1 8B's shape with random weights; fewer layers for a dry run."""
    config = LlamaConfig(
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=layers,
        num_attention_heads=32,
        num_key_value_heads=8,
        vocab_size=128256,
        max_position_embeddings=131072,
        rope_parameters={"rope_type": "default", "rope_theta": 5e5},
        tie_word_embeddings=False,
        eos_token_id=None,
        bos_token_id=None,
    )
    with torch.device("meta"):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.to_empty(device="cuda")
    for parameter in model.parameters():
        parameter.data.fill_(1) if parameter.dim() == 1 else parameter.data.normal_(std=0.02)
    rotary = model.model.rotary_emb  # its buffers were on meta too
    model.model.rotary_emb = type(rotary)(config=config).to("cuda")
    return model.eval()


def seconds_of(work: Callable[[], Any]) -> float:
    """Wall time of some work on the GPU."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def copy_bandwidth() -> float:
    """Bytes read and written a second by a device copy of 4 GiB."""
    source = torch.empty(2**32, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    target.copy_(source)
    return 2 * 2**32 * 5 / seconds_of(lambda: [target.copy_(source) for _ in range(5)])


def prompts(count: int) -> list[list[int]]:
    """Random prompts, the same on every machine."""
    draw = torch.Generator().manual_seed(0)
    return torch.randint(1000, 128000, (count, PROMPT), generator=draw).tolist()


def peer(model: LlamaForCausalLM, batch: int) -> dict[str, Any]:
    """Hugging Face generate, greedy, in inference mode: without, it takes twice as long."""
    ids = torch.tensor(prompts(batch), device="cuda")

    def work(new: int) -> None:
        options = {"do_sample": False, "max_new_tokens": new, "min_new_tokens": new}
        with torch.inference_mode():
            model.generate(ids, attention_mask=torch.ones_like(ids), pad_token_id=0, **options)

    work(NEW)
    total, first = (min(seconds_of(lambda n=n: work(n)) for _ in range(2)) for n in (NEW, 1))
    rates = {"new_tokens_per_second": batch * NEW / total}
    return rates | {"decoding_tokens_per_second": batch * (NEW - 1) / (total - first)}


def continuous_peer(model: LlamaForCausalLM, asked: list[list[int]]) -> dict[str, Any]:
    """Continuous batching of Transformers, greedy; its faster attention needs other packages."""
    config = GenerationConfig(
        max_new_tokens=NEW, do_sample=False, eos_token_id=-1, pad_token_id=0, use_cuda_graph=True
    )
    before, answered = model.config._attn_implementation, dict[str, Any]()
    model.set_attn_implementation("paged|sdpa")
    try:
        model.generate_batch(inputs=asked[:64], generation_config=config)  # builds its kernels
        total = seconds_of(
            lambda: answered.update(model.generate_batch(inputs=asked, generation_config=config))
        )
    finally:
        model.set_attn_implementation(before)
    new = sum(len(one.generated_tokens) for one in answered.values())
    return {"prompts": len(asked), "new_tokens_per_second": new / total}


def ours(
    model: LlamaForCausalLM,
    slots: int,
    asked: list[list[int]],
    bandwidth: float,
    in_8_bits: bool = False,
) -> dict[str, Any]:
    """The engine of the evaluation."""
    count, few, decoding = len(asked), asked[:64][::-1], Decoding(NEW, in_8_bits=in_8_bits)
    with torch.inference_mode():
        start = time.perf_counter()
        one = Engine(model, decoding, Batching(slots, PROMPT + NEW, PREFILL, graph=True))
        first = dict(enumerate(asked[: min(slots, PREFILL // PROMPT)]))
        one.prefill(first)
        one.step()
        one.release(list(first))
        ready = time.perf_counter() - start
        answered = list[Generation]()
        total = seconds_of(lambda: answered.extend(answer(one, asked)))
        one.begins.copy_(torch.arange(slots, device="cuda") * one.slots.length)
        one.position.fill_(PROMPT)  # as after reading; the slots still hold what was read
        step = min(seconds_of(lambda: [one.step() for _ in range(16)]) / 16 for _ in range(3))
        one.release(range(slots))
        reading = min(seconds_of(lambda: one.prefill(first)) for _ in range(3))
        one.release(list(first))
        again = {one.number: one.ids for one in answer(one, few)}
    same = [ids == again[len(few) - 1 - i] for i, ids, _ in sorted(answered)[: len(few)]]
    return {
        "prompts": count,
        "new_tokens_per_second": sum(len(one.ids) for one in answered) / total,
        "prefill_tokens_per_second": len(first) * PROMPT / reading,
        "decoding_tokens_per_second": slots / step,
        "step_milliseconds": 1000 * step,
        "share_of_bandwidth_limit": step_bytes(model, slots, PROMPT, in_8_bits) / bandwidth / step,
        "same_in_another_order": sum(same) / len(same),
        "ready_seconds": ready,
        "projected_seconds": ready + EVALUATION * total / count,
    }


def step_bytes(
    model: PreTrainedModel, slots: int, position: int = PROMPT, in_8_bits: bool = False
) -> int:
    """Bytes that a decoding step reads: all weights, but of an input embedding one row a token,
    unless it is the map to the logits, too; and of each slot the keys and values before it."""
    config, table = model.config, model.get_input_embeddings().weight
    spared = 0 if config.tie_word_embeddings else table.numel() - slots * table.shape[1]
    numbers = sum(p.numel() for p in model.parameters()) - spared
    maps = [p for name, p in model.named_parameters() if name.endswith("_proj.weight")]
    small = sum(p.numel() - 4 * len(p) for p in maps) if in_8_bits else 0  # fp32 scales by row
    head_dim = config.head_dim or config.hidden_size // config.num_attention_heads
    token = 2 * config.num_hidden_layers * config.num_key_value_heads * head_dim
    return (numbers + slots * position * token) * table.element_size() - small


@torch.inference_mode()
def eight_bits_change(model: LlamaForCausalLM) -> dict[str, Any]:
    """How far products in 8 bits move the logits after a prompt, and how many first tokens."""
    asked, shape = prompts(64), Batching(64, PROMPT + NEW, PREFILL)
    made = []
    for in_8_bits in (False, True):
        one = Engine(model, Decoding(NEW, in_8_bits=in_8_bits), shape)
        one.prefill(dict(enumerate(asked)))
        slots = one.slots.direct(one.begins + one.position, one.position)
        made.append(one.reader.logits(one.last, one.position, slots).float())
    plain, small = made
    return {
        "distance": float((small - plain).norm() / plain.norm()),
        "flipped_first_tokens": float((small.argmax(-1) != plain.argmax(-1)).float().mean()),
    }


def product_rate() -> float:
    """Sustained FLOP/s of the widest product of a pass over prompts, (PREFILL, 4096, 28672)."""
    x = torch.randn(PREFILL, 4096, dtype=torch.bfloat16, device="cuda")
    weight = torch.randn(28672, 4096, dtype=torch.bfloat16, device="cuda") * 0.02
    out = torch.empty(PREFILL, 28672, dtype=torch.bfloat16, device="cuda")
    torch.mm(x, weight.t(), out=out)
    seconds = seconds_of(lambda: [torch.mm(x, weight.t(), out=out) for _ in range(200)])
    return 2 * x.numel() * len(weight) * 200 / seconds


def kernel_shares(model: LlamaForCausalLM, slots: int) -> dict[str, Any]:
    """Milliseconds of a pass over prompts and of a decoding step, by kind of kernel."""
    asked = prompts(slots)
    with torch.inference_mode():
        one = Engine(model, Decoding(NEW), Batching(slots, PROMPT + NEW, PREFILL))
        one.prefill(dict(enumerate(asked)))
        one.step()
        first = dict(enumerate(asked[: PREFILL // PROMPT]))
        return {
            "prefill": milliseconds_by_kind(lambda: one.prefill(first)),
            "decoding": milliseconds_by_kind(one.step),
        }


def changed(folder: Path, dtype: torch.dtype, in_8_bits: bool = False) -> dict[str, Any]:
    """Greedy answers of a trained model: together, one at a time, and by transformers."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to("cuda").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sentences = [pair["instruction"] for pair in sample.instructions(100, split="test")]
    asked = [tokenizer(text)["input_ids"] for text in sentences]
    decoding, shape = Decoding(32, in_8_bits=in_8_bits), Batching(64, 256, PREFILL, graph=True)
    together = [one.ids for one in sorted(generate(model, asked, decoding, shape))]
    alone = one_at_a_time(model, asked, decoding, shape)
    return {
        "prompts": len(asked),
        "same_as_one_at_a_time": 1 - flips(together, alone).value,
        "flip_rate_against_transformers": flips(
            together, by_transformers(model, asked, decoding)
        ).value,
    }


def earlier(file: Path) -> dict[str, Any]:
    """What was measured before on the same GPU; nothing else stands beside new results."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return kept if kept.get("gpu") == torch.cuda.get_device_name() else {}


def main() -> None:
    """Measure what the time allows, the most important first."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("wanted", nargs="*", help="ours_512, hugging_face_1, …; all without one")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--trained", type=Path, help="an exported model, for the flip rate")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    start, found = time.perf_counter(), earlier(arguments.out)
    wanted = {*arguments.wanted, *ALWAYS} if arguments.wanted else set()

    def measure(name: str, work: Callable[[], Any]) -> None:
        if wanted and name not in wanted:
            return
        if time.perf_counter() - start > arguments.seconds:
            found[name] = "no time left"
        else:
            try:
                found[name] = work()
            except Exception as error:
                found[name] = f"{type(error).__name__}: {str(error)[:500]}"
        torch.cuda.empty_cache()
        print(f"{time.perf_counter() - start:6.1f} s  {name}: {found[name]}", flush=True)
        arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    measure("gpu", lambda: torch.cuda.get_device_name())
    measure("copy_bytes_per_second", copy_bandwidth)
    measure("product_flops_per_second", product_rate)
    bandwidth = found["copy_bytes_per_second"]
    model = llama(arguments.layers)
    measure("hugging_face_64", lambda: peer(model, 64))
    measure("ours_512", lambda: ours(model, 512, prompts(512), bandwidth))

    def times(peer: str) -> float:
        rate = "new_tokens_per_second"
        return found["ours_512"][rate] / found[peer][rate]

    measure("ours_512_times_hugging_face_64", lambda: times("hugging_face_64"))
    measure("hugging_face_1", lambda: peer(model, 1))
    measure("ours_1", lambda: ours(model, 1, prompts(2), bandwidth))
    measure("ours_1_in_8_bits", lambda: ours(model, 1, prompts(2), bandwidth, True))
    measure("ours_512_in_8_bits", lambda: ours(model, 512, prompts(512), bandwidth, True))
    measure("eight_bits_change", lambda: eight_bits_change(model))
    measure("hugging_face_continuous_512", lambda: continuous_peer(model, prompts(512)))
    measure("ours_512_times_continuous", lambda: times("hugging_face_continuous_512"))
    measure("ours_64", lambda: ours(model, 64, prompts(64), bandwidth))
    alike = [prompts(1)[0][: PROMPT // 2] + prompt[PROMPT // 2 :] for prompt in prompts(512)]
    measure("ours_512_half_shared", lambda: ours(model, 512, alike, bandwidth))
    measure("kernel_milliseconds_512", lambda: kernel_shares(model, 512))
    if arguments.trained:
        for dtype in (torch.float32, torch.bfloat16):
            name = f"trained_{dtype}".replace("torch.", "")
            measure(name, lambda d=dtype: changed(arguments.trained, d))
        measure("trained_in_8_bits", lambda: changed(arguments.trained, torch.bfloat16, True))
    measure("ours_256", lambda: ours(model, 256, prompts(512), bandwidth))
    measure("ours_1024", lambda: ours(model, 1024, prompts(1024), bandwidth))


if __name__ == "__main__":
    main()
