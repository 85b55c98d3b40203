"""Chapter 21: the roofline of the machine at hand, and what runs under it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brnb.algorithms.roofline import (
    DTYPES,
    Operation,
    Timed,
    basic_operations,
    copy_rate,
    elementwise,
    matrix_rate,
    timed,
)
from brnb.report.figures import figure
from brnb.report.labels import find_label, label
from brnb.report.tables import frame
from brnb.theory.attention_traffic import attention_flops, fused_bytes
from brnb.theory.costs import hardware_id
from brnb.theory.roofline import attainable, ridge_point
from brnb.theory.transformer_flops import head_flops
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Ceilings:
    """Measured rates of a machine.

    Attributes
    ----------
    name, dtype
        Of the device, and the format of its products.
    bandwidth, peak
        Bytes/s of a copy, FLOP/s of a large product.
    published
        (bytes/s, FLOP/s) of the data sheet, None for a device that hardware.yaml lacks.
    """

    name: str
    dtype: str
    bandwidth: float
    peak: float
    published: tuple[float, float] | None

    @property
    def ridge(self) -> float:
        """FLOP/byte where both limits meet (Eq. B.24)."""
        return float(ridge_point(self.peak, self.bandwidth))


def measure_ceilings(
    device: "torch.device", dtype: str, megabytes: int, sizes: Sequence[int], budget: float
) -> Ceilings:
    """Copy rate of the machine at hand, and its best rate of products of these sizes."""
    import torch

    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    key = hardware_id(gpu) if gpu else None
    facts = load("hardware", key) if key else None
    published = None
    if facts and dtype != "fp32":
        published = 1e9 * float(facts["bandwidth_gb_s"]), 1e12 * float(facts["bf16_tflops"])
    bandwidth = copy_rate(device, megabytes, budget)
    peak = max(matrix_rate(device, dtype, size, budget) for size in sizes)
    return Ceilings(gpu or "CPU", dtype, bandwidth, peak, published)


def measure_operations(
    device: "torch.device", dtype: str, sizes: Sequence[int], rows: Mapping[str, int], budget: float
) -> dict[str, list[Timed]]:
    """PyTorch's operations and this project's own (`brnb.ops`), timed: two groups by label."""
    groups = {
        "operations_pytorch": basic_operations(sizes, dtype, device),
        "operations_ours": own_operations(device, dtype, **rows),
    }
    return {name: [timed(o, device, budget) for o in group] for name, group in groups.items()}


def own_operations(
    device: "torch.device", dtype: str, batch: int, seq_len: int, width: int, heads: int
) -> Iterator[Operation]:
    """Norm, gated product, causal attention and loss of this project; kernels where it has them."""
    import torch

    from brnb.ops.attention import attention
    from brnb.ops.elementwise import rms_norm, swiglu

    tokens = batch * seq_len
    x = torch.randn(tokens, width, device=device).to(DTYPES[dtype])
    gain = torch.ones(width, device=device)
    yield elementwise("rms_norm", 4.0, (x, x), lambda: rms_norm(x, gain, 1e-5))
    gate_up = torch.randn(tokens, 2 * width, device=device).to(DTYPES[dtype])
    yield elementwise("swiglu_product", 5.0, (gate_up, x), lambda: swiglu(gate_up))
    qkv = torch.randn(batch, seq_len, 3 * width, device=device).to(DTYPES[dtype])
    flops = batch * float(attention_flops(seq_len, width)) / 2  # causal
    traffic = batch * float(fused_bytes(seq_len, width, dtype))
    yield Operation("causal_attention", flops, traffic, lambda: attention(qkv, None, None, heads))
    yield _head_and_loss(x.clone().requires_grad_(), 4 * width)


def _head_and_loss(x: "torch.Tensor", vocab: int) -> Operation:
    """Loss of a head over `vocab` pieces with both gradients: three products."""
    import torch

    from brnb.ops.loss import fused_cross_entropy

    head = torch.randn(vocab, x.shape[1], device=x.device).to(x.dtype).requires_grad_()
    targets = torch.randint(vocab, (len(x),), device=x.device)
    return Operation(
        "head_and_loss",
        3 * float(head_flops(x.shape[1], vocab, len(x))),
        2.0 * (x.nbytes + head.nbytes),
        lambda: torch.autograd.grad(fused_cross_entropy(x, head, targets), (x, head)),
    )


def tab_roofline_ceilings(ceilings: Ceilings) -> "pd.DataFrame":
    """Measured ceilings, and published ones where the device has any."""
    bandwidth, peak = ceilings.published or (None, None)
    row = {
        "device": ceilings.name,
        "dtype": ceilings.dtype,
        "copy_gb_s": ceilings.bandwidth / 1e9,
        "copy_published": None if bandwidth is None else bandwidth / 1e9,
        "product_gflops": ceilings.peak / 1e9,
        "product_published": None if peak is None else peak / 1e9,
        "ridge": ceilings.ridge,
    }
    return frame([row])


def tab_roofline_operations(
    ceilings: Ceilings, groups: Mapping[str, Sequence[Timed]], lang: str
) -> "pd.DataFrame":
    """Every timed operation: intensity, rate, and its share of the roofline above it."""
    rows = []
    for group, operations in groups.items():
        for o in operations:
            limit = float(attainable(o.intensity, ceilings.peak, ceilings.bandwidth))
            rows.append(
                {
                    "operation": find_label(o.name, lang) or o.name,
                    "program": label(group, lang),
                    "intensity": o.intensity,
                    "microseconds": 1e6 * o.seconds,
                    "gflops": o.rate / 1e9,
                    "limit_gflops": limit / 1e9,
                    "roofline_share": 100 * o.rate / limit,
                }
            )
    return frame(rows)


def fig_roofline(ceilings: Ceilings, groups: Mapping[str, Sequence[Timed]], lang: str) -> "Figure":
    """The roofline of the machine at hand with every timed operation on it."""
    import numpy as np

    fig, axis = figure(3.8)
    intensities = [o.intensity for group in groups.values() for o in group]
    low, high = min([*intensities, ceilings.ridge]) / 3, max([*intensities, ceilings.ridge]) * 3
    grid = np.geomspace(low, high, 200)
    roof = attainable(grid, ceilings.peak, ceilings.bandwidth)
    axis.loglog(grid, np.asarray(roof) / 1e9, color="black", label=label("measured_roof", lang))
    if ceilings.published:
        published = attainable(grid, ceilings.published[1], ceilings.published[0])
        axis.loglog(grid, np.asarray(published) / 1e9, ":", color="0.4",
                    label=label("published_roof", lang))  # fmt: skip
    axis.axvline(ceilings.ridge, color="0.7", linewidth=0.8, zorder=0)
    for place, (group, operations) in enumerate(groups.items()):
        x, y = [o.intensity for o in operations], [o.rate / 1e9 for o in operations]
        axis.plot(x, y, "os"[place], color=f"C{place}", label=label(group, lang), markersize=5)
        for o in operations:
            if not o.name.startswith("n ="):
                axis.annotate(label(o.name, lang), (o.intensity, o.rate / 1e9), fontsize=7,
                              xytext=(4, -8), textcoords="offset points")  # fmt: skip
    axis.set_xlabel(label("intensity_axis", lang))
    axis.set_ylabel("GFLOP/s")
    axis.legend()
    return fig
