"""Algorithm 15: ZeRO, data parallelism whose workers do not all keep the same (stages 1, 2, 3).

Rajbhandari et al., 2020. Stage 1 shares out the optimizer's state, 2 the gradients too, 3 the
weights as well: a layer's are then gathered before it is needed, twice a step, and dropped.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from brnb.algorithms.collectives import ring_all_gather, ring_reduce_scatter
from brnb.algorithms.processes import Wire

BETAS, EPSILON = (0.9, 0.999), 1e-8  # Adam's, PyTorch's defaults


class _Layer:
    """One layer's weights as a vector, of which `part` is this process's."""

    def __init__(self, module: nn.Module, stage: int, wire: Wire) -> None:
        self.module, self.stage, self.wire = module, stage, wire
        self.shapes = {name: weight.shape for name, weight in module.named_parameters()}
        flat = torch.cat([weight.detach().flatten() for weight in module.parameters()])
        self.size = len(flat)
        flat = torch.nn.functional.pad(flat, (0, -self.size % wire.size))
        mine = flat.chunk(wire.size)[wire.rank]
        self.whole = flat if stage < 3 else None
        self.part = mine if stage < 3 else mine.clone()
        self.gradient: Tensor | None = None
        self.first, self.second = torch.zeros_like(self.part), torch.zeros_like(self.part)

    def weights(self) -> Tensor:
        return ring_all_gather(self.part, self.wire) if self.whole is None else self.whole

    def __call__(self, weights: Tensor, x: Tensor) -> Tensor:
        sizes = [shape.numel() for shape in self.shapes.values()]
        parts = weights[: self.size].split(sizes)
        named = zip(self.shapes.items(), parts, strict=True)
        return functional_call(
            self.module, {name: part.view(shape) for (name, shape), part in named}, (x,)
        )

    def take(self, gradient: Tensor) -> None:
        """Keep a gradient, in stage 1 the whole of it."""
        self.gradient = gradient if self.stage == 1 else self._mean(gradient)

    def update(self, learning_rate: float, step: int) -> None:
        """Adam on this process's part (Kingma & Ba, 2015); then the others' parts, if kept."""
        assert self.gradient is not None
        mine = self.gradient
        if self.stage == 1:
            mine = mine.chunk(self.wire.size)[self.wire.rank]
            mine.copy_(self._mean(self.gradient))
        self.first.lerp_(mine, 1 - BETAS[0])
        self.second.lerp_(mine**2, 1 - BETAS[1])
        first, second = self.first / (1 - BETAS[0] ** step), self.second / (1 - BETAS[1] ** step)
        self.part -= learning_rate * first / (second.sqrt() + EPSILON)
        if self.whole is not None:
            self.whole.copy_(ring_all_gather(self.part, self.wire))

    def _mean(self, gradient: Tensor) -> Tensor:
        return ring_reduce_scatter(gradient, self.wire) / self.wire.size


class Zero:
    """Layers trained one after the other by Adam, shared out among processes.

    Parameters
    ----------
    layers
        Each maps one tensor to one; their weights are the same in every process.
    loss
        Mean over the rows of the last layer's output, and targets.
    learning_rate
        Adam's.
    stage
        1, 2 or 3.
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        loss: Callable[[Tensor, Tensor], Tensor],
        learning_rate: float,
        stage: int,
        wire: Wire,
    ) -> None:
        if stage not in (1, 2, 3):
            raise ValueError(f"stage = {stage}: ZeRO has stages 1, 2 and 3")
        self.layers, self.loss = [_Layer(layer, stage, wire) for layer in layers], loss
        self.learning_rate, self.steps = learning_rate, 0

    def step(self, x: Tensor, y: Tensor) -> None:
        """Train on this process's rows of a batch; all have the same number (Algorithm 15)."""
        inputs = []
        with torch.no_grad():
            for layer in self.layers:
                inputs.append(x)
                x = layer(layer.weights(), x)
        (d,) = torch.autograd.grad(self.loss(x.requires_grad_(), y), x)
        for layer, entered in zip(reversed(self.layers), reversed(inputs), strict=True):
            weights, entered = layer.weights().detach().requires_grad_(), entered.requires_grad_()
            gradient, d = torch.autograd.grad(layer(weights, entered), (weights, entered), d)
            layer.take(gradient)
        self.steps += 1
        for layer in self.layers:
            layer.update(self.learning_rate, self.steps)

    def held_bytes(self) -> int:
        """Bytes of weights, gradients and Adam's moments that this process holds."""
        held = {}
        for layer in self.layers:
            for tensor in (layer.part, layer.whole, layer.gradient, layer.first, layer.second):
                if tensor is not None:
                    storage = tensor.untyped_storage()
                    held[storage.data_ptr()] = storage.nbytes()
        return sum(held.values())
