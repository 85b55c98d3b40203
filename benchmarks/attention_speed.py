"""Attention on a GPU: our kernels (Algorithms 7 and 19) beside PyTorch's.

    python benchmarks/attention_speed.py [errors] [product_tflops] [tflops] [masks]
                                        [flex_masks]

(wants a Hopper GPU; about three minutes)

Causal, 16 heads of 128, bf16, 16,384 tokens in all. Operations are counted as is usual: two
products forward and five backward, of half the pairs. All run in this process, in turns; numbers
are medians. The limit is a product of two matrices of 8192 x 8192.

Errors are relative, in the Frobenius norm, against attention in fp32. Weights and results are both
rounded to bf16, each by 1.7e-3 in norm where all is random: neither PyTorch's FlashAttention nor
cuDNN's nor ours has less than 2e-3.

Masks run through lists of blocks in our kernel, and in FlexAttention as their peer; a mask's time
for a computed block is beside that of attention without a mask in the same kernel.

The results go to ``benchmarks/results/attention_speed.json``.
"""

import json
import math
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch._dynamo
import torch._functorch.config
import torch.nn.functional as F
from gpu_turns import median_milliseconds
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import flex_attention

from brnb.algorithms import sparse_masks
from brnb.ops.block_lists import BLOCK as LIST_BLOCK
from brnb.ops.block_lists import block_lists
from brnb.ops.kernels.flash import flash_attention
from brnb.ops.kernels.sparse import listed_attention

HEADS, HEAD_DIM, TOKENS, ROUNDS, CALLS = 16, 128, 16384, 7, 5
(
    LENGTHS,
    BLOCK,
) = (1024, 4096, 16384), 128
torch._functorch.config.donated_buffer = False  # a backward pass is timed more than once
# Of FlexAttention forward: small programs, of which a multiprocessor holds several.
TILES = {"fwd_BLOCK_M": 64, "fwd_BLOCK_N": 64, "fwd_num_warps": 4, "fwd_num_stages": 3}
RESULTS = Path(__file__).parent / "results" / "attention_speed.json"


