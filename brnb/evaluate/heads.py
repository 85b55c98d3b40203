"""What trained attention heads are like: sparse, of low rank, how far they look, how steep."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from brnb.evaluate.masked import attention_matrices

SMALL = 0.01  # Eq. A.55's epsilon, as the text has it
SCALES = (1, 2, 4)  # of the inputs
NEGLIGIBLE = 1e-4  # of the largest singular value


@dataclass(frozen=True)
class Heads:
    """Means over the heads of a block and some texts.

    Attributes
    ----------
    sparsity, uniform_sparsity
        Share of the weights under 0.01 (Eq. A.55), of those that a causal head may give; and what
        it would be if every head gave all of them the same weight.
    distance, uniform_distance
        Tokens that a head looks back, weighted; and if it looked everywhere alike.
    score_rank, weight_rank
        Singular values that are not negligible: of the scores, which have at most head_dim, and of
        the weights.
    steepness
        Spectral norm of the Jacobian of the block's attention, where the text is (its local
        Lipschitz constant), and with inputs that `SCALES` makes larger.
    """

    sparsity: float
    uniform_sparsity: float
    distance: float
    uniform_distance: float
    score_rank: float
    weight_rank: float
    steepness: tuple[float, ...]


def heads(model: Any, ids: Tensor) -> list[Heads]:
    """Every block's heads, on texts (B, T).

    Parameters
    ----------
    model
        A `brnb.models.transformer.TransformerLM`.
    """
    inputs = _inputs(model, ids)
    T = ids.shape[1]
    visible = torch.ones(T, T, dtype=torch.bool, device=ids.device).tril()
    back = (torch.arange(T)[:, None] - torch.arange(T)).to(ids.device)
    uniform = visible / visible.sum(-1, keepdim=True)
    table = []
    for number, (scores, weights) in enumerate(attention_matrices(model, ids)):
        table.append(
            Heads(
                sparsity=(weights[..., visible] < SMALL).float().mean().item(),
                uniform_sparsity=(uniform[visible] < SMALL).float().mean().item(),
                distance=(weights * back).sum(-1).mean().item(),
                uniform_distance=(uniform * back).sum(-1).mean().item(),
                score_rank=_rank(scores),
                weight_rank=_rank(weights),
                steepness=tuple(steepness(model, number, s * inputs[number]) for s in SCALES),
            )
        )
    return table


def _rank(matrices: Tensor) -> float:
    values = torch.linalg.svdvals(matrices)
    return (values > NEGLIGIBLE * values[..., :1]).sum(-1).float().mean().item()


def _inputs(model: Any, ids: Tensor) -> list[Tensor]:
    """What each block's attention reads of the first text, (1, T, width)."""
    inputs: list[Tensor] = []
    hooks = [
        block.attention.register_forward_pre_hook(lambda module, given: inputs.append(given[0]))
        for block in model.blocks
    ]
    with torch.no_grad():
        model.eval()(ids[:1])
    for hook in hooks:
        hook.remove()
    return inputs


def steepness(model: Any, number: int, x: Tensor, iterations: int = 6) -> float:
    """Spectral norm of a block's attention's Jacobian at an input, by power iteration.

    A lower bound that grows with the iterations. Dot-product attention has no bound for all inputs
    (Kim et al., 2021): it grows with the input.
    """
    attention, T = model.blocks[number].attention, x.shape[1]
    rope = model.choices.position == "rope"
    rotation = (model.cos[:T], model.sin[:T]) if rope else None
    drawn = torch.Generator().manual_seed(number)
    direction = torch.randn(x.shape, generator=drawn).to(x)
    ids = torch.zeros(1, T, dtype=torch.long, device=x.device)

    def attend(given: Tensor) -> Tensor:
        y: Tensor = attention(given, ids, rotation, ())[0]
        return y

    size = 0.0
    with sdpa_kernel(SDPBackend.MATH):
        for _ in range(iterations):
            direction = direction / direction.norm()
            _, moved = torch.autograd.functional.jvp(attend, x, direction)
            size = moved.norm().item()
            _, direction = torch.autograd.functional.vjp(attend, x, moved)
    return size
