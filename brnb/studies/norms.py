"""What the lecture's norms do, shown without a training: RMSNorm's equality, QK-norm's cap."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from brnb.algorithms.norms import RMSNorm

if TYPE_CHECKING:
    import pandas as pd

WIDTH, ROWS = 256, 64


def rmsnorm_equality(seed: int = 0) -> "pd.DataFrame":
    """The printed RMSNorm beside PyTorch's, on equal gains.

    Returns
    -------
    DataFrame
        A row a precision, ``dtype``: largest difference of the ``output``, of the gradient of the
        ``input`` and of that of the ``gain``, and ``rounding``, the distance from 1 to the next
        number, to hold them against.
    """
    import pandas as pd

    table = []
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        printed, theirs = RMSNorm((WIDTH,)), nn.RMSNorm(WIDTH, eps=1e-5)
        drawn = torch.Generator().manual_seed(seed)
        x, d = (torch.randn(ROWS, WIDTH, generator=drawn).to(dtype) for _ in range(2))
        gain = 1 + torch.randn(WIDTH, generator=drawn) / 4
        results = [_with_gradients(norm, gain, x, d) for norm in (printed, theirs)]
        apart = [(a - b).abs().max().item() for a, b in zip(*results, strict=True)]
        names = dict(zip(("output", "input", "gain"), apart, strict=True))
        rounding = torch.finfo(dtype).eps
        table.append({"dtype": str(dtype).removeprefix("torch.")} | names | {"rounding": rounding})
    return pd.DataFrame(table)


def _with_gradients(norm: nn.Module, gain: Tensor, x: Tensor, d: Tensor) -> tuple[Tensor, ...]:
    norm, x = norm.to(x.dtype), x.clone().requires_grad_()
    (parameter,) = norm.parameters()
    with torch.no_grad():
        parameter.copy_(gain)
    y = norm(x)
    return y.detach(), *torch.autograd.grad(y, (x, parameter), d)


def largest_weight(cap: float, length: int) -> float:
    """Most attention that one of `length` keys gets if no score is larger than `cap` in size.

    Its score is the cap and all others' are minus that: e^cap / (e^cap + (n - 1) e^-cap).
    """
    return 1 / (1 + (length - 1) * math.exp(-2 * cap))


def attention_caps(lengths: Sequence[int], head_dim: int) -> "pd.DataFrame":
    """Why QK-norm as it is printed caps attention: cosines lie between -1 and 1.

    Parameters
    ----------
    lengths
        Keys, in rising numbers.
    head_dim
        d_k, of which the cap of vectors of unit root mean square depends: their product is d_k
        times a cosine, and is divided by sqrt(d_k).

    Returns
    -------
    DataFrame
        ``form`` (as `Choices.qk_norm`: ``"l2"``, ``"unit"`` for True, ``"learnt"``), ``length``,
        ``largest_score`` (infinite with a learnt gain) and ``largest_weight``.
    """
    import pandas as pd

    caps = {"l2": 1.0, "unit": math.sqrt(head_dim), "learnt": math.inf}
    return pd.DataFrame(
        {
            "form": form,
            "length": length,
            "largest_score": cap,
            "largest_weight": largest_weight(cap, length),
        }
        for form, cap in caps.items()
        for length in lengths
    )