def ours(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The kernel of `brnb.ops.kernels.flash`."""
    return flash_attention(q, k, v)


def backend(kind: SDPBackend) -> Callable[..., Tensor]:
    """One of PyTorch's."""

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        with sdpa_kernel(kind):
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    return attend


def seconds(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of each, called in turns."""
    return {name: ms / 1e3 for name, ms in median_milliseconds(calls, ROUNDS, CALLS).items()}


def inputs(n: int) -> list[Tensor]:
    """Queries, keys, values and the output's gradient."""
    torch.manual_seed(0)
    shape = (TOKENS // n, HEADS, n, HEAD_DIM)
    return [torch.randn(shape, device="cuda", dtype=torch.bfloat16) for _ in range(4)]


def gradients(attend: Callable[..., Tensor], parts: list[Tensor], d: Tensor) -> list[Tensor]:
    """Output, and gradients of queries, keys and values."""
    parts = [part.detach().requires_grad_() for part in parts]
    out = attend(*parts)
    return [out.detach(), *torch.autograd.grad(out, parts, d)]


def exact(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention in fp32, a few heads at a time."""
    scores = q @ k.mT / math.sqrt(HEAD_DIM)
    later = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool, device=q.device).triu(1)
    return scores.masked_fill(later, -math.inf).softmax(-1) @ v


def errors(kernels: dict[str, Callable[..., Tensor]], n: int) -> dict[str, dict[str, float]]:
    """How far output and gradients are from fp32, on two heads."""
    torch.backends.cuda.matmul.allow_tf32 = False
    *parts, d = [part[:1, :2].contiguous() for part in inputs(n)]
    expected = gradients(exact, [part.float() for part in parts], d.float())
    found = {}
    for name, attend in kernels.items():
        made = zip(("out", "dq", "dk", "dv"), gradients(attend, parts, d), expected, strict=True)
        found[name] = {part: ((a.float() - b).norm() / b.norm()).item() for part, a, b in made}
    return found


def compare(kernels: dict[str, Callable[..., Tensor]], n: int) -> dict[str, Any]:
    """TFLOP/s of each kernel, forward and backward."""
    *parts, d = inputs(n)
    work = 2 * n * TOKENS * HEADS * HEAD_DIM
    forward = seconds({name: partial(attend, *parts) for name, attend in kernels.items()})
    parts = [part.requires_grad_() for part in parts]
    back: dict[str, Callable[[], Any]] = {}
    for name, attend in kernels.items():
        back[name] = partial(torch.autograd.grad, attend(*parts), parts, d, retain_graph=True)
    backward = seconds(back)
    return {
        name: {
            "forward": work / forward[name] / 1e12,
            "backward": 2.5 * work / backward[name] / 1e12,
        }
        for name in kernels
    }


def limit() -> float:
    """TFLOP/s of a large product."""
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 2 * 8192**3 / seconds({"product": lambda: a @ b})["product"] / 1e12


def kinds_of(n: int) -> dict[str, sparse_masks.MaskRule]:
    """Masks of a quarter of the text backwards, and none."""
    width = n // 2
    bigbird = sparse_masks.bigbird(n, width, BLOCK, 3 * BLOCK, BLOCK, device="cuda")
    return {
        "full": sparse_masks.full,
        "causal": sparse_masks.causal,
        "sliding_window": sparse_masks.causally(sparse_masks.sliding_window(width)),
        "longformer": sparse_masks.causally(sparse_masks.longformer(width, BLOCK)),
        "bigbird": sparse_masks.causally(bigbird),
    }


def masks(n: int) -> dict[str, dict[str, float]]:
    """Each mask through lists of blocks, by `brnb.ops.kernels.sparse`."""
    calls, shares = dict[str, Callable[..., Tensor]](), dict[str, float]()
    for name, mask in kinds_of(n).items():
        lists = block_lists(sparse_masks.blocks(mask, n, LIST_BLOCK, "cuda"))
        shares[name] = lists.computed_share
        calls[name] = partial(listed_attention, lists=lists)
    return per_block(calls, shares, n)


def flex_masks(n: int) -> dict[str, dict[str, float]]:
    """Each mask by FlexAttention."""
    calls, shares = dict[str, Callable[..., Tensor]](), dict[str, float]()
    torch._dynamo.reset()
    torch._dynamo.config.recompile_limit = 64  # or the ninth mask is not compiled
    flex = torch.compile(flex_attention)
    for name, mask in kinds_of(n).items():
        blocks = sparse_masks.blocks(mask, n, BLOCK, "cuda")
        shares[name] = sparse_masks.computed_share(blocks)
        calls[name] = partial(flex, block_mask=blocks, kernel_options=TILES)
    return per_block(calls, shares, n)


def per_block(
    calls: dict[str, Callable[..., Tensor]], shares: dict[str, float], n: int
) -> dict[str, dict[str, float]]:
    """Each mask's share of blocks, and its time for one beside that of no mask."""
    q, k, v, d = inputs(n)
    parts = [part.requires_grad_() for part in (q, k, v)]
    forward = seconds({name: partial(call, *parts) for name, call in calls.items()})
    back: dict[str, Callable[[], Any]] = {}
    for name, call in calls.items():
        back[name] = partial(torch.autograd.grad, call(*parts), parts, d, retain_graph=True)
    backward = seconds(back)
    return {
        name: {
            "computed_share": share,
            "forward_ms": 1e3 * forward[name],
            "backward_ms": 1e3 * backward[name],
            "forward_per_block": forward[name] / share / forward["full"],
            "backward_per_block": backward[name] / share / backward["full"],
        }
        for name, share in shares.items()
    }


def main(wanted: list[str]) -> None:
    """Print and save all of it, or what is asked for, as it comes."""
    kernels = {
        "ours": ours,
        "FlashAttention": backend(SDPBackend.FLASH_ATTENTION),
        "cuDNN": backend(SDPBackend.CUDNN_ATTENTION),
    }
    machine = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    table = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
    if {name: table.get(name) for name in machine} != machine:
        table = dict(machine)
    measures: dict[str, Callable[[], Any]] = {
        "errors": lambda: errors(kernels, 4096),
        "product_tflops": limit,
        "tflops": lambda: {str(n): compare(kernels, n) for n in LENGTHS},
        "masks": lambda: {str(n): masks(n) for n in LENGTHS[1:]},
        "flex_masks": lambda: {"4096": flex_masks(4096)},
    }
    for name, measure in measures.items():
        if not wanted or name in wanted:
            table[name] = measure()
            print(json.dumps({name: table[name]}), flush=True)
            RESULTS.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
