"""The frozen base model of a QLoRA training, and its tokenizer."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from brnb.bases.assembly import assemble_model, freeze, weights_of
from brnb.bases.reading import OutOfBudget, reading_base
from brnb.bases.shards import Shards
from brnb.progress import without_library_bars
from brnb.train import parallel
from brnb.train.device import pick_precision

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

    from brnb.bases.params import BaseParams

Spread = Callable[["PreTrainedConfig", Any, torch.device, int], int]
SAFELY = {"trust_remote_code": False}  # else transformers asks whether to run a model's own code
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}

# Says at every import on a CPU that an optional kernel is not there.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


def in_one_gpu(*_: Any) -> int:
    """The `Spread` of a model that is only read: no more than one GPU."""
    return 1


def load_base(
    base: str, params: "BaseParams", device: torch.device, spread: Spread = in_one_gpu
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
    spread
        Says over how many of so many processes the model of a configuration is spread
        (`brnb.bases.shards`; for a training, `brnb.finetune.budget.processes_for`). They read it
        from its files layer by layer; a process that is only going to start them
        (``BRNB_PROCESSES``) keeps it on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such model here, and the hub gave none.
    OutOfBudget
        If it does not fit into the GPUs that there are.
    ValueError
        If it cannot be read, or needs code of its own, which is never run; if a base to be spread
        has no weights of its parameters' names.
    """
    from transformers import AutoTokenizer

    with reading_base(base):
        tokenizer = AutoTokenizer.from_pretrained(base, revision=params.revision, **SAFELY)
    return load_model(base, params, device, spread), tokenizer


def load_model(
    base: str, params: "BaseParams", device: torch.device, spread: Spread = in_one_gpu
) -> "PreTrainedModel":
    """Load a frozen model without its tokenizer, as `load_base` does."""
    from transformers import AutoConfig, AutoModelForCausalLM

    dtype, nf4 = DTYPES[pick_precision(params.precision, device)], params.quantization == "nf4"
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    options: dict[str, Any] = {"dtype": dtype, "revision": params.revision, **SAFELY}
    options["use_safetensors"] = True  # never a pickle
    if nf4:
        options["quantization_config"] = _nf4(params.double_quantization, dtype)
    world = parallel.join(device)
    try:
        with reading_base(base), quiet():
            if (count := max(world.size, parallel.wanted())) > 1:
                config = AutoConfig.from_pretrained(base, revision=params.revision, **SAFELY)
                needed = max(world.gather(spread(config, params, device, count)))
                if needed > 1 and world.size > 1:
                    value, double = weights_of(base, params.revision), params.double_quantization
                    return assemble_model(config, value, nf4, dtype, device, double, Shards(world))
                if needed > 1:  # the GPUs are left to the processes that are going to train
                    device = torch.device("cpu")
            model = AutoModelForCausalLM.from_pretrained(base, device_map={"": device}, **options)
    except torch.OutOfMemoryError as error:
        raise OutOfBudget(
            f"base {base!r} does not fit into one GPU: quantise it (quantization: nf4), take a "
            "smaller one, or spread it over several GPUs: BRNB_PROCESSES=2"
        ) from error
    return freeze(model)


def random_base(
    config: "PreTrainedConfig",
    nf4: bool,
    dtype: torch.dtype,
    device: torch.device,
    shards: Shards | None = None,
) -> "PreTrainedModel":
    """A frozen model of random weights: for benchmarks of shapes that nobody has to download."""

    def draw(_: str, like: Tensor) -> Tensor:
        values = torch.empty(like.shape, dtype=dtype, device=device)
        return values.fill_(1) if values.dim() == 1 else values.normal_(std=0.02)

    return assemble_model(config, draw, nf4, dtype, device, shards=shards)


def _nf4(double: bool, dtype: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=double,
        bnb_4bit_compute_dtype=dtype,
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' progress bars, and its warnings of names that it keeps until 6.0."""
    with without_library_bars(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`(is_)?gradient_checkpointing", FutureWarning)
        yield
