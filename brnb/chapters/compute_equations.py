"""What appendix B prints, beside what its equations give and beside the corrected ones."""

from typing import TYPE_CHECKING, Any

from brnb.chapters.corrections import printed_beside_corrected
from brnb.report.tables import AsPrinted, frame
from brnb.theory import (
    accelerators,
    attention_traffic,
    collectives,
    interconnect,
    loss_scaling,
    quantisation,
    roofline,
    tiling,
    transformer_flops,
    zero,
)
from brnb.theory.compute import DAY, GPT3_SIZES, gpu_seconds, training_flops
from brnb.theory.equations import rounds_to
from brnb.theory.kv_cache import cache_bytes
from brnb.theory.scaling_efficiency import amdahl_speedup
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

PARAMETERS, TOKENS, BATCH = 175e9, 300e9, 3.2e6
A100_PEAK, A100_BANDWIDTH = 312e12, 1.5e12  # as printed
SIGMA = 1e-4


def tab_compute_equations() -> "pd.DataFrame":
    """Every number that appendix B prints, with its value and whether they agree."""
    computed = values()
    rows = [
        {
            "equation": key,
            "section": fact["section"],
            "unit": fact["unit"],
            "published": _as_printed(fact["printed"]),
            "recomputed": computed[key],
            "agrees": rounds_to(float(f"{computed[key]:.12g}"), fact["printed"]),
        }
        for key, fact in load("compute_equations").items()
    ]
    return frame(rows)


def _as_printed(number: str) -> float | AsPrinted:
    """A number with the decimals that it is printed with, unless it is a power of ten."""
    return float(number) if "e" in number else AsPrinted(number)


def differing(table: "pd.DataFrame") -> "pd.DataFrame":
    """Rows of `tab_equations` that do not agree, by equation."""
    return table[[not agrees for agrees in table["agrees"]]].set_index("equation")


def values() -> dict[str, float]:
    """Value of every entry of brnb/thesis/compute_equations.yaml, in the unit given there."""
    return {**_flops(), **_machines(), **_communication(), **_numbers()}


def tab_printed(lang: str) -> "pd.DataFrame":
    """Formulas whose printed form is wrong, both evaluated, and their ratio."""
    return printed_beside_corrected(_pairs(), lang)


def _flops() -> dict[str, float]:
    layers, width = GPT3_SIZES["layers"], GPT3_SIZES["width"]
    short = transformer_flops.step_flops(layers, width, 1)  # n much below d
    seconds = gpu_seconds(training_flops(PARAMETERS, TOKENS), A100_PEAK / 1e12, 0.4)
    return {
        "B.17": float(short) / (layers * width**2),
        "B.18": float(transformer_flops.printed_step_flops(layers, width, 1))
        / transformer_flops.layer_parameters(layers, width),
        "B.21": training_flops(PARAMETERS, 1),
        "B.22": training_flops(PARAMETERS, TOKENS),
        "B.23-s": seconds,
        "B.23-days": seconds / DAY,
    }


def _machines() -> dict[str, float]:
    ridge = float(roofline.ridge_point(A100_PEAK, A100_BANDWIDTH))
    half = roofline.matvec_intensity(4096, 4096, "fp32")
    vector = float(roofline.attainable(half, A100_PEAK, A100_BANDWIDTH))
    effectiveness = accelerators.printed_cost_effectiveness
    return {
        "B.24": ridge,
        "B.28": float(roofline.compute_bound_size(ridge, "fp16")),
        "B.31-a": float(attention_traffic.printed_attention_intensity(2048, 1024)),
        "B.31-b": float(attention_traffic.printed_attention_intensity(8192, 128)),
        "B.33": float(tiling.tile_reuse(128)),
        "B.36": float(accelerators.flops_per_watt(312, 400)),
        "B.37": float(accelerators.flops_per_watt(989, 700)),
        "B.39": accelerators.systolic_peak(128, 8, 1.05e9) / 1e12,
        "B.40": float(accelerators.flops_per_watt(275, 192)),
        "B.42": float(effectiveness(312, 3.06)),
        "B.43": float(effectiveness(989, 8.00)),
        "B.44": float(effectiveness(275, 2.40)),
        "B.53": interconnect.FAT_TREE_DIAMETER,
        "B.112": vector / 1e9,
        "B.112-share": 100 * vector / A100_PEAK,
        "B.116": float(attention_traffic.fusion_speedup(2048, 128)),
    }


def _communication() -> dict[str, float]:
    data = collectives.gradient_bytes(PARAMETERS, "fp32")
    batch = training_flops(PARAMETERS, BATCH)
    traffic = [float(zero.sent_bytes(PARAMETERS, 8, stage, "fp16")) for stage in (3, 0)]
    return {
        "B.49": float(data) / 1e9,
        "B.50": float(collectives.ring_seconds(data, 8, 25e9)),
        "B.51": float(collectives.step_seconds(batch, 8, A100_PEAK, 0.4)),
        "B.93": traffic[0] / traffic[1],
        "B.106-a": float(amdahl_speedup(0.1, 1e9)),
        "B.106-b": float(amdahl_speedup(0.2, 1e9)),
    }


