"""Decoding speed of one sequence beside Transformers, in one process on one GPU.

    python benchmarks/decoding_speed.py [checks] [speed] [peers] [profile] [tiles]

(without a word: checks, speed and peers; wants a Hopper GPU; about four minutes, most of them the
peers' compilation)

The shapes are Llama 3.2 1B's and Qwen3 0.6B's, with random bf16 weights. A step reads all weights
but the input embedding's, of which it reads one row (here the embedding is the map to the logits,
too, and is read as that), and the keys and values of all tokens before. The limit is those bytes
over the measured rate of a copy. The peers are Hugging Face generate with its dynamic cache, as it
comes, and with its static cache, compiled: of the time of two lengths the difference, so that
neither the prompt nor the start counts.

``checks`` compares tokens with Transformers' in fp32, ``profile`` lists a step's kernels, ``tiles``
measures others than those in `brnb.ops.kernels.tuned`.

On an H200 ours reaches 1,229, 1,148 and 935 tokens a second in the first shape at positions 128,
2,048 and 16,384, which is 71, 68 and 65% of the limit, and 1,589, 1,364 and 839 in the second (45,
45 and 60%), where a layer's weights take 7 microseconds to read and its five kernels 20: what they
wait for each other is what is left, 18 to 26% of a step in the first shape by a run without any
wait. The goals were 1,200 and 1,700 at 128 and 2,048, and 80% of them at 16,384, which in the
second shape is 97% of the limit there: its keys and values weigh more than its weights. The tiles
ask for nothing ahead; fewer warps than four, and programs of fewer weights, are slower. Greedy
answers in fp32 are Transformers' in both shapes (``checks``). The peers are of the run before.

The results go to ``benchmarks/results/decoding_speed.json``.
"""

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from generation_speed import copy_bandwidth, seconds_of, step_bytes
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen3Config,
)

from brnb.generate.continuous import generate
from brnb.generate.engine import Batching, Decoding, Engine
from brnb.ops.kernels import early, one_token, streaming
from brnb.ops.kernels.tuned import TokenTile, Tuning, VectorTile, tuning

SHAPES: dict[str, tuple[type[PreTrainedConfig], dict[str, Any]]] = {
    "llama_3.2_1b": (
        LlamaConfig,
        {
            "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
            "vocab_size": 128256, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5},
        },
    ),
    "qwen3_0.6b": (
        Qwen3Config,
        {
            "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
            "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
            "vocab_size": 151936, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        },
    ),
}  # fmt: skip
COMMON = {"max_position_embeddings": 32768, "tie_word_embeddings": True, "eos_token_id": None}
POSITIONS, STEPS, ROUNDS = (128, 2048, 16384), 64, 5
VECTOR_TILES = (  # numbers, columns, programs, warps, bytes ahead
    *((8192, 2048, programs, 4, 0) for programs in (256, 512, 1024)),
    *((16384, 2048, 512, 4, 0), (16384, 2048, 256, 4, 0), (16384, 2048, 256, 8, 0)),
    *((32768, 2048, 256, 8, 0), (8192, 2048, 512, 4, 2**24)),
)
TOKEN_TILES = (  # keys, parts, warps, stages, keys alone
    *((64, 32, 4, 2, 512), (64, 32, 4, 3, 512), (64, 32, 4, 4, 512)),
    *((128, 32, 4, 2, 256), (128, 32, 4, 3, 256), (128, 16, 8, 2, 256)),
)
RESULTS = Path(__file__).parent / "results" / "decoding_speed.json"


def model_of(name: str, dtype: torch.dtype = torch.bfloat16, **more: Any) -> PreTrainedModel:
    """A model of a shape with random weights."""
    torch.manual_seed(0)
    kind, sizes = SHAPES[name]
    config = kind(bos_token_id=None, pad_token_id=0, **COMMON | sizes | more)
    with torch.device("cuda"):
        return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()


def engine_of(model: PreTrainedModel, position: int) -> Engine:
    """An engine whose one sequence has so many tokens, of random keys and values."""
    one = Engine(model, Decoding(STEPS), Batching(1, position + 2 * STEPS, 128, graph=True))
    for kept in (*one.slots.keys, *one.slots.values):
        kept.normal_()
    one.begins.fill_(0)
    one.position.fill_(position)
    return one


@torch.inference_mode()
def step_seconds(model: PreTrainedModel, position: int) -> float:
    """Median seconds of a step from a position on; the tokens are read on the CPU, as answers."""
    one, times = engine_of(model, position), list[float]()
    for _ in range(ROUNDS):
        one.position.fill_(position)
        times.append(seconds_of(lambda: steps(one)) / STEPS)
    return statistics.median(times)


def steps(one: Engine) -> None:
    """Some steps, each begun before the tokens of the last are read."""
    before = one.begin_step()
    for _ in range(STEPS - 1):
        after = one.begin_step()
        before()
        before = after
    before()


def speed(name: str, bandwidth: float) -> dict[str, Any]:
    """Tokens a second at each position, and their share of what memory allows."""
    model, rows = model_of(name), dict[str, Any]()
    for position in POSITIONS:
        seconds = step_seconds(model, position)
        limit = bandwidth / step_bytes(model, 1, position)
        rows[str(position)] = {
            "limit": limit,
            "ours": 1 / seconds,
            "share_of_limit": 1 / seconds / limit,
        }
    return rows


