"""Tries sizes of the tiles of a mixture's products: where `brnb.ops.kernels.tuned` has them from.

    python benchmarks/moe_tiles.py [up] [product] [transposed] [sums]

(wants a Hopper GPU; one to two minutes)

Candidates are compiled first, by as many processes as there are cores, and then timed one after the
other on the rows of real shapes. Prints one line a shape and product, the fastest first: ms and
TFLOP/s.
"""

import os
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product
from multiprocessing import get_context
from typing import Any, NamedTuple

import torch

from brnb.ops.kernels import experts as kernels
from brnb.ops.kernels.sorting import gather, laid_out
from brnb.ops.kernels.tuned import EACH, Tile, tuning
from brnb.ops.sorting import Layout

CALLS = 9


class Shape(NamedTuple):
    """Tokens, width, inner width, experts, experts a token, rows of a tile."""

    tokens: int
    width: int
    hidden: int
    experts: int
    top_k: int
    block: int


SHAPES = {
    "Mixtral, 4096 tokens": Shape(4096, 4096, 14336, 8, 2, 128),
    "Qwen3-30B-A3B, 4096 tokens": Shape(4096, 2048, 768, 128, 8, 128),
    "Qwen3-30B-A3B, 4096 tokens, by 64": Shape(4096, 2048, 768, 128, 8, 64),
    "v6-like, 65536 tokens": Shape(65536, 512, 1408, 8, 2, 128),
    "Mixtral, 16 tokens": Shape(16, 4096, 14336, 8, 2, 16),
    "Qwen3-30B-A3B, 16 tokens": Shape(16, 2048, 768, 128, 8, 16),
}


