"""Algorithm 10: floating-point operations of a model, by its formula and by looking.

The formula is for Transformers of one shape. `count_flops` counts the products that any model
really does, forward and backward, with two operations for a multiplication and its addition.
"""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


def transformer_training_flops(L: int, d: int, V: int, D: float) -> float:
    """FLOP of a training as Algorithm 10 has it: six a parameter and token, attention left out.

    Parameters
    ----------
    L, d, V
        Layers, width and vocabulary; parameters are taken to be 12 L d² + V d.
    D
        Tokens of the training.
    """
    return 6.0 * (12 * L * d**2 + V * d) * D


def count_flops(calculate: Callable[..., Any], *arguments: Any) -> int:
    """FLOP of the matrix products and attentions that `calculate` does.

    Element by element operations, norms and softmax are left out, as is usual: they are few, and
    bound by memory.
    """
    with _Count() as count:
        calculate(*arguments)
    return count.flops


class _Count(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        rule = FLOP_RULES.get(func.overloadpacket.__name__)  # type: ignore[attr-defined]
        if rule is not None:
            self.flops += rule(*[arg for arg in args if isinstance(arg, Tensor)])
        return func(*args, **(kwargs or {}))


def _product(a: Tensor, b: Tensor) -> int:
    """(..., m, k) by (..., k, n)."""
    return 2 * a.numel() * b.shape[-1]


def _attention(q: Tensor, k: Tensor, v: Tensor, *_: Tensor) -> int:
    """Scores, and weighted values; a causal one in full, as is usual."""
    pairs = math.prod(q.shape[:-1]) * k.shape[-2]
    return 2 * pairs * (q.shape[-1] + v.shape[-1])


def _attention_back(d: Tensor, q: Tensor, k: Tensor, v: Tensor, *_: Tensor) -> int:
    """Scores again, and the gradients of values, weights, queries and keys: five products."""
    pairs = math.prod(q.shape[:-1]) * k.shape[-2]
    return 2 * pairs * (3 * q.shape[-1] + 2 * v.shape[-1])


FLOP_RULES: dict[str, Callable[..., int]] = {
    "mm": _product,
    "bmm": _product,
    "addmm": lambda bias, a, b: _product(a, b),
    "baddbmm": lambda bias, a, b: _product(a, b),
    "_scaled_dot_product_flash_attention": _attention,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_efficient_attention": _attention,
    "_scaled_dot_product_cudnn_attention": _attention,
    "_scaled_dot_product_flash_attention_backward": _attention_back,
    "_scaled_dot_product_flash_attention_for_cpu_backward": _attention_back,
    "_scaled_dot_product_efficient_attention_backward": _attention_back,
    "_scaled_dot_product_cudnn_attention_backward": _attention_back,
}
