"""Adapters: where they sit, and how a group of maps multiplies with them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from brnb.finetune.base import quiet
from brnb.finetune.maps import matrix, plain_map, quantised, release
from brnb.finetune.shards import is_lent

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from brnb.finetune.params import FinetuneParams


def adapt(
    model: "PreTrainedModel", params: "FinetuneParams", start: Path | None = None
) -> "PeftModel":
    """Put adapters into a frozen base: new ones from the run's seed, or saved ones to train on.

    They are in fp32 whatever the base is in, so that small updates are not rounded away; each
    matrix product casts them to its own precision.

    Parameters
    ----------
    model
        From `brnb.finetune.base.load_base`.
    params
        ``rank``, ``alpha``, ``dropout``, ``target_modules``, ``seed``.
    start
        Folder of saved adapters (peft's format); their own rank and maps count.

    Raises
    ------
    ValueError
        If the model has none of the maps named.
    """
    from peft import LoraConfig, PeftModel, get_peft_model

    if start is not None:
        with quiet():
            adapted = PeftModel.from_pretrained(model, start, is_trainable=True)
    else:
        config = LoraConfig(
            r=params.rank,
            lora_alpha=params.alpha,
            lora_dropout=params.dropout,
            target_modules=list(params.target_modules),
            task_type="CAUSAL_LM",
        )
        with quiet(), torch.random.fork_rng(devices=[]):
            # Drawn on the CPU: the same on every machine.
            torch.manual_seed(params.seed)
            adapted = get_peft_model(model, config)
    for parameter in trained(adapted):
        parameter.data = parameter.data.float()
    return adapted


def trained(model: nn.Module) -> list[nn.Parameter]:
    """The parameters of the adapters, in the model's order."""
    return [p for p in model.parameters() if p.requires_grad]


def base_of(model: "PeftModel") -> Any:
    """The model of transformers below the adapters."""
    return model.get_base_model()


def base_map(module: Any) -> Any:
    """The frozen map below an adapter; itself where there is none."""
    return getattr(module, "base_layer", module)


def replace_base(parent: Any, name: str, plain: nn.Module) -> None:
    """Put another frozen map below an adapter, or in place of a map that has none."""
    module = getattr(parent, name)
    release(base_map(module))
    if hasattr(module, "base_layer"):
        module.base_layer = plain
    else:
        setattr(parent, name, plain)


class Group:
    """Maps that read the same input: one frozen matrix, one block-diagonal adapter.

    Parameters
    ----------
    parent, names
        A module and those of its linear maps, without bias, adapted by peft or not: (N_i, K) each.
    dtype
        Of the products.
    """

    def __init__(self, parent: Any, names: tuple[str, ...], dtype: torch.dtype) -> None:
        self.parent, self.names, self.dtype = parent, names, dtype
        self.maps = [getattr(parent, name) for name in names]
        self.rows = [base_map(m).out_features for m in self.maps]
        self.columns = base_map(self.maps[0]).in_features
        self.kept: Tensor | None = None
        if not any(quantised(base_map(m)) or is_lent(base_map(m)) for m in self.maps):
            self.keep()

    def weight(self) -> Tensor:
        """The frozen matrix, shape (N, K), N the sum of all N_i."""
        return self._joined() if self.kept is None else self.kept

    def keep(self) -> None:
        """Dequantise once: NF4's numbers, kept in 16 bits (or what `dtype` has).

        The maps become views of the joined matrix, so that nothing is stored twice.
        """
        self.kept = self._joined()
        for i, part in enumerate(self.kept.split(self.rows)):
            replace_base(self.parent, self.names[i], plain_map(part))
            self.maps[i] = getattr(self.parent, self.names[i])

    def adapter(self) -> tuple[Tensor, Tensor]:
        """A, shape (R, K), and B, (N, R), its scale inside; R the sum of the maps' ranks.

        Differentiable: each adapter's gradient finds its own parameter.
        """
        found = [_own(module) for module in self.maps]
        places, row = [], 0
        for own, rows in zip(found, self.rows, strict=True):
            if own is not None:
                places.append((row, own[2]))
            row += rows
        weights = [weight for own in found if own is not None for weight in own[:2]]
        shape = (row, self.columns)
        device = base_map(self.maps[0]).weight.device
        a, b = _Join.apply(shape, places, torch.empty(0, dtype=self.dtype, device=device), *weights)
        return a, b

    def _joined(self) -> Tensor:
        first = base_map(self.maps[0])
        if len(self.maps) == 1:
            return matrix(first, self.dtype)
        full = torch.empty(
            sum(self.rows), self.columns, dtype=self.dtype, device=first.weight.device
        )
        for module, part in zip(self.maps, full.split(self.rows), strict=True):
            matrix(base_map(module), self.dtype, out=part)
        return full


class _Join(Function):
    """Adapters of a group as one pair of matrices in the precision of the products."""

    @staticmethod
    def forward(
        ctx: Any,
        shape: tuple[int, int],
        places: list[tuple[int, float]],
        like: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        ctx.places, ctx.sizes = places, [len(a) for a in weights[::2]]
        ctx.rows = [len(b) for b in weights[1::2]]
        rank = sum(ctx.sizes)
        down, up = like.new_empty(rank, shape[1]), like.new_zeros(shape[0], rank)
        parts = _parts(down, up, ctx)
        for a, b, (a_part, b_part, scale) in zip(weights[::2], weights[1::2], parts, strict=True):
            a_part.copy_(a)
            torch.mul(b, scale, out=b_part)
        return down, up

    @staticmethod
    def backward(ctx: Any, d_down: Tensor, d_up: Tensor) -> tuple[Tensor | None, ...]:
        found: list[Tensor | None] = [None, None, None]
        for a_part, b_part, scale in _parts(d_down, d_up, ctx):
            found += [a_part.float(), b_part.float().mul_(scale)]
        return tuple(found)


def _parts(down: Tensor, up: Tensor, ctx: Any) -> Iterator[tuple[Tensor, Tensor, float]]:
    """The place of each adapter in joined matrices, and its scale."""
    rank = 0
    for (row, scale), size, rows in zip(ctx.places, ctx.sizes, ctx.rows, strict=True):
        own = slice(rank, rank + size)
        yield down[own], up[row : row + rows, own], scale
        rank += size


def _own(module: Any) -> tuple[Tensor, Tensor, float] | None:
    """A, B and scale of a map; None where it has no adapter."""
    for name in getattr(module, "active_adapters", ()):
        return module.lora_A[name].weight, module.lora_B[name].weight, module.scaling[name]
    return None


def adapted_layers(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Names and modules of all maps with an adapter."""
    for name, module in model.named_modules():
        if hasattr(module, "lora_A") and hasattr(module, "base_layer"):
            yield name, module