@torch.inference_mode()
def peers(name: str) -> dict[str, Any]:
    """Tokens a second of Hugging Face generate, by its cache, after a prompt of 128."""
    model, rates = model_of(name), dict[str, Any]()
    ids = torch.randint(1000, 100_000, (1, POSITIONS[0]), device="cuda")
    for kind, cache in (("dynamic", {}), ("static", {"cache_implementation": "static"})):

        def work(new: int, cache: dict[str, str] = cache) -> None:
            lengths = {"max_new_tokens": new, "min_new_tokens": new, "do_sample": False}
            model.generate(ids, attention_mask=torch.ones_like(ids), **lengths, **cache)

        few, many = 16, 16 + 2 * STEPS
        work(few), work(many)
        seconds = [min(seconds_of(lambda n=n: work(n)) for _ in range(2)) for n in (few, many)]
        rates[kind] = (many - few) / (seconds[1] - seconds[0])
    return rates


@torch.no_grad()  # weights made in inference mode do not say when they change, as the engine asks
def checks(name: str) -> dict[str, Any]:
    """Share of greedy answers in fp32 that are Transformers', of a model of few layers; and the
    distance of our logits from its own in bf16."""
    model, new = model_of(name, torch.float32, num_hidden_layers=4), 48
    draw = torch.Generator().manual_seed(1)
    asked = [torch.randint(5, 100_000, (n,), generator=draw).tolist() for n in (1, 7, 130, 1500)]
    ours = sorted(generate(model, asked, Decoding(new), Batching(1, 2048, 512, graph=True)))
    same = 0
    for prompt, answer in zip(asked, ours, strict=True):
        ids = torch.tensor([prompt], device="cuda")
        lengths = {"max_new_tokens": new, "min_new_tokens": new, "do_sample": False}
        said = model.generate(ids, attention_mask=torch.ones_like(ids), **lengths)
        same += said[0, len(prompt) :].tolist() == answer.ids
    del ours
    model = model_of(name, num_hidden_layers=4)
    one = Engine(model, Decoding(new), Batching(1, 2048, 512))
    one.prefill({0: asked[-1]})
    slots = one.slots.direct(one.begins + one.position, one.position)
    logits = one.reader.logits(one.last, one.position, slots)[0].float()
    expected = model(torch.tensor([asked[-1]], device="cuda")).logits[0, -1].float()
    return {
        "same_answers": same / len(asked),
        "distance_bf16": float((logits - expected).norm() / expected.norm()),
    }


@torch.inference_mode()
def profile(name: str, position: int = 2048) -> dict[str, Any]:
    """Microseconds and count of each kernel of a step; with early starts, waiting is in them."""
    one = engine_of(model_of(name), position)
    one.step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as record:
        for _ in range(8):
            one.step()
        torch.cuda.synchronize()
    return {
        event.key[:60]: [round(event.self_device_time_total / 8, 1), event.count / 8]
        for event in sorted(record.key_averages(), key=lambda e: -e.self_device_time_total)
        if event.self_device_time_total
    }


def tiles(name: str) -> dict[str, Any]:
    """Microseconds of a step with other tiles than the tuned, and without early starts."""
    model, rows, tuned = model_of(name), dict[str, Any](), tuning()
    launch = dict(early.EARLY)
    early.EARLY.clear()
    rows["not early"] = round(1e6 * step_seconds(model, 128), 1)
    early.EARLY.update(launch)

    def measured(shape: Tuning) -> list[float]:
        for module in (early, one_token, streaming):
            module.tuning = lambda: shape  # type: ignore[attr-defined]
        return [round(1e6 * step_seconds(model, position), 1) for position in POSITIONS]

    for vector in VECTOR_TILES:
        rows[str(vector)] = measured(replace(tuned, vector=VectorTile(*vector)))[0]
        print(vector, rows[str(vector)], flush=True)
    for token in TOKEN_TILES:
        rows[str(token)] = measured(replace(tuned, token=TokenTile(*token)))
        print(token, rows[str(token)], flush=True)
    return rows


def main(words: list[str]) -> None:
    """Measure what is asked for, each as it comes."""
    machine = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
    if {name: results.get(name) for name in machine} != machine:
        results = dict(machine)
    results["copy_bytes_per_second"] = bandwidth = copy_bandwidth()
    print(results, flush=True)
    measures: dict[str, Callable[[str], Any]] = {
        "checks": checks,
        "speed": lambda name: speed(name, bandwidth),
        "peers": peers,
        "profile": profile,
        "tiles": tiles,
    }
    for word in words or ["checks", "speed", "peers"]:
        for name in SHAPES:
            start = time.perf_counter()
            try:
                results.setdefault(word, {})[name] = measures[word](name)
            except Exception as error:
                results.setdefault(word, {})[name] = f"{type(error).__name__}: {str(error)[:500]}"
            seconds = time.perf_counter() - start
            print(f"{seconds:.1f} s  {word} {name}: {json.dumps(results[word][name])}", flush=True)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            gc.collect()
            torch.cuda.empty_cache()
            torch._dynamo.reset()


if __name__ == "__main__":
    main(sys.argv[1:])
