"""The frozen base model of a QLoRA training: loaded, quantised, dequantised."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from brnb.finetune.budget import OutOfBudget
from brnb.train.device import pick_precision

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

    from brnb.finetune.params import FinetuneParams

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}

# Says at every import on a CPU that an optional kernel is not there.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


def load_base(
    base: str, params: "FinetuneParams", device: torch.device
) -> tuple["PreTrainedModel", Any]:
    """A causal language model to adapt, frozen, and its tokenizer.

    Parameters
    ----------
    base
        A hub id, or a local folder in Hugging Face's format.
    params
        ``quantization`` nf4 keeps the linear maps of the blocks in 4-bit NormalFloat, their scales
        in 8 bits if ``double_quantization`` (Dettmers et al., 2023); embedding, norms and head
        stay in ``precision``. ``revision`` is the commit of a model from the hub.
    device
        Where the model goes; of several processes, each takes its own GPU.

    Raises
    ------
    FileNotFoundError
        If there is no such model here, and the hub gave none.
    OutOfBudget
        If it does not fit into one GPU: a base is not spread over several.
    """
    from transformers import AutoTokenizer

    with _found(base):
        tokenizer = AutoTokenizer.from_pretrained(base, revision=params.revision)
    return load_model(base, params, device), tokenizer


def load_model(base: str, params: "FinetuneParams", device: torch.device) -> "PreTrainedModel":
    """The model of `load_base` alone."""
    from transformers import AutoModelForCausalLM

    dtype = DTYPES[pick_precision(params.precision, device)]
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    options: dict[str, Any] = {"dtype": dtype, "device_map": {"": device}}
    if params.quantization == "nf4":
        options["quantization_config"] = _nf4(params.double_quantization, dtype)
    try:
        with _found(base), quiet():
            model = AutoModelForCausalLM.from_pretrained(base, revision=params.revision, **options)
    except torch.OutOfMemoryError as error:
        raise OutOfBudget(
            f"base {base!r} does not fit into one GPU, and is not spread over several: "
            "quantise it (quantization: nf4) or take a smaller one"
        ) from error
    return freeze(model)


def random_base(
    config: "PreTrainedConfig", nf4: bool, dtype: torch.dtype, device: torch.device
) -> "PreTrainedModel":
    """A frozen model of random weights: for benchmarks of shapes that nobody has to download.

    Maps are drawn and quantised one after the other: the peak is the finished model and one map.
    """
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)

    def drawn(parameter: Tensor) -> Tensor:
        values = torch.empty(parameter.shape, dtype=dtype, device=device)
        return values.fill_(1) if values.dim() == 1 else values.normal_(std=0.02)

    for parent in list(model.model.layers.modules()):
        for name, child in list(parent.named_children()):
            if nf4 and isinstance(child, nn.Linear):
                setattr(parent, name, quantise(drawn(child.weight)))
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_meta:
                setattr(module, name, nn.Parameter(drawn(parameter)))
    model.tie_weights()
    model.model.rotary_emb = type(model.model.rotary_emb)(config=config).to(device)
    return freeze(model)


def quantise(weight: Tensor) -> nn.Module:
    """A frozen map in NF4 with double quantisation, from its matrix (N, K), where that lies."""
    from bitsandbytes.nn.modules import Linear4bit, Params4bit

    rows, columns = weight.shape
    module = Linear4bit(
        columns, rows, bias=False, compute_dtype=weight.dtype, quant_type="nf4", device="meta"
    )
    module.weight = Params4bit(weight, quant_type="nf4", module=module)
    module.weight._quantize(weight.device)  # as moving it to its device would, on a CPU too
    return module


def freeze(model: "PreTrainedModel") -> "PreTrainedModel":
    """Train nothing of it, and keep CPUs from repacking its maps.

    In evaluation without gradients, a CPU with AVX512-BF16 repacks NF4 maps for an inference
    kernel and nothing unpacks them: from then on gradients through them are wrong, silently.
    """
    model.requires_grad_(False)
    model.config.use_cache = False
    for module in filter(quantised, model.modules()):
        module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]
    return model


def quantised(module: Any) -> bool:
    """Whether a map is kept in 4 bits."""
    return getattr(getattr(module, "weight", None), "quant_state", None) is not None


def matrix(module: Any, dtype: torch.dtype, out: Tensor | None = None) -> Tensor:
    """The matrix (N, K) that a map multiplies with, dequantised if it has to be."""
    if not quantised(module):
        return module.weight.to(dtype) if out is None else out.copy_(module.weight)
    import bitsandbytes.functional as bnb

    data, state = module.weight.data, module.weight.quant_state
    if out is not None and out.is_cuda and out.dtype == state.dtype:
        return bnb.dequantize_4bit(data, state, out=out)
    full = bnb.dequantize_4bit(data, state).to(dtype)
    return full if out is None else out.copy_(full)


def plain_map(weight: Tensor, bias: nn.Parameter | None = None) -> nn.Linear:
    """A frozen map with this very matrix (N, K)."""
    module = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    module.weight = nn.Parameter(weight, requires_grad=False)
    module.register_parameter("bias", bias)
    return module


def release(module: Any) -> None:
    """Let go of the memory of a map that is replaced.

    A map of bitsandbytes and its weight refer to each other: without this, both stay until
    Python's garbage collector finds them.
    """
    module.weight = None


def _nf4(double: bool, dtype: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=double,
        bnb_4bit_compute_dtype=dtype,
    )


@contextmanager
def _found(base: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileNotFoundError(
            f"base {base!r} is neither a folder in Hugging Face's format nor a model that the hub "
            f"gave: name another base, or fetch it first with: hf download {base}"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' progress bars, and its warnings of names that it keeps until 6.0."""
    from transformers.utils import logging as log

    shown = log.is_progress_bar_enabled()
    log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`(is_)?gradient_checkpointing", FutureWarning)
            yield
    finally:
        if shown:
            log.enable_progress_bar()
