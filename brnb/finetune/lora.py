"""Adapters: where they sit, and how a group of maps multiplies with them."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from brnb.bases.load import quiet
from brnb.bases.maps import matrix, plain_map, quantised, release
from brnb.bases.shards import is_lent

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
        From `brnb.bases.load.load_base`.
    params
        ``rank``, ``alpha``, ``dropout``, ``target_modules``, ``seed``.
    start
        Folder of saved adapters (peft's format); their own rank and maps count.

    Raises
    ------
    FileNotFoundError
        If `start` holds no adapters as safetensors.
    ValueError
        If the model has none of the maps named.
    """
    from peft import LoraConfig, PeftModel, get_peft_model

    if start is not None:
        require_safetensors(start)
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


def require_safetensors(folder: Path) -> None:
    """Refuse a folder whose adapters are a pickle, or none at all.

    Raises
    ------
    FileNotFoundError
        Names the folder.
    """
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if folder.is_dir() and not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder} holds no adapter: {name} is missing; run the training that saves it"
            )


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


Adapter = tuple[Tensor, Tensor]


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
        self.dequantised: Tensor | None = None
        if not any(quantised(base_map(m)) or is_lent(base_map(m)) for m in self.maps):
            self.keep()

    def split(self, joined: Tensor) -> tuple[Tensor, ...]:
        """What each map gave, shape (T, N_i), of what all gave."""
        return joined.split(self.rows, -1)

    def weight(self) -> Tensor:
        """The frozen matrix, shape (N, K), N the sum of all N_i."""
        return self._joined() if self.dequantised is None else self.dequantised

    def keep(self) -> None:
        """Dequantise once: NF4's numbers, kept in 16 bits (or what `dtype` has).

        The maps become views of the joined matrix, so that nothing is stored twice.
        """
        self.dequantised = self._joined()
        for i, part in enumerate(self.dequantised.split(self.rows)):
            replace_base(self.parent, self.names[i], plain_map(part))
            self.maps[i] = getattr(self.parent, self.names[i])

    @property
    def adapted(self) -> list[tuple[int, Tensor, Tensor, float]]:
        """First row, A, B and scale of each adapter."""
        starts = [0, *accumulate(self.rows)]
        pairs = [(row, _adapter(module)) for row, module in zip(starts, self.maps, strict=False)]
        return [(row, *factors) for row, factors in pairs if factors is not None]

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


def adapters(groups: Sequence[Group]) -> list[Adapter]:
    """A, shape (R, K), and B, (N, R), of each group in the precision of its products.

    The scales are in A; R is the sum of a group's ranks, and B is zero where a map meets another
    map's adapter. Differentiable: each adapter's gradient finds its own parameter. All groups at
    once take few kernels, where each by itself would cost more to launch than to compute.
    """
    adapted = [group.adapted for group in groups]
    weights = [w for adapted in adapted for _, a, b, _ in adapted for w in (a, b)]
    factors = iter(_Join.apply(groups, adapted, *weights))
    return list(zip(factors, factors, strict=True))


class _Join(Function):
    """Adapters as block-diagonal pairs of matrices."""

    @staticmethod
    def forward(
        ctx: Any, groups: Sequence[Group], adapters_of: list[list[Any]], *weights: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.adapters_of = adapters_of
        like = weights[0].new_empty(0, dtype=groups[0].dtype)
        ranks = [sum(len(a) for _, a, _, _ in adapted) for adapted in adapters_of]
        sizes = [
            (r * group.columns, sum(group.rows) * r) for r, group in zip(ranks, groups, strict=True)
        ]
        downs = like.new_empty(sum(a for a, _ in sizes)).split([a for a, _ in sizes])
        ups = like.new_zeros(sum(b for _, b in sizes)).split([b for _, b in sizes])
        joined = [
            part
            for down, up, r, group in zip(downs, ups, ranks, groups, strict=True)
            for part in (down.view(r, group.columns), up.view(sum(group.rows), r))
        ]
        scaled = torch._foreach_mul(list(weights[::2]), _scales(adapters_of))
        a_parts, b_parts = _parts(joined, adapters_of)
        torch._foreach_copy_(a_parts, scaled)
        torch._foreach_copy_(b_parts, list(weights[1::2]))
        return tuple(joined)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        a_parts, b_parts = _parts(grads, ctx.adapters_of)
        d_a = [torch.empty_like(part, dtype=torch.float32) for part in a_parts]
        torch._foreach_copy_(d_a, a_parts)
        torch._foreach_mul_(d_a, _scales(ctx.adapters_of))
        pairs = zip(d_a, (part.float() for part in b_parts), strict=True)
        return None, None, *(grad for pair in pairs for grad in pair)


def _scales(adapters_of: list[list[Any]]) -> list[float]:
    return [scale for adapted in adapters_of for *_, scale in adapted]


def _parts(
    joined: Sequence[Tensor], adapters_of: list[list[Any]]
) -> tuple[list[Tensor], list[Tensor]]:
    """The place of each adapter's A and B in the matrices of all groups."""
    a_parts, b_parts = [], []
    for down, up, adapted in zip(joined[::2], joined[1::2], adapters_of, strict=True):
        rank = 0
        for row, a, b, _ in adapted:
            a_parts.append(down[rank : rank + len(a)])
            b_parts.append(up[row : row + len(b), rank : rank + len(a)])
            rank += len(a)
    return a_parts, b_parts


def _adapter(module: Any) -> tuple[Tensor, Tensor, float] | None:
    """A, B and scale of a map; None where it has no adapter."""
    for name in getattr(module, "active_adapters", ()):
        return module.lora_A[name].weight, module.lora_B[name].weight, module.scaling[name]
    return None


def adapted_layers(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Names and modules of all maps with an adapter."""
    for name, module in model.named_modules():
        if hasattr(module, "lora_A") and hasattr(module, "base_layer"):
            yield name, module
