"""Methods of a model's parts in other forms, for the time of a training step.

A model's own module says what it computes; how a step computes it faster is said elsewhere
(`brnb.train.fast` for a Transformer), and handed to `brnb.train.loop.train` by who builds the
model. No module here imports such forms: a model that has none does not depend on their code.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

COMPILED_FORMS = (
    64  # of compiled functions: value embeddings or none, an ablation's variants, batch sizes
)


class Swap(NamedTuple):
    """A method of a module, and the function of module and arguments that stands in for it."""

    module: nn.Module
    method: str
    function: Callable[..., Any]
    compilable: bool = True


class FastParts(Protocol):
    """What a model computes in another form while it trains."""

    def __call__(self, model: Any, precision: str) -> list[Swap]:
        """The swaps for a training in ``"fp32"``, ``"bf16"`` or ``"fp8"``.

        Raises
        ------
        ValueError
            If the model cannot be trained in that precision.
        """


@contextmanager
def swapped(swaps: Iterable[Swap], compiled: bool = False) -> Iterator[None]:
    """Let functions stand in for methods, compiled or as they are, and take them back.

    Modules of one form share a compilation: less to compile than the whole model.
    """
    swaps = list(swaps)
    for module, method, function, compilable in swaps:
        stand_in = _compiled(function) if compiled and compilable else function
        object.__setattr__(module, method, partial(stand_in, module))
    try:
        with torch._dynamo.config.patch(recompile_limit=COMPILED_FORMS):
            yield
    finally:
        for module, method, *_ in swaps:
            object.__delattr__(module, method)


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(function, dynamic=False)
