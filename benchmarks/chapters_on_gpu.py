"""What chapters 20 and 21 compute on a GPU, at lab's settings, with models that are not trained.

    python benchmarks/chapters_on_gpu.py

(wants a GPU; a minute, half of it for compiling the masks) Each part of the chapters that looks at
the device is run as their cells run it, with random weights and tokens in place of a training's, so
that only times, memory and rates mean anything: what attention costs and where it crosses the rest
of its layer, and the roofline. The results go to ``benchmarks/results/chapters_on_gpu.json``.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from brnb.algorithms import sparse_masks
from brnb.chapters import attention
from brnb.chapters import compute_precision as precision
from brnb.chapters import compute_roofline as roofline
from brnb.evaluate import attention_costs, gradient_paths, heads, masked
from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
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
    windows = gradient_paths.windows(characters, p["text_tokens"], p["texts"])
    tokens = gradient_paths.windows(texts.ids, p["text_tokens"], p["texts"])
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


def main() -> None:
    """Run them all; one that fails says why."""
    results: dict[str, Any] = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    parts: tuple[Callable[[], dict[str, Any]], ...] = (
        rooflines,
        attention_curves,
        looked_at,
        integer_cache,
    )
    for part in parts:
        start = time.perf_counter()
        try:
            results[part.__name__] = part()
        except Exception as error:
            results[part.__name__] = f"{type(error).__name__}: {str(error)[:500]}"
        seconds = round(time.perf_counter() - start, 1)
        print(f"{seconds} s  {part.__name__}: {json.dumps(results[part.__name__])}", flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
