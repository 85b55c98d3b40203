"""A step as one launch: a model's fast parts compiled, all kernels recorded as a CUDA graph."""

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from brnb.models.recurrent import RecurrentLM
from brnb.train.step import PlainStep, State, Step, detached
from brnb.train.swap import FastParts, swapped

# PyTorch's autocast has cuDNN compute recurrences in fp16, where the gradient of one token's mean
# loss (0.02 / 65 536 and less) vanishes before it reaches the first layer: it is made larger on the
# way (Micikevicius et al., 2018). Gradients of 16 would overflow; clipping begins far below.
FP16_SCALE = 4096.0


class RecordedStep:
    """A plain step as CUDA graphs, one a shape: its hundreds of kernels are one launch.

    A graph knows the weights by their addresses: if they move (`nn.LSTM` moves its weights in
    every ``.to()``), the step is recorded again.
    """

    def __init__(self, plain: PlainStep) -> None:
        self.plain, self.parameters = plain, list(plain.model.parameters())
        self.recordings: dict[tuple[int, ...], Recording] = {}
        self.addresses: list[int] = []

    def __call__(
        self, x: Tensor, y: Tensor, state: State | None, share: float
    ) -> tuple[Tensor, State]:
        """See `Step`."""
        addresses, shape = [p.data_ptr() for p in self.parameters], tuple(x.shape)
        if addresses != self.addresses:
            self.recordings.clear()
            self.addresses = addresses
        if shape not in self.recordings:
            self.recordings[shape] = Recording(self.plain, x, y)
        return self.recordings[shape].replay(x, y, state, share)


class Recording:
    """Forward and backward of one shape, recorded once and replayed on new tokens."""

    def __init__(self, plain: PlainStep, x: Tensor, y: Tensor) -> None:
        self.parameters = [p for p in plain.model.parameters() if p.requires_grad]
        self.x, self.y, self.share = x.clone(), y.clone(), torch.ones((), device=x.device)
        self.state: State = ()
        in_fp16 = plain.bf16 and isinstance(plain.model, RecurrentLM)
        self.scale = FP16_SCALE if in_fp16 else 1.0
        here, beside = torch.cuda.current_stream(x.device), torch.cuda.Stream(x.device)
        beside.wait_stream(here)
        # As if nothing but the replay had happened: no random numbers drawn, no gradients made, no
        # tokens counted.
        buffers = [(buffer, buffer.clone()) for buffer in plain.model.buffers()]
        with (
            torch.random.fork_rng([x.device]),
            aliases(plain.model) as weights,
            swapped(plain.swaps, compiled=True),
        ):
            with torch.cuda.stream(beside):
                for _ in range(2):  # compile, and let libraries choose their kernels
                    new = self._run(plain, weights)[1]
                    self.state = self.state or tuple(torch.zeros_like(part) for part in new)
            here.wait_stream(beside)
            self.graph = torch.cuda.CUDAGraph()
            # Of this thread alone: another may be copying a checkpoint.
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                self.loss, self.new, self.gradients = self._run(plain, weights)
        for buffer, before in buffers:
            buffer.copy_(before)

    def _run(
        self, plain: PlainStep, weights: list[nn.Parameter]
    ) -> tuple[Tensor, State, tuple[Tensor | None, ...]]:
        loss, new = plain.forward(self.x, self.y, self.state or None)
        larger = plain.objective(loss) * (self.share * self.scale)
        gradients = torch.autograd.grad(larger, weights, allow_unused=True)
        for gradient in gradients:
            if gradient is not None and self.scale != 1:
                gradient /= self.scale
        return loss.detach(), detached(new), gradients

    def replay(
        self, x: Tensor, y: Tensor, state: State | None, share: float
    ) -> tuple[Tensor, State]:
        """See `Step`."""
        self.x.copy_(x)
        self.y.copy_(y)
        self.share.fill_(share)
        for i, part in enumerate(self.state):
            part.copy_(state[i]) if state else part.zero_()
        earlier = [p.grad for p in self.parameters]
        for i, (before, computed) in enumerate(zip(earlier, self.gradients, strict=True)):
            if (
                before is not None and before is computed
            ):  # of the micro-batch before: about to be replaced
                earlier[i] = computed.clone()
        self.graph.replay()
        for p, before, computed in zip(self.parameters, earlier, self.gradients, strict=True):
            p.grad = computed if before is None or computed is None else before.add_(computed)
        return self.loss.clone(), tuple(part.clone() for part in self.new)


@contextmanager
def aliases(model: nn.Module) -> Iterator[list[nn.Parameter]]:
    """Give a model other parameters of the same storage, and list them.

    Autograd remembers on which stream a parameter was first used, or got its hook, and would wait
    for that stream, which a recording must not: these are new to it.
    """
    originals = [
        (module, name, parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
    ]
    known = {id(p): nn.Parameter(p.data, p.requires_grad) for _, _, p in originals}
    try:
        _set_parameters((module, name, known[id(p)]) for module, name, p in originals)
        yield [p for p in model.parameters() if p.requires_grad]
    finally:
        _set_parameters(originals)
    if any(known[id(p)].data_ptr() != p.data_ptr() for _, _, p in originals):
        raise RuntimeError("a module moved its weights while its step was recorded")


def _set_parameters(parameters: Iterable[tuple[nn.Module, str, nn.Parameter]]) -> None:
    """Set parameters of modules, where `nn.RNNBase` must not notice.

    It would move weights that it does not know to a buffer of its own, and a step that trains
    copies trains nothing.
    """
    for module, name, parameter in parameters:
        setattr(module, name, parameter)
        if isinstance(module, nn.RNNBase):
            weights = cast(list[nn.Parameter], module._flat_weights)
            module._flat_weight_refs = [weakref.ref(weight) for weight in weights]


def make_step(
    model: nn.Module, precision: str, device: torch.device, fast: FastParts | None = None
) -> Step:
    """The step of a model on its device: plain, or on a GPU compiled and recorded.

    On a GPU a call with tokens of a new shape takes seconds: it compiles and records. See
    `PlainStep` for the parameters.

    Raises
    ------
    ValueError
        If the model cannot be trained in that precision, or a Transformer is to run on a GPU
        without its fast parts.
    """
    plain = PlainStep(model, precision, device, fast)
    if device.type != "cuda":
        return plain
    if fast is None and not isinstance(model, RecurrentLM):  # one call of cuDNN, nothing to compile
        raise ValueError(
            f"a {type(model).__name__} on a GPU trains with its fast parts: pass "
            "fast=brnb.train.fast.step_swaps to train()"
        )
    return RecordedStep(plain)
