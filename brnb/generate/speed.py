"""How fast and in how much memory one sequence is decoded, by several ways of doing the same.

The lecture's numbers (42 to 170 tokens/s and the like) are of a model that reads the whole text
again for every token, as it is and compiled: LLMs-from-scratch, ch05/07 and ch05/11, on an A100.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch

from brnb.generate.continuous import answer
from brnb.generate.engine import Batching, Decoding, Engine
from brnb.train.device import wait_for

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Way = Literal["eager", "eager_compiled", "cache", "compiled", "graph", "ours"]
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
PASS = 64  # tokens of a prompt that our engine reads at once


@dataclass(frozen=True)
class DecodingSpeed:
    """One way's result.

    Attributes
    ----------
    way
        "eager" reads all tokens anew for each, "eager_compiled" too, compiled: the lecture's two;
        "cache" keeps keys and values; "compiled" and "graph" are Transformers' static cache,
        compiled, without and with CUDA graphs; "ours" is `brnb.generate.engine`.
    tokens_per_second
        New tokens over the whole time, the prompt's reading included: the best of the tries.
    peak_bytes
        Most memory of the GPU, weights included; None on a CPU.
    same
        New tokens until the first that is not that of the first way measured.
    """

    way: Way
    tokens_per_second: float
    peak_bytes: int | None
    same: int


def random_model(
    config: Mapping[str, Any], device: torch.device, dtype: str, seed: int
) -> "PreTrainedModel":
    """A model of that configuration with random weights; nothing ends its answers."""
    import transformers

    values = dict(config)
    kind = str(values.pop("model_type"))
    chosen = transformers.AutoConfig.for_model(kind, **values, eos_token_id=None, bos_token_id=None)
    torch.manual_seed(seed)
    with torch.device(device):
        model: PreTrainedModel = transformers.AutoModelForCausalLM.from_config(
            chosen, dtype=DTYPES[dtype]
        )
    return model.eval()


@torch.inference_mode()
def speeds(
    model: "PreTrainedModel", ways: Sequence[Way], prompt: Sequence[int], new: int, tries: int
) -> list[DecodingSpeed]:
    """Decode `new` tokens after a prompt, greedily, in each of the ways.

    Parameters
    ----------
    model
        On its device.
    ways
        What to measure; the first is the one that the others' tokens are compared with.
    prompt, new
        Tokens that are there, and how many follow.
    tries
        Times that each is timed, after one that warms up.
    """
    measured: list[DecodingSpeed] = []
    first: list[int] = []
    for way in ways:
        _forget(model.device)
        decode = _decoder(model, way, list(prompt), new)
        ids = decode()  # warms up
        first = first or ids
        seconds = min(_seconds(decode, model.device) for _ in range(tries))
        measured.append(DecodingSpeed(way, new / seconds, _peak(model.device), _same(ids, first)))
        del decode
    return measured


def _decoder(
    model: "PreTrainedModel", way: Way, prompt: list[int], new: int
) -> Callable[[], list[int]]:
    """A function that decodes anew each time that it is called."""
    if way == "ours":
        return _ours(model, prompt, new)
    if way == "eager_compiled":
        return _reading_anew(model, prompt, new)
    from transformers import CompileConfig

    ids = torch.tensor([prompt], device=model.device)
    options: dict[str, Any] = {"do_sample": False, "max_new_tokens": new, "pad_token_id": 0}
    options |= {"attention_mask": torch.ones_like(ids), "use_cache": way != "eager"}
    if way in ("compiled", "graph"):
        mode = "reduce-overhead" if way == "graph" else "default"
        compiling: Any = CompileConfig(mode=mode, fullgraph=False)
        compiling._compile_all_devices = True  # else a CPU is left out
        options |= {"cache_implementation": "static", "compile_config": compiling}
    chosen: Any = model
    return lambda: list(chosen.generate(ids, **options)[0, len(prompt) :].tolist())


def _reading_anew(model: "PreTrainedModel", prompt: list[int], new: int) -> Callable[[], list[int]]:
    """Compiled once for texts of every length."""
    forward = torch.compile(model, dynamic=True)

    def decode() -> list[int]:
        ids = torch.tensor([prompt], device=model.device)
        for _ in range(new):
            chosen = forward(input_ids=ids, use_cache=False, logits_to_keep=1).logits[:, -1:]
            ids = torch.cat([ids, chosen.argmax(-1)], 1)
        return list(ids[0, len(prompt) :].tolist())

    return decode


def _ours(model: "PreTrainedModel", prompt: list[int], new: int) -> Callable[[], list[int]]:
    shape = Batching(1, len(prompt) + new, PASS, graph=model.device.type == "cuda")
    engine = Engine(model, Decoding(new), shape)
    return lambda: next(iter(answer(engine, [prompt]))).ids


def _seconds(work: Callable[[], Any], device: torch.device) -> float:
    wait_for(device)
    start = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - start


def _forget(device: torch.device) -> None:
    """Free what the way before compiled and cached, and count memory anew."""
    torch.compiler.reset()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _peak(device: torch.device) -> int | None:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def _same(ids: Sequence[int], first: Sequence[int]) -> int:
    """Tokens before the first difference."""
    pairs = zip(ids, first, strict=True)
    return next((i for i, (one, other) in enumerate(pairs) if one != other), len(ids))
