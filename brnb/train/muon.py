"""Muon: momentum whose update to a hidden matrix is made orthogonal (Jordan et al., 2024)."""

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from brnb.train.parallel import ALONE, World

ROUNDS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of Jordan: steepest at 0, so that 5 rounds suffice
UPDATE_RMS = 0.2  # AdamW's usual: both optimizers then share one scale of rates (Liu et al., 2025)
NEURON_DECAY = 0.95  # of NorMuon's running mean squares


class Muon(torch.optim.Optimizer):
    """`torch.optim.Muon` with ``adjust_lr_fn="match_rms_adamw"``, all matrices of a shape at once.

    PyTorch's goes matrix by matrix, and at the widths of Track 1 the GPU waits for Python. Here
    matrices of one shape, tall or wide, are stacked and orthogonalised in one batch.

    Parameters
    ----------
    params
        Matrices, or groups of them.
    lr
        Rate in AdamW's scale: an update has a root mean square of about 0.2 · lr.
    momentum
        Of the running mean of gradients; Nesterov's form.
    weight_decay
        Decoupled, as in AdamW.
    normalise
        NorMuon (Li et al., 2025) as modded-nanogpt has it: neurons move alike. Each row of an
        update (each column, if it is wider than tall: then its rows have unit length already) is
        divided by the root of the running mean of its squares; the update keeps its norm. The
        paper always takes rows, and keeps no norm.
    world
        The processes of a training, which have the same gradients: each makes its share of the
        updates orthogonal, and all add up what they have.

    Raises
    ------
    ValueError
        If a parameter is no matrix.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, object]],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.1,
        normalise: bool = False,
        world: World = ALONE,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.normalise, self.world = normalise, world
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.dim() != 2:
                    raise ValueError(
                        f"Muon is for matrices, not for a parameter of shape "
                        f"{tuple(parameter.shape)}: leave that to AdamW"
                    )

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every matrix that has a gradient."""
        for group in self.param_groups:
            shapes = defaultdict[tuple[int, ...], list[nn.Parameter]](list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[tuple(sorted(parameter.shape))].append(parameter)
            for parameters in shapes.values():
                self._update(parameters, group["lr"], group["momentum"], group["weight_decay"])

    def _update(
        self, parameters: list[nn.Parameter], lr: float, momentum: float, decay: float
    ) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        means = [self._kept(p, "momentum_buffer", p) for p in parameters]
        torch._foreach_lerp_(means, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(gradients, means, momentum)
        wide = torch.stack([_wide(x).bfloat16() for x in ahead])
        stack = self._orthogonal(wide).to(parameters[0].dtype)
        updates = (self._normalised(parameters, stack) if self.normalise else stack).unbind()
        rate = lr * UPDATE_RMS * math.sqrt(wide.shape[-1])
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.mul_(1 - lr * decay)
            parameter.add_(update if parameter.shape == update.shape else update.T, alpha=-rate)

    def _orthogonal(self, stack: Tensor) -> Tensor:
        """`orthogonal`, of which every process computes a part."""
        if self.world.size == 1:
            return orthogonal(stack)
        part = slice(self.world.rank, None, self.world.size)
        parts = torch.zeros_like(stack)
        parts[part] = orthogonal(stack[part])
        return self.world.total(parts)

    def _normalised(self, parameters: list[nn.Parameter], updates: Tensor) -> Tensor:
        """NorMuon's last step; the updates, shape (n, rows, columns), are not taller than wide."""
        along = -1 if updates.shape[1] == updates.shape[2] else -2
        squares = updates.square().mean(along, keepdim=True)
        latest = list(squares.unbind())
        means = [
            self._kept(p, "neuron_squares", square)
            for p, square in zip(parameters, latest, strict=True)
        ]
        torch._foreach_lerp_(means, latest, 1 - NEURON_DECAY)
        even = updates / torch.stack(means).clamp(min=1e-10).sqrt()
        before, after = (x.norm(dim=(1, 2), keepdim=True) for x in (updates, even))
        return even * (before / after.clamp(min=1e-10))

    def _kept(self, parameter: nn.Parameter, name: str, like: Tensor) -> Tensor:
        """A running mean of a parameter's; zeros at first."""
        state = self.state[parameter]
        if name not in state:
            state[name] = torch.zeros_like(like)
        mean: Tensor = state[name]
        return mean


def orthogonal(stack: Tensor) -> Tensor:
    """About U V^T of each matrix U S V^T, by Newton–Schulz rounds in its own precision.

    Parameters
    ----------
    stack
        Matrices that are not taller than wide, shape (n, rows, columns).

    Returns
    -------
    Tensor
        Same shape; singular values between about 0.7 and 1.2.
    """
    a, b, c = COEFFICIENTS
    x = stack / stack.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)  # spectral norm at most 1
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = _plus_product(x, a, _plus_product(gram, b, gram, gram, c), x, 1.0)
    return x


def _plus_product(z: Tensor, beta: float, x: Tensor, y: Tensor, alpha: float) -> Tensor:
    """``beta z + alpha x y``, rounded once."""
    if z.is_cuda or z.itemsize > 2:
        return torch.baddbmm(z, x, y, beta=beta, alpha=alpha)
    # In 16 bits PyTorch's takes 15 times as long on a CPU, for the same sums of fp32.
    wide = torch.baddbmm(z.float(), x.float(), y.float(), beta=beta, alpha=alpha)
    return wide.to(z.dtype)


def _wide(matrix: Tensor) -> Tensor:
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
