"""How much memory a calculation holds at its worst, counted tensor by tensor."""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class PeakMemory(TorchDispatchMode):
    """Bytes of the tensors that come into being inside this block, at their most.

    What an operation takes for itself while it runs is not seen. Works on every device, and says
    the same on all.

    Attributes
    ----------
    live, peak
        Bytes of the tensors that exist now, and at the worst moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Do the operation, and note what it made."""
        given = {x.untyped_storage()._cdata for x in tree_iter(args) if isinstance(x, torch.Tensor)}
        result = func(*args, **(kwargs or {}))
        for made in tree_iter(result):
            if isinstance(made, torch.Tensor):
                storage = made.untyped_storage()
                if storage._cdata not in given | self._known:
                    self._enter(storage)
        return result

    def _enter(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._leave, key, size)

    def _leave(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def peak_bytes(calculate: Callable[..., Any], *arguments: Any) -> int:
    """Bytes that `calculate` holds at its worst, its result among them, its arguments not."""
    with PeakMemory() as memory:
        calculate(*arguments)
    return memory.peak
