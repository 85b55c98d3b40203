"""What chapters 17, 18, 20 and 21 compute on a GPU, with models that are not trained.

    python benchmarks/chapters_on_gpu.py [rooflines] [attention_curves] [looked_at] [integer_cache]
        [timed_contestants] [decoding_ways]

(without a word: all; wants a GPU, and bitsandbytes for NF4 and int8; chapters 20 and 21 take a
minute, half of it for compiling the masks) Each part of the chapters that looks at the device is
run as their cells run it, at lab's settings, with random weights and tokens in place of a
training's, so that only times, memory and rates mean anything: chapter 17's contestants with fewer
repetitions, on pieces of text in place of a tokenizer's; chapter 18's ways of decoding; what
attention costs and where it crosses the rest of its layer, and the roofline.

On an H200, eight layers of Mixtral in NF4 answer at 0.96 of the rate of the same loop in bf16,
dense layers at 0.77, in int8 at 0.24, with 0.29, 0.36 and 0.66 of the memory. The results go to
``benchmarks/results/chapters_on_gpu.json``, beside those of other words.
"""

import gc
import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import yaml

from brnb.algorithms import sparse_masks
from brnb.chapters import attention
from brnb.chapters import compute_precision as precision
from brnb.chapters import compute_roofline as roofline
from brnb.evaluate import attention_costs, gradient_paths, heads, masked
from brnb.fingerprint import notebook_cells
from brnb.generate.speed import random_model, speeds
from brnb.latency.comparison_params import MoEDenseParams
from brnb.latency.study import answer_records, items_of, time_all
from brnb.latency.summary import by_weights, summarise
from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.params import literals
from brnb.studies.lecture_params import LectureParams
from brnb.train.rows import TokenRow

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "chapters_on_gpu.json"
DEVICE = torch.device("cuda")
VOCAB, WIDTH, HEADS, CONTEXT = 16384, 512, 8, 512  # of v6
TOKENS, DOCUMENT = 32_768, 400


def settings(run: str) -> dict[str, Any]:
    """Lab's parameters of a run."""
    text = (HERE.parent / "params" / "lab" / f"{run}.yaml").read_text("utf-8")
    values: dict[str, Any] = yaml.safe_load(text)
    return values


def told(notebook: str, run: str) -> dict[str, Any]:
    """Lab's parameters of a run, and those that its notebook itself has."""
    cells = notebook_cells(HERE.parent / "notebooks" / f"{notebook}.ipynb")
    cell = next(literals(source) for source, tags in cells if "parameters" in tags)
    return (cell or {}) | settings(run)


def v6() -> TransformerLM:
    """Its shape."""
    shape = {"vocab_size": VOCAB, "width": WIDTH, "layers": 8, "heads": HEADS, "kv_heads": HEADS}
    model = TransformerLM(**shape, context=CONTEXT, hidden=4 * WIDTH)
    return model.to(DEVICE).eval()


def row() -> TokenRow:
    """Random tokens in documents of one length, closed by token 0."""
    ids = np.random.default_rng(0).integers(1, VOCAB, TOKENS).astype(np.uint16)
    ids[DOCUMENT - 1 :: DOCUMENT] = 0
    count = int((ids == 0).sum()) + 1
    return TokenRow(ids, count, np.full(count, 5 * DOCUMENT, np.uint32))


def attention_curves() -> dict[str, Any]:
    """Chapter 20: seconds and bytes against the length, and where A.20 crosses."""
    p = settings("attention")
    masks_of = attention_costs.cost_masks(p["cost_window"], p["cost_block"], 13, DEVICE)
    table = attention_costs.costs(
        p["lengths"], WIDTH, HEADS, masks_of, p["cost_block"], DEVICE
    )  # fmt: skip
    crossing = attention_costs.crossover(table, "naive")
    attention.fig_attention_crossover(table, WIDTH, {"naive": crossing}, "en")
    print(attention.tab_attention_costs(table, "en").to_string(), flush=True)
    return {
        "crossover": crossing,
        "crossover_predicted": 6 * WIDTH,
        "microseconds": {f"{c.kind} {c.n}": round(1e6 * c.seconds, 1) for c in table},
        "megabytes": {f"{c.kind} {c.n}": round(c.bytes / 1e6, 1) for c in table},
    }


def looked_at() -> dict[str, Any]:
    """Chapter 20: masks, gradients, Jacobians and heads of a Transformer and of an LSTM."""
    p, model, texts = settings("attention"), v6(), row()
    drawn = {"width": p["window"], "globals_": p["global_tokens"]}
    drawn |= {"random": p["random_tokens"], "block": p["block"], "seed": 13}
    masks = {
        "window": sparse_masks.sliding_window(p["window"]),
        "bigbird": sparse_masks.bigbird(CONTEXT, device=DEVICE, **drawn),
    }
    made = masked.qualities(model, texts, CONTEXT, 0, masks, 100, 13, 0.95)
    rnn = RecurrentLM(128, 512, 3, 128).to(DEVICE)
    characters = np.random.default_rng(0).integers(0, 128, TOKENS)
    windows = gradient_paths.spaced_windows(characters, p["text_tokens"], p["texts"])
    tokens = gradient_paths.spaced_windows(texts.ids, p["text_tokens"], p["texts"])
    reaches = [gradient_paths.reach(rnn, windows), gradient_paths.reach(model, tokens)]
    products = gradient_paths.state_products(rnn, windows[0], p["state_steps"])
    seen = heads.heads(model, tokens[:4, :-1].to(DEVICE))
    return {
        "quality": {name: one.share for name, one in made.items()},
        "decay": [one.decay for one in reaches],
        "products_within_norms": sum(one.product <= 1.001 * one.by_norm for one in products),
        "products": len(products),
        "score_rank": max(one.score_rank for one in seen),
    }


