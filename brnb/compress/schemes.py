"""Quantisation schemes by name, applied to the linear maps of a model's blocks."""

import copy
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from brnb.compress.calibration import MapInputs, block_maps
from brnb.compress.gptq import gptq
from brnb.compress.grids import affine_grid, symmetric_grid
from brnb.compress.stored_maps import Float8Map, GridMap

OUTLIER = 6.0  # inputs of LLM.int8 beyond it are multiplied in 16 bits (Dettmers et al., 2022)


@dataclass(frozen=True)
class Job:
    """A map to be quantised: `module`, what it reads (None without calibration), and the group."""

    name: str
    module: nn.Linear
    inputs: MapInputs | None
    group: int


class SchemeUnavailable(RuntimeError):
    """The device or an installed library lacks what a scheme needs."""


def _int8(per_row: bool) -> Callable[[Job], nn.Module]:
    def make(job: Job) -> nn.Module:
        grid = symmetric_grid(job.module.weight.data, 8, per_row)
        return GridMap(grid.codes(job.module.weight.data.float()), grid, job.module.bias)

    return make


def round_map(job: Job, bits: int) -> nn.Module:
    """A map rounded to the nearest of 2^bits levels of every group."""
    grid = affine_grid(job.module.weight.data, bits, job.group)
    return GridMap(grid.codes(job.module.weight.data.float()), grid, job.module.bias)


def _gptq(job: Job) -> nn.Module:
    if job.inputs is None:
        raise ValueError("scheme gptq needs calibration text: pass what the maps read on some")
    device = job.module.weight.device
    codes, grid = gptq(job.module.weight.data, job.inputs.moments.to(device), 4, job.group)
    return GridMap(codes, grid, job.module.bias)


def _four_bits(kind: str, double: bool) -> Callable[[Job], nn.Module]:
    def make(job: Job) -> nn.Module:
        bnb = _bitsandbytes()
        weight = job.module.weight.data
        module = bnb.nn.Linear4bit(
            weight.shape[1], weight.shape[0], bias=False, compute_dtype=weight.dtype,
            quant_type=kind, compress_statistics=double, device="meta",
        )  # fmt: skip
        module.weight = bnb.nn.Params4bit(
            weight, compress_statistics=double, quant_type=kind, module=module
        )
        module.weight._quantize(weight.device)
        # In evaluation, CPUs with AVX512-BF16 would repack it for a kernel of few shapes.
        module.support_avx512bf16_for_cpu = False
        module.register_parameter("bias", job.module.bias)
        return module

    return make


def _llm_int8(job: Job) -> nn.Module:
    bnb = _bitsandbytes()
    weight, device = job.module.weight.data, job.module.weight.device
    module = bnb.nn.Linear8bitLt(
        weight.shape[1], weight.shape[0], bias=False, has_fp16_weights=False, threshold=OUTLIER
    )
    module.weight = bnb.nn.Int8Params(weight.cpu().half(), requires_grad=False).to(device)
    module.register_parameter("bias", job.module.bias)
    return module.to(device)


SCHEMES: dict[str, Callable[[Job], nn.Module] | None] = {
    "fp32": None,
    "bf16": None,
    "fp8": lambda job: Float8Map(job.module.weight.data, job.module.bias),
    "int8_tensor": _int8(per_row=False),
    "int8_channel": _int8(per_row=True),
    "llm_int8": _llm_int8,
    "nf4": _four_bits("nf4", double=False),
    "nf4_double": _four_bits("nf4", double=True),
    "fp4": _four_bits("fp4", double=False),
    "fp4_double": _four_bits("fp4", double=True),
    "int4": lambda job: round_map(job, 4),
    "gptq": _gptq,
}


def quantise_model(
    model: nn.Module,
    scheme: str,
    group: int,
    inputs: Mapping[str, MapInputs] | None = None,
    bits: Mapping[str, int] | None = None,
    dtype: torch.dtype = torch.float32,
) -> nn.Module:
    """A copy of a model with the maps of its blocks in another format; the model stays as it is.

    Parameters
    ----------
    model
        On the device where it is going to answer.
    scheme
        One of `SCHEMES`; with `bits`, a name for what they make.
    group
        Weights of a row that share a scale, in the schemes that round to groups.
    inputs
        What the maps read on calibration text (`collect_inputs`), for ``gptq``.
    bits
        Of every map by name, instead of a scheme's.
    dtype
        Of the computation, and of all that is not quantised; ``fp32`` and ``bf16`` bring theirs.

    Raises
    ------
    ValueError
        If the scheme is unknown, or the group divides no row.
    SchemeUnavailable
        If bitsandbytes is missing.
    """
    if bits is None and scheme not in SCHEMES:
        raise ValueError(f"scheme = {scheme!r} is unknown; known: {', '.join(SCHEMES)}")
    own = {"fp32": torch.float32, "bf16": torch.bfloat16}
    smaller = copy.deepcopy(model).to(own.get(scheme, dtype)).eval().requires_grad_(False)
    make = SCHEMES.get(scheme)
    for name, module in block_maps(smaller).items():
        job = Job(name, module, inputs[name] if inputs else None, group)
        new = round_map(job, bits[name]) if bits else make and make(job)
        if new:
            parent, _, last = name.rpartition(".")
            setattr(smaller.get_submodule(parent), last, new)
    return smaller


def _bitsandbytes() -> Any:
    try:
        # It says at every import on a CPU that an optional kernel is not there.
        logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
        import bitsandbytes
    except ImportError as error:
        raise SchemeUnavailable(
            "the schemes nf4, fp4 and llm_int8 need bitsandbytes: pip install bitsandbytes, or "
            f"leave them out of the parameter schemes ({error})"
        ) from error
    return bitsandbytes
