"""Chapter 21: Tables 15 and 16, and what accelerators do for their watts and their price."""

from typing import TYPE_CHECKING

from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory.accelerators import (
    clocked_peak,
    flops_per_usd,
    flops_per_watt,
    peak_flops,
    printed_cost_effectiveness,
    transfer_watts,
)
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd


def tab15(lang: str) -> "pd.DataFrame":
    """Table 15 as printed, vendors' and measured numbers, and the watts that it implies."""
    rows = []
    for row in load("infrastructure", "tab15", "rows"):
        capacity, bandwidth, latency, energy = row["printed"]
        watts = transfer_watts(float(row["bytes_per_s"]), 1e-12 * float(row["pj_per_bit"]))
        rows.append(
            {
                "level": label(f"level_{row['level']}", lang),
                "capacity_published": capacity,
                "bandwidth_published": bandwidth,
                "latency_published": latency,
                "energy_published": energy,
                "bandwidth_tb_s": row["bandwidth_tb_s"],
                "cycles": row["cycles"],
                "implied_watts": float(watts),
            }
        )
    return frame(rows)


def tab16() -> "pd.DataFrame":
    """Table 16 with its derived columns computed, FLOPs for a dollar beside TFLOPS/$."""
    rows = []
    for row in load("infrastructure", "tab16", "rows"):
        tflops, price = float(row["tflops"]), float(row["usd_per_hour"])
        rows.append(
            {
                "accelerator": row["name"],
                "tflops": tflops,
                "memory_gb": int(row["memory_gb"]),
                "bandwidth_tb_s": float(row["bandwidth_tb_s"]),
                "efficiency_published": float(row["efficiency"]),
                "tflops_per_watt": float(flops_per_watt(tflops, row["power_w"])),
                "usd_per_hour": price,
                "tflops_hour_per_usd": float(printed_cost_effectiveness(tflops, price)),
                "eflop_per_usd": float(flops_per_usd(tflops * 1e12, price)) / 1e18,
            }
        )
    return frame(rows)


def tab_peaks() -> "pd.DataFrame":
    """Dense peaks by format of the accelerators of ``peaks``, and those that clocks give."""
    clocks = {"a100": "a100_40gb", "h100_sxm": "h100_sxm", "h200_sxm": "h200_sxm"}
    rows = []
    for key, facts in load("infrastructure", "peaks").items():
        chip = load("hardware", clocks[key]) if key in clocks else None
        clocked = None if chip is None else clocked_peak(
            chip["sms"], chip["flops_per_clock"], 1e6 * chip["boost_mhz"])  # fmt: skip
        formats = {d: peak_flops(key, d) / 1e12 for d in facts["tflops"]}
        columns = {d.upper(): formats.get(d) for d in ("fp32", "tf32", "bf16", "fp8", "int8")}
        by_clock = None if clocked is None else float(clocked) / 1e12
        rows.append({"accelerator": facts["name"], **columns, "bf16_by_clock": by_clock})
    return frame(rows)