def rooflines() -> dict[str, Any]:
    """Chapter 21: ceilings and operations of this GPU."""
    p = settings("compute_infrastructure")
    budget, sizes = p["measure_seconds"], p["matrix_sizes"]
    ceilings = roofline.measure_ceilings(DEVICE, p["dtype"], p["copy_megabytes"], sizes, budget)
    timed = roofline.measure_operations(DEVICE, p["dtype"], sizes, p["rows"], budget)
    table = roofline.tab_roofline_operations(ceilings, timed, "en")
    print(table.to_string(), flush=True)
    roofline.fig_roofline(ceilings, timed, "en")
    return roofline.tab_roofline_ceilings(ceilings).to_dict("records")[0] | {
        "roofline_share": dict(zip(table["operation"], table["roofline_share"], strict=True))
    }


def integer_cache() -> dict[str, Any]:
    """Chapter 21: the cache in integers."""
    p, model = settings("compute_infrastructure"), v6()
    ids = torch.from_numpy(row().ids[: 8 * p["window_tokens"]].astype(np.int64)).view(8, -1)
    frame = precision.tab_integer_cache(model, ids.to(DEVICE), p["window_tokens"] // 2, "en")
    return frame.set_index("cache")["error"].to_dict()


class Pieces:
    """Stands in for a tokenizer: four characters a token, whose id is a hash."""

    vocab_size, eos_id = 32_000, 0

    def encode(self, text: str) -> list[int]:
        """Token ids of a prompt."""
        pieces = (text[i : i + 4].encode() for i in range(0, len(text), 4))
        return [1 + zlib.crc32(piece) % (self.vocab_size - 1) for piece in pieces]

    def decode(self, ids: list[int]) -> str:
        """Random weights say nothing."""
        return " ".join(map(str, ids))


def timed_contestants() -> dict[str, Any]:
    """Chapter 17: every contestant on two items of each task, twice; medians with intervals."""
    fewer = {"items_per_task": 2, "repeats": 2, "warm_up": 3, "external": {}}
    p = MoEDenseParams(**told("17_moe_dense", "moe_dense") | fewer)
    items = items_of(p)
    with tempfile.TemporaryDirectory() as work:
        timed = time_all(p, items, cast(Any, Pieces()), Path(work))
    records = answer_records(timed, items, None)
    summary, formats = summarise(records, p), by_weights(records, timed, p)
    print(summary.to_string(), formats.to_string(), sep="\n", flush=True)
    said = ["accuracy", "checked", "efficiency"]  # of random weights
    return {
        "parameters": {one.contestant.name: vars(one.size) for one in timed},
        "contestants": json.loads(summary.drop(columns=said).to_json(orient="records")),
        "formats": json.loads(formats.to_json(orient="records")),
    }


def decoding_ways() -> Iterator[dict[str, Any]]:
    """Chapter 18: one sequence decoded in every way, in both real shapes; what compiles, last."""
    p = LectureParams(**told("18_architectures", "architectures"))
    rows: dict[str, Any] = {key: {} for key in p.decoding_models}
    for way in sorted(p.decoding_ways, key=lambda way: way not in ("eager", "cache", "ours")):
        for key in p.decoding_models:
            model = random_model(p.decoded(key), DEVICE, p.decoding_dtype, p.seed)
            prompt = torch.randint(0, model.config.vocab_size, (p.decoding_prompt,)).tolist()
            start = time.perf_counter()
            one = speeds(model, [way], prompt, p.decoding_tokens, p.decoding_tries)[0]
            rows[key][way] = {"tokens_per_second": one.tokens_per_second, "bytes": one.peak_bytes}
            print(f"{time.perf_counter() - start:.0f} s  {key} {one}", flush=True)
            del model
            gc.collect()
            yield rows


PARTS: tuple[Callable[[], dict[str, Any] | Iterator[dict[str, Any]]], ...] = (
    *(rooflines, attention_curves, looked_at, integer_cache),
    *(timed_contestants, decoding_ways),
)


def main(words: list[str]) -> None:
    """Run what is asked for; one that fails says why."""
    machine = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    results: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
    if {name: results.get(name) for name in machine} != machine:
        results = dict(machine)
    for part in (part for part in PARTS if not words or part.__name__ in words):
        start, results[part.__name__] = time.perf_counter(), {}
        try:
            measured = part()
            for rows in [measured] if isinstance(measured, dict) else measured:
                results[part.__name__] = rows
                RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        except Exception as error:
            results[part.__name__]["error"] = f"{type(error).__name__}: {str(error)[:500]}"
        seconds = round(time.perf_counter() - start, 1)
        print(f"{seconds} s  {part.__name__}: {json.dumps(results[part.__name__])}", flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
