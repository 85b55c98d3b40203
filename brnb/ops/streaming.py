"""A Llama layer for one token: products of a matrix with a vector, and what stands between them.

With one sequence, a step is as fast as weights are read. What is between the products therefore
belongs into them: they norm their input, activate, and add to the residual stream themselves, and
attention norms, rotates and stores what it attends to. Each rounds where `brnb.ops.decoding` does.

The definitions here are what `brnb.ops.kernels.streaming` and `one_token` do on a GPU.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from brnb.ops import decoding

LEAST = torch.iinfo(torch.int64).min


@torch.library.custom_op("brnb::normed_product", mutates_args=(), device_types="cpu")
def normed_product(
    x: Tensor, gain: Tensor, eps: float, weight: Tensor, scales: Tensor | None, ahead: Tensor
) -> Tensor:
    """W norm(x), shape (N,), of the root-mean-square norm of x (K,) and weights (N, K).

    Parameters
    ----------
    weight, scales
        Here and below: a `brnb.ops.eight_bits.Weight`, in 8 bits if it has scales.
    ahead
        Here and below: the weights that are read next, which may be fetched meanwhile.
    """
    return F.linear(decoding.rms_norm(x[None], gain, eps), _whole(weight, scales, x))[0]


@torch.library.custom_op("brnb::gated_product", mutates_args=(), device_types="cpu")
def gated_product(
    x: Tensor, gain: Tensor, eps: float, weight: Tensor, scales: Tensor | None, ahead: Tensor
) -> Tensor:
    """silu(gate) * up, shape (N,), of the joined maps (2N, K), gate first, of norm(x)."""
    joined = F.linear(decoding.rms_norm(x[None], gain, eps), _whole(weight, scales, x))
    return decoding.swiglu(joined)[0]


@torch.library.custom_op("brnb::add_product", mutates_args=("x",), device_types="cpu")
def add_product(x: Tensor, y: Tensor, weight: Tensor, scales: Tensor | None, ahead: Tensor) -> None:
    """Add W y to x in place, shapes (N, K), (K,) and (N,)."""
    x += F.linear(y, _whole(weight, scales, x))


def _whole(weight: Tensor, scales: Tensor | None, like: Tensor) -> Tensor:
    """A weight in the precision of what it multiplies."""
    return weight if scales is None else (weight.float() * scales).to(like.dtype)


@torch.library.custom_op("brnb::best_score", mutates_args=("best",), device_types="cpu")
def best_score(x: Tensor, gain: Tensor, eps: float, weight: Tensor, best: Tensor) -> None:
    """Which of the products W norm(x) is largest: the first of equals.

    Parameters
    ----------
    best
        `LEAST`, (1,) int64; after this, what `advance` reads.
    """
    best.copy_(F.linear(decoding.rms_norm(x[None], gain, eps), weight).argmax(-1))


@torch.library.custom_op(
    "brnb::advance", mutates_args=("best", "last", "position"), device_types="cpu"
)
def advance(
    best: Tensor, last: Tensor, begins: Tensor, position: Tensor, spare: int, length: int
) -> None:
    """Make the best token the last and go to the next position, all (1,); `best` is `LEAST` again.

    Parameters
    ----------
    begins, spare
        A sequence that begins at `spare` is no one's, and stays where it is.
    length
        Positions there are.
    """
    last.copy_(best)
    best.fill_(LEAST)
    position.add_(begins < spare).clamp_(max=length - 1)


@torch.library.custom_op(
    "brnb::attend_one", mutates_args=("keys", "values", "arrived"), device_types="cpu"
)
def attend_one(
    joined: Tensor,
    gains: Sequence[Tensor],
    eps: float,
    cos: Tensor,
    sin: Tensor,
    begin: Tensor,
    position: Tensor,
    keys: Tensor,
    values: Tensor,
    arrived: Tensor,
    scale: float,
    ahead: Tensor,
) -> Tensor:
    """Attention of one token to itself and to those before it, whose keys and values are stored.

    Parameters
    ----------
    joined
        Queries, keys and values of all heads, ((H + 2K) D,).
    gains, eps
        Of the root-mean-square norms of queries and keys, (D,) each; none without these norms.
    cos, sin
        Of the angles of all positions, (positions, D): both halves alike.
    begin, position
        Row of its sequence's first key, and its own place in the sequence, (1,) each. Both must
        be known when the kernel begins, before the one before it has ended.
    keys, values
        (rows, K, D).
    arrived
        Zeros, (K,), and again when it returns: how parts of the work find each other.

    Returns
    -------
    heads
        (H D,).
    """
    here, start = int(position), int(begin)
    angles, row = (cos[here][None], sin[here][None]), begin + position
    q = decoding.rotate_and_store(joined[None], gains, eps, *angles, row, keys, values)[0]
    seen = slice(start, start + here + 1)
    k, v = (part[seen].transpose(0, 1)[None] for part in (keys, values))
    out = F.scaled_dot_product_attention(q[None, :, None], k, v, scale=scale, enable_gqa=True)
    return out.flatten()


def has_step_kernels(head_dim: int, device: torch.device) -> bool:
    """Whether a device computes heads of this size here; a GPU does from Hopper on."""
    if device.type == "cpu":
        return True
    hopper = torch.cuda.get_device_capability(device)[0] >= 9  # whose kernels begin early
    return hopper and head_dim in (32, 64, 128, 256)


if torch.cuda.is_available():  # Triton comes with PyTorch for GPUs only
    from brnb.ops.kernels import one_token
    from brnb.ops.kernels import streaming as kernels

    normed_product.register_kernel("cuda", kernels.normed_product)
    gated_product.register_kernel("cuda", kernels.gated_product)
    add_product.register_kernel("cuda", kernels.add_product)
    best_score.register_kernel("cuda", kernels.best_score)
    advance.register_kernel("cuda", kernels.advance)
    attend_one.register_kernel("cuda", one_token.attend_one)
