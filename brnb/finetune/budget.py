"""What fits into the memory: tokens of a micro-batch, layers to recompute, maps to dequantise."""

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from brnb.bases.reading import OutOfBudget
from brnb.theory.lora import LLAMA_MAPS
from brnb.theory.memory import GIB, MicroBatch, memory
from brnb.theory.shape import Shape

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from brnb.finetune.params import FinetuneParams

# What a micro-batch costs besides its tokens, in tokens: from kernel times of 2048 and of 4096 of
# them, and of dequantising all maps, on one H200 (8B shape).
LAUNCH, DEQUANTISE = 300, 250
SPARE = 0.05  # share of the limit left to fragmentation and to errors of the prediction


@dataclass(frozen=True)
class MemoryPlan:
    """How a step is cut to the memory.

    Attributes
    ----------
    tokens
        Of a micro-batch at most; never less than one pack.
    recomputed
        Layers, the first ones, that keep only their input and run again in the backward pass.
    dequantised
        Layers, the last ones, whose NF4 maps are kept in 16 bits.
    limit, predicted
        Bytes that may be used, and those that `brnb.theory.memory` predicts; None on a CPU.
    processes
        Over which the layers of the base are spread; 1 where each process has all of it.
    """

    tokens: int
    recomputed: int = 0
    dequantised: int = 0
    limit: int | None = None
    predicted: int | None = None
    processes: int = 1

    def smaller(self, seq_len: int) -> "MemoryPlan":
        """Half the micro-batch, after a step that ran out of memory.

        Raises
        ------
        OutOfBudget
            If the micro-batch is one pack already.
        """
        if self.tokens <= seq_len:
            raise OutOfBudget(
                f"a single pack of {seq_len} tokens does not fit: lower seq_len or rank, quantise "
                "the base (quantization: nf4) or raise memory_limit_gib"
            )
        return replace(self, tokens=max(seq_len, self.tokens // 2 // seq_len * seq_len))

    def resources(self) -> dict[str, Any]:
        """Resources of the plan for the receipt."""
        return {f"plan_{name}": value for name, value in asdict(self).items()}


def plan_memory(
    shape: Shape, params: "FinetuneParams", limit: int, replayed: bool, processes: int = 1
) -> MemoryPlan:
    """The fastest way that fits into `limit` bytes.

    Time a token is counted, not measured: a recomputed layer costs half a pass more, and each
    micro-batch pays for launching its kernels and for dequantising the maps that are kept in NF4.

    Parameters
    ----------
    shape
        The base model.
    params
        ``seq_len``, ``packs_per_step``, ``rank``, ``target_modules``, ``quantization``.
    limit
        Bytes that the process may allocate.
    replayed
        Whether `brnb.finetune.layers` computes the model, or transformers.
    processes
        Over which the layers of the base are spread.

    Raises
    ------
    OutOfBudget
        If one pack with all layers recomputed does not fit.
    """
    usable = int(limit * (1 - SPARE))
    choices = list(_choices(shape, params, replayed, processes))
    fitting = [(c, p) for c, p in choices if p <= usable]
    if not fitting:
        least = min(p for _, p in choices)
        raise OutOfBudget(
            f"one pack of {params.seq_len} tokens needs {least / GIB:.1f} GiB, {usable / GIB:.1f} "
            "may be used: lower seq_len or rank, quantise the base, raise memory_limit_gib, or "
            f"spread the base over more GPUs: BRNB_PROCESSES={2 * processes}"
        )
    step, predicted = min(fitting, key=lambda choice: (_time(shape, choice[0]), choice[1]))
    return MemoryPlan(
        step.tokens, step.recomputed or 0, step.dequantised, limit, predicted, processes
    )


def processes_for(
    config: "PreTrainedConfig", params: "FinetuneParams", device: torch.device, count: int
) -> int:
    """Over how many of `count` processes a base is spread: 1 if the GPU of each holds a step."""
    limit = _limit(params.memory_limit_gib, device)
    if limit is None or count == 1:
        return 1
    try:
        plan_memory(shape_of(config), params, limit, replayed=True)
    except OutOfBudget:
        return count
    return 1


def _choices(
    shape: Shape, params: "FinetuneParams", replayed: bool, processes: int
) -> Iterator[tuple[MicroBatch, int]]:
    """All ways to cut a step, with the bytes of each.

    Of a base that is recomputed or spread, no layers are kept dequantised.
    """
    nf4 = params.quantization == "nf4"
    first = MicroBatch(
        method="qlora" if nf4 else "lora",
        batch=1,
        seq_len=params.seq_len,
        rank=params.rank,
        maps=[LLAMA_MAPS[name] for name in params.target_modules],
        kernels="replayed" if replayed else "eager",
        head="frozen",
        cast_inputs=not replayed,
        accumulated=True,
        processes=processes,
    )
    dequantisable = range(shape.layers + 1 if nf4 and replayed and processes == 1 else 1)
    for batch in range(1, params.packs_per_step + 1):
        ways = [(0, layers) for layers in dequantisable] + [
            (n, 0) for n in range(1, shape.layers + 1)
        ]
        for recomputed, dequantised in ways:
            step = replace(first, batch=batch, recomputed=recomputed, dequantised=dequantised)
            yield step, memory(shape, step).total


def _time(shape: Shape, step: MicroBatch) -> float:
    """Time a token, in forward and backward passes of one layer."""
    again = 0.5 * (step.recomputed or 0) / shape.layers
    in_nf4 = (1 - step.dequantised / shape.layers) if step.method == "qlora" else 0.0
    return 1 + again + (LAUNCH + DEQUANTISE * in_nf4) / step.tokens


def limit_memory(gib: float | None, device: torch.device) -> int | None:
    """Bytes that this process may use on a GPU, and hold it to them; None on a CPU.

    From here on its segments grow and shrink: fixed ones leave gaps between micro-batches of
    several sizes, one GiB in 24 and more, and a step that fits would run out of memory.
    """
    limit = _limit(gib, device)
    if limit is not None:
        torch.cuda.empty_cache()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the name that 2.11 and 2.13 share
            torch.cuda.memory._set_allocator_settings("expandable_segments:True")
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(
            limit / total, torch.empty(0, device=device).device
        )
    return limit


def _limit(gib: float | None, device: torch.device) -> int | None:
    if device.type != "cuda":
        return None
    available = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    return available if gib is None else min(available, int(gib * GIB))


def shape_of(config: "PreTrainedConfig") -> Shape:
    """The shape of a base model."""
    from brnb.theory.shape import from_config

    return from_config(config.to_dict())