def _numbers() -> dict[str, float]:
    return {
        "B.45": loss_scaling.underflow_share(SIGMA),
        "B.126": float(cache_bytes(32, 4096, 4096, "fp16")) / 1e9,
        "B.129": quantisation.best_clip(8),
        "B.130": quantisation.cache_reduction(),
        "B.131": float(quantisation.rounding_rmse(1.0)),
        "B.137": loss_scaling.SMALLEST_NORMAL["fp16"],
    }


def _pairs() -> list[tuple[str, str, Any, Any]]:
    """Equation, label of what is computed, printed value, corrected value."""
    return [*_pairs_of_flops(), *_pairs_of_memory(), *_pairs_of_workers(), *_pairs_of_numbers()]


def _pairs_of_flops() -> list[tuple[str, str, Any, Any]]:
    f = transformer_flops
    whole = sum(f.sequence_flops(**GPT3_SIZES).values())
    layers, width, seq_len = GPT3_SIZES["layers"], GPT3_SIZES["width"], GPT3_SIZES["seq_len"]
    embedding = f.printed_embedding_flops(GPT3_SIZES["vocab"], width, seq_len)
    return [
        ("B.1", "embedding_gpt3", embedding, f.embedding_flops(width, seq_len)),
        ("B.12", "forward_gpt3", f.printed_sequence_flops(**GPT3_SIZES), whole),
        ("B.13", "forward_gpt3", f.printed_factored_flops(**GPT3_SIZES), whole),
        ("B.14", "forward_gpt3", f.layers_flops(layers, width, seq_len), whole),
        ("B.16", "training_gpt3", f.printed_step_flops(layers, width, seq_len),
         f.step_flops(layers, width, seq_len)),
    ]  # fmt: skip


def _pairs_of_memory() -> list[tuple[str, str, Any, Any]]:
    n, d = 2048, 128
    a, t = attention_traffic, tiling
    vector = roofline.matvec_intensity(4096, 4096, "fp32"), A100_PEAK, A100_BANDWIDTH
    tiled = t.tiling_reduction(4096, 4096, 4096, 128)
    price = accelerators.flops_per_usd(312e12, 3.06) / 1e12
    return [
        ("B.30", "bytes_of_attention", a.printed_attention_bytes(n, d),
         a.naive_bytes(n, d, "fp16")),
        ("B.31", "intensity_of_attention", a.printed_attention_intensity(8192, 128),
         a.naive_intensity(8192, 128, "fp16")),
        ("B.33", "traffic_saved_by_tiles", t.printed_tile_reuse(128), tiled),
        ("B.41", "tflop_for_a_dollar", accelerators.printed_cost_effectiveness(312, 3.06), price),
        ("B.108", "limit_of_matrix_vector", roofline.printed_attainable(*vector),
         roofline.attainable(*vector)),
        ("B.114", "bytes_of_naive_attention", a.printed_naive_bytes(n, d),
         a.naive_bytes(n, d, "fp32")),
        ("B.115", "bytes_of_fused_attention", a.printed_fused_bytes(n, d),
         a.fused_bytes(n, d, "fp32")),
        ("B.116", "bytes_saved_by_fusion", a.printed_fusion_speedup(n, d), a.fusion_speedup(n, d)),
    ]  # fmt: skip


def _pairs_of_workers() -> list[tuple[str, str, Any, Any]]:
    c, i = collectives, interconnect
    levels = {"data": 14e9, "nodes": 4, "gpus": 8, "fast": 450e9, "slow": 25e9}
    before = c.ring_seconds(14e9, 8, 450e9) + c.ring_seconds(14e9, 4, 25e9)
    broadcast = c.hierarchical_seconds(**levels) - before
    sent = [zero.sent_bytes(7e9, 8, stage, "fp16") for stage in (3, 0)]
    return [
        ("B.52", "hosts_of_fat_tree", i.printed_fat_tree_hosts(48), i.fat_tree_hosts(48)),
        ("B.52", "bisection_of_fat_tree", i.printed_bisection_bandwidth(48, 50e9),
         i.bisection_bandwidth(48, 50e9)),
        ("B.88", "bytes_of_zero1", zero.printed_zero1_bytes(7e9, 8), zero.worker_bytes(7e9, 8, 1)),
        ("B.93", "overhead_of_zero3", zero.printed_overhead(7e9), sent[0] / sent[1]),
        ("B.103", "seconds_of_broadcast", c.printed_hierarchical_seconds(**levels) - before,
         broadcast),
    ]  # fmt: skip


def _pairs_of_numbers() -> list[tuple[str, str, Any, Any]]:
    lost = loss_scaling.underflow_share(SIGMA)
    q = quantisation
    step = 1.6 / 255
    return [
        ("B.45", "lost_in_fp16", loss_scaling.printed_underflow_share(SIGMA), lost),
        ("B.137", "lost_in_fp16", loss_scaling.printed_subnormal_share(SIGMA), lost),
        ("B.129", "squared_error_of_clip", q.clipped_error(2.5), q.clipped_error(q.best_clip())),
        ("B.131", "rounding_error", q.printed_rounding_rmse(1.0), q.rounding_rmse(1.0)),
        ("B.143", "code_of_zero", q.printed_zero_point(-0.7, step), q.zero_point(-0.7, step)),
    ]
