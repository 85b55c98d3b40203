"""The functions inside a Transformer's MLP, and their gradients."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SQUEEZE = 2 * math.sqrt(2 / math.pi)  # GELU's tanh form is x·sigmoid(SQUEEZE·(x + CUBE·x^3))
CUBE = 0.044715


def activation(kind: str, before: Tensor, gate: Tensor | None = None) -> Tensor:
    """``"gelu"`` (in its tanh form), ``"relu"`` or ``"relu2"`` of inner values; ``"swiglu"`` and
    ``"geglu"`` have a gate."""
    if kind == "geglu" and gate is not None:
        return F.gelu(gate, approximate="tanh") * before
    if gate is not None:
        return F.silu(gate) * before
    if kind == "relu":
        return F.relu(before)
    if kind == "relu2":
        return F.relu(before).square()
    return F.gelu(before, approximate="tanh")


def activation_backward(kind: str, d: Tensor, before: Tensor, gate: Tensor | None = None) -> Tensor:
    """Backward pass of `activation` for what has products in 8 bits, GELU, SwiGLU and ReLU²: from
    d, the gradient of the output, the gradient of `before` (with a gate: gate's and before's, side
    by side)."""
    if gate is not None:
        s = torch.sigmoid(gate)
        return torch.cat((d * before * s * (1 + gate * (1 - s)), d * gate * s), dim=-1)
    if kind == "relu2":
        return 2 * d * F.relu(before)
    square = before * before
    s = torch.sigmoid(SQUEEZE * before * (1 + CUBE * square))
    return d * s * (1 + before * (1 - s) * SQUEEZE * (1 + 3 * CUBE * square))
