"""What a mixture costs beside an MLP of its active parameters, by the engine that computes it."""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from brnb.models.choices import Experts
from brnb.models.moe import MoE
from brnb.ops.activation import activation
from brnb.ops.experts import UNIT, engine_for

if TYPE_CHECKING:
    import pandas as pd

REPEATS, WARM = 7, 2


def cost_frame(
    width: int, hidden: int, experts: int, top_k: int, tokens: Sequence[int], device: str
) -> "pd.DataFrame":
    """Median times of a mixture's block, in bf16 on a GPU and in fp32 on a CPU.

    Routing by itself (router, sorting, copying to and fro, adding up) is the time of the same block
    with experts too narrow for their products to matter, `UNIT` on a GPU and an eighth of that on a
    CPU: launches of products are in it.

    Parameters
    ----------
    width, hidden, experts, top_k
        Of the block; `hidden` is that of one expert.
    tokens
        How many at a time.
    device
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    DataFrame
        Columns engine (``"loop"``, ``"grouped"``, and ``"kernels"`` where there is a GPU), tokens,
        direction (``"forward"``, or ``"both"`` with the backward pass), milliseconds,
        routing_milliseconds, routing_share, dense_milliseconds, overhead (milliseconds over
        dense_milliseconds).
    """
    import pandas as pd

    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    torch.manual_seed(0)
    narrow = min(hidden, UNIT if device == "cuda" else UNIT // 8)
    block, routing = (
        _block(width, size, experts, top_k).to(device, dtype) for size in (hidden, narrow)
    )
    dense = _Dense(width, top_k * hidden).to(device, dtype)
    table = []
    for count in tokens:
        x = torch.randn(count, width, device=device, dtype=dtype, requires_grad=True)
        d = torch.randn_like(x)
        for direction in ("forward", "both"):
            alone = _milliseconds(_call(dense, x, d, direction), device)
            for engine in engines(x, hidden):
                block.engine = routing.engine = engine
                whole = _milliseconds(_call(block, x, d, direction), device)
                part = _milliseconds(_call(routing, x, d, direction), device)
                table.append(
                    {
                        "engine": engine,
                        "tokens": count,
                        "direction": direction,
                        "milliseconds": whole,
                        "routing_milliseconds": part,
                        "routing_share": min(1.0, part / whole),
                        "dense_milliseconds": alone,
                        "overhead": whole / alone,
                    }
                )
    return pd.DataFrame(table)


def engines(x: Tensor, hidden: int) -> list[str]:
    """Names of the engines that compute tokens (T, d) here."""
    return ["loop", "grouped"] + ["kernels"] * (engine_for(x, hidden) == "kernels")


def _block(width: int, hidden: int, experts: int, top_k: int) -> MoE:
    block = MoE(width, hidden, Experts(count=experts, top_k=top_k))
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    return block


class _Dense(nn.Module):
    """One SwiGLU MLP."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        y: Tensor = self.down(activation("swiglu", up, gate))
        return y


def _call(module: nn.Module, x: Tensor, d: Tensor, direction: str) -> Callable[[], Any]:
    """A forward pass, without what a backward pass needs, or both."""
    if direction == "forward":
        return partial(torch.no_grad()(module), x)
    leaves = [x, *module.parameters()]
    return lambda: torch.autograd.grad(module(x), leaves, d)


def _milliseconds(call: Callable[[], Any], device: str) -> float:
    """Median of some calls, after two that are not counted."""
    times = []
    for _ in range(WARM + REPEATS):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[WARM:])
