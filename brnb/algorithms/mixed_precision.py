"""Algorithm 8: attention in 16 bits with its softmax in 32."""

import math

from torch import Tensor

from brnb.algorithms.attention import shifted_softmax


def mixed_precision_attention(q: Tensor, k: Tensor, v: Tensor, scale_first: bool = True) -> Tensor:
    """Attention with products in 16 bits and the softmax in fp32 (Algorithm 8).

    Parameters
    ----------
    q, k, v
        Queries, keys and values (..., n, d), of any type.
    scale_first
        Whether queries are divided by sqrt(d) before the product. The algorithm as printed divides
        after it: in FP16 a score beyond 65,504 has overflowed by then.

    Returns
    -------
    Tensor
        Shape (..., n, d), in FP16.
    """
    root = math.sqrt(q.shape[-1])
    q, k, v = (part.half() for part in (q, k, v))
    scores = (q / root) @ k.mT if scale_first else q @ k.mT / root
    return shifted_softmax(scores.float()).half() @ v


def half_precision_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The same with nothing in fp32, and the exponentials of scores as they are: what to avoid."""
    q, k, v = (part.half() for part in (q, k, v))
    powers = ((q / math.sqrt(q.shape[-1])) @ k.mT).exp()
    return powers / powers.sum(-1, keepdim=True) @ v
