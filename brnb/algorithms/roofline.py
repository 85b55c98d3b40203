"""The roofline of the machine at hand: its copy rate, its matrix rate, and operations between them.

Every time is the shortest of several: a machine that others use is never faster than itself.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from brnb.theory.roofline import intensity, matmul_bytes, matmul_flops, matvec_bytes, matvec_flops

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
WARM_UP = 2  # calls


@dataclass(frozen=True)
class Operation:
    """Something to run, with what it needs at least.

    Attributes
    ----------
    name
        Label id, or a text that is shown as it is.
    flops, traffic
        FLOPs, and bytes that have to be moved once.
    call
        Runs it once; a GPU may still be at work when it returns.
    """

    name: str
    flops: float
    traffic: float
    call: Callable[[], object]


@dataclass(frozen=True)
class Timed:
    """An operation and the seconds that it took at best."""

    name: str
    flops: float
    traffic: float
    seconds: float

    @property
    def intensity(self) -> float:
        """FLOP/byte."""
        return float(intensity(self.flops, self.traffic))

    @property
    def rate(self) -> float:
        """FLOP/s."""
        return self.flops / self.seconds


def best_seconds(call: Callable[[], object], device: torch.device, budget: float) -> float:
    """Shortest seconds of a call, measured for about `budget` seconds and at least three times.

    On a GPU many calls run between two events, so that launching them is not what is measured.
    """
    for _ in range(WARM_UP):
        call()
    clock = _on_gpu if device.type == "cuda" else _on_cpu
    times = [clock(call)]
    while len(times) < 3 or (sum(times) < budget and len(times) < 1000):
        times.append(clock(call))
    return min(times)


def _on_cpu(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _on_gpu(call: Callable[[], object], calls: int = 10) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    for _ in range(calls):
        call()
    end.record()
    torch.cuda.synchronize()
    milliseconds: float = start.elapsed_time(end)
    return milliseconds / 1e3 / calls


def copy_rate(device: torch.device, megabytes: int, budget: float) -> float:
    """Bytes/s that memory moves: a copy of so many MB reads and writes each.

    Far more than the caches hold, or it is their rate.
    """
    source = torch.ones(megabytes * 10**6, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / best_seconds(lambda: target.copy_(source), device, budget)


def square_product(size: int, dtype: str, device: torch.device) -> Operation:
    """A product of square matrices."""
    a, b = (torch.randn(size, size, device=device).to(DTYPES[dtype]) for _ in range(2))
    out = torch.empty_like(a)
    flops, traffic = (float(f) for f in (matmul_flops(size, size, size),
                                         matmul_bytes(size, size, size, dtype)))  # fmt: skip
    return Operation(f"n = {size}", flops, traffic, lambda: torch.mm(a, b, out=out))


def matrix_rate(device: torch.device, dtype: str, size: int, budget: float) -> float:
    """FLOP/s of a product of square matrices, large enough to reach the ridge."""
    operation = square_product(size, dtype, device)
    return operation.flops / best_seconds(operation.call, device, budget)


def basic_operations(sizes: Sequence[int], dtype: str, device: torch.device) -> Iterator[Operation]:
    """Products of rising size, a matrix times a vector, a sum: from the ridge down its slope."""
    yield from (square_product(size, dtype, device) for size in sizes)
    size = max(sizes)
    matrix = torch.randn(size, size, device=device).to(DTYPES[dtype])
    vector = matrix[0].clone()
    flops, traffic = float(matvec_flops(size, size)), float(matvec_bytes(size, size, dtype))
    yield Operation("matrix_vector", flops, traffic, lambda: torch.mv(matrix, vector))
    other, total = matrix.clone(), torch.empty_like(matrix)
    yield elementwise("sum_of_matrices", 1.0, (matrix, other, total),
                      lambda: torch.add(matrix, other, out=total))  # fmt: skip


def elementwise(
    name: str, flops: float, tensors: Sequence[Tensor], call: Callable[[], object]
) -> Operation:
    """An operation that does `flops` for each element of its last tensor and moves each once."""
    traffic = sum(tensor.nbytes for tensor in tensors)
    return Operation(name, flops * tensors[-1].numel(), float(traffic), call)


def timed(operation: Operation, device: torch.device, budget: float) -> Timed:
    """Time an operation."""
    seconds = best_seconds(operation.call, device, budget)
    return Timed(operation.name, operation.flops, operation.traffic, seconds)
