"""Chapter 21: what a Transformer computes and moves, and what bounds it on an A100."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory import attention_traffic, roofline, transformer_flops
from brnb.theory.compute import GPT3_SIZES
from brnb.theory.tiling import printed_tile_reuse, tile_reuse, tiling_reduction

if TYPE_CHECKING:
    import pandas as pd

GPT2 = {"layers": 12, "width": 768, "hidden": 3072, "seq_len": 1024, "vocab": 50257}
A100 = {"fp16": 312e12, "fp32": 19.5e12, "bandwidth": 1.5e12}  # peaks; bandwidth as printed
RIDGE = A100["fp16"] / A100["bandwidth"]  # FLOP a byte, Eq. B.24
SHARED_MEMORY = 164 * 1024  # bytes that a block of an A100 may use


def tab_flops(lang: str) -> "pd.DataFrame":
    """Forward FLOPs of GPT-3 and of GPT-2 124M by part (Eqs. B.1-B.12), and their shares."""
    models = {"gpt3": _parts(**GPT3_SIZES), "gpt2": _parts(**GPT2)}
    rows = []
    for part in models["gpt3"]:
        row: dict[str, Any] = {"part": label(f"forward_{part}", lang)}
        for name, parts in models.items():
            row[f"gflop_{name}"] = parts[part] / 1e9
            row[f"share_{name}"] = 100 * parts[part] / sum(parts.values())
        rows.append(row)
    return frame(rows)


def _parts(layers: int, width: int, hidden: int, seq_len: int, vocab: int) -> dict[str, float]:
    f = transformer_flops
    attention = f.attention_layer_flops(width, seq_len)
    inside = attention | f.feedforward_flops(width, hidden, seq_len)
    inside["norms"] = f.norm_flops(width, seq_len)
    parts = {"embedding": f.embedding_flops(width, seq_len)}
    parts |= {name: layers * value for name, value in inside.items()}
    parts["head"] = f.head_flops(width, vocab, seq_len)
    return {name: float(value) for name, value in parts.items()}


def tab_intensities(sizes: Sequence[int], lang: str) -> "pd.DataFrame":
    """FLOP a byte of typical operations, and what bounds each on an A100 (from Eq. B.25 on)."""
    rows = []
    for n in sizes:
        for dtype in ("fp32", "fp16"):
            products = {
                "matrix_product": (roofline.matmul_flops(n, n, n),
                                   roofline.matmul_bytes(n, n, n, dtype)),
                "matrix_vector": (roofline.matvec_flops(n, n), roofline.matvec_bytes(n, n, dtype)),
                "attention_naive": (attention_traffic.attention_flops(n, 128),
                                    attention_traffic.naive_bytes(n, 128, dtype)),
                "attention_fused": (attention_traffic.attention_flops(n, 128),
                                    attention_traffic.fused_bytes(n, 128, dtype)),
            }  # fmt: skip
            rows += [_bound(name, n, dtype, *pair, lang) for name, pair in products.items()]
    order = list(dict.fromkeys(row["operation"] for row in rows))
    return frame(sorted(rows, key=lambda row: order.index(row["operation"])))


def _bound(name: str, n: int, dtype: str, flops: Any, traffic: Any, lang: str) -> dict[str, Any]:
    per_byte = float(roofline.intensity(flops, traffic))
    ridge = float(roofline.ridge_point(A100[dtype], A100["bandwidth"]))
    limit = float(roofline.attainable(per_byte, A100[dtype], A100["bandwidth"]))
    return {
        "operation": label(name, lang),
        "n": n,
        "dtype": dtype,
        "intensity": per_byte,
        "ridge": ridge,
        "bound": label("bound_compute" if per_byte > ridge else "bound_memory", lang),
        "limit_tflops": limit / 1e12,
    }


def tab_sides(lang: str) -> "pd.DataFrame":
    """Sides of square matrices that reach an A100's ridge, by formats of bytes and of the peak."""
    cases = {"as_in_the_text": ("fp32", "fp16"), "sixteen_bits": ("fp16", "fp16")}
    cases["thirty_two_bits"] = ("fp32", "fp32")
    rows = []
    for name, (stored, computed) in cases.items():
        ridge = float(roofline.ridge_point(A100[computed], A100["bandwidth"]))
        side = float(roofline.compute_bound_size(ridge, stored))
        reached = float(roofline.matmul_intensity(side, side, side, stored))
        sizes = {"ridge": ridge, "side": side, "intensity": reached}
        rows.append({"case": label(name, lang), "bytes_of": stored, "peak_of": computed, **sizes})
    return frame(rows)


def tab_tiles(tiles: Sequence[int], width: int = 128) -> "pd.DataFrame":
    """Reuse of a tile, printed and right, and shared memory of an attention tile of that side."""
    rows = []
    for tile in tiles:
        parts = attention_traffic.tile_elements(tile, tile, width)
        size = float(attention_traffic.tile_bytes(tile, tile, width, "fp16"))
        rows.append(
            {
                "tile": tile,
                "reuse_published": float(printed_tile_reuse(tile)),
                "reuse": float(tile_reuse(tile)),
                "traffic_reduction": float(tiling_reduction(4096, 4096, 4096, tile)),
                "tile_numbers": int(sum(parts.values())),
                "tile_kib": size / 1024,
                "fits": size <= SHARED_MEMORY,
            }
        )
    return frame(rows)