def candidates(part: str, block: int) -> list[tuple[int, Tile]]:
    """Lines of a tile, where the product chooses them, and the tile."""
    if part == "sums":
        if block < 64:
            return []
        tiles = [
            (128, Tile(256, 64, 8, 8, 4)), (128, Tile(256, 64, 8, 8, 3)),
            (256, Tile(128, 64, 8, 8, 4)), (128, Tile(128, 64, 8, 8, 4)),
            (128, Tile(128, 64, 8, 4, 2)), (64, Tile(256, 64, 8, 4, 2)),
        ]  # fmt: skip
        return [(lines, replace(t, waves=w)) for (lines, t), w in product(tiles, (1, EACH))]
    if block == 16:
        if part == "transposed":
            return []
        tiles = [
            Tile(c, t, 8, w, s, EACH, False, swap)
            for (c, t, w, s), swap in product(
                ((64, 128, 4, 3), (64, 64, 4, 4), (32, 128, 4, 4), (128, 64, 4, 3), (64, 256, 4, 2),
                 (32, 256, 4, 3)),
                (False, True),
            )
            if not (swap and c < 64)
        ]  # fmt: skip
        return [(0, tile) for tile in tiles]
    sizes = {
        "up": (
            (128, 64, 8, 8, 3), (128, 64, 8, 8, 4), (128, 64, 4, 8, 4), (128, 64, 16, 8, 4),
            (64, 64, 8, 4, 2), (64, 64, 8, 4, 3), (64, 64, 8, 8, 4),
        ),
        "product": (
            (256, 64, 8, 8, 4), (256, 64, 8, 8, 3), (256, 64, 16, 8, 4), (128, 64, 8, 4, 2),
            (128, 64, 8, 8, 4),
        ),
    }["product" if part == "transposed" else part]  # fmt: skip
    warps = {128: 1, 64: 2}[block]
    tiles = [Tile(c, t, g, max(4, w // warps), s) for c, t, g, w, s in sizes]
    ways = ((1, False), (1, True), (EACH, False))
    return [(0, replace(t, waves=w, flat=f)) for t, (w, f) in product(tiles, ways)]


def prepared(shape: Shape) -> dict[str, Any]:
    """What the products of a shape read."""
    torch.manual_seed(0)
    T, d, f, E, k, block = shape
    draw = partial(torch.randn, device="cuda", dtype=torch.bfloat16)
    chosen = torch.rand(T, E, device="cuda").topk(k).indices
    layout = Layout(*laid_out(chosen, E, block))
    gate_up, down = draw(E, 2 * f, d) / d**0.5, draw(E, d, f) / f**0.5
    rows, count = gather(draw(T, d), layout, k), len(layout.source)
    before, active = draw(count, 2 * f), draw(count, f)
    return {"gate_up": gate_up, "down": down, "rows": rows, "before": before, "active": active,
            "layout": layout, "weights": torch.rand(T, k, device="cuda")}  # fmt: skip


def calls(part: str, data: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """The products of that kind."""
    gate_up, down, rows, before, active = (
        data[name] for name in ("gate_up", "down", "rows", "before", "active")
    )
    layout = data["layout"]
    return {
        "up": {"up": lambda: kernels._up(rows, gate_up, layout, keep=layout.block > 16)},
        "product": {"down": lambda: kernels._product(active, down, layout, transposed=False)},
        "transposed": {"dx": lambda: kernels._product(before, gate_up, layout, transposed=True)},
        "sums": {
            "d_gate_up": lambda: kernels._sums(before, rows, layout),
            "d_down": lambda: kernels._sums(rows, active, layout),
        },
    }[part]


def use(part: str, block: int, lines: int, tile: Tile) -> None:
    """Let products use a tile."""
    names = {"up": "up", "product": "product", "transposed": "product"}
    change: Any = (lines, tile) if part == "sums" else {block: tile}
    values = {f"experts_{names.get(part, part)}": change}
    if part == "up":
        values["experts_up_short"] = tile
    table = replace(tuning(), **values)
    kernels.tuning = lambda: table  # type: ignore[attr-defined]


def compiled(part: str, block: int, lines: int, tile: Tile) -> None:
    """Compile a candidate, on rows that are quickly multiplied."""
    data = prepared(Shape(256, 512, 512, 3, 2, block))
    use(part, block, lines, tile)
    for call in calls(part, data).values():
        call()


def seconds(call: Callable[[], Any]) -> float:
    """Median of some calls."""
    times = []
    for i in range(CALLS + 2):
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        call()
        last.record()
        last.synchronize()
        if i >= 2:
            times.append(first.elapsed_time(last) / 1e3)
    return statistics.median(times)


def flops(name: str, shape: Shape) -> float:
    """Of a product, without padding."""
    both = 2 if name in ("up", "dx", "d_gate_up") else 1
    return 2.0 * both * shape.tokens * shape.top_k * shape.width * shape.hidden


def main(wanted: list[str]) -> None:
    """Compile, time and print."""
    parts = wanted or ["up", "product", "transposed", "sums"]
    blocks = sorted({shape.block for shape in SHAPES.values()})
    jobs = [(p, b, *c) for p, b in product(parts, blocks) for c in candidates(p, b)]
    workers = min(12, os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(compiled, *job): job for job in jobs}
        failed = {job for future, job in futures.items() if future.exception()}
    for job in failed:
        print("failed:", job, flush=True)
    for (name, shape), part in product(SHAPES.items(), parts):
        data, times = prepared(shape), {}
        for lines, tile in candidates(part, shape.block):
            if (part, shape.block, lines, tile) not in failed:
                use(part, shape.block, lines, tile)
                for each, call in calls(part, data).items():
                    times[each, lines, tile] = seconds(call)
        for each in calls(part, data):
            mine = [(t, lines, tile) for (e, lines, tile), t in times.items() if e == each]
            best = sorted(mine, key=lambda row: row[0])[:5]
            for time, lines, tile in best:
                rate = flops(each, shape) / time / 1e12
                print(f"{name} | {each} | {time * 1e3:.3f} ms {rate:.0f} | {lines} {tile}")
        sys.stdout.flush()
        del data
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1:])
