"""LoRA and QLoRA: how many parameters are trained, how many bytes a quantised map takes.

Source: thesis 3.4, 4.2.3.3 and C.2.3.1; Hu et al. (2021); Dettmers et al. (2023).
"""

from collections.abc import Collection
from math import ceil

import numpy as np
import numpy.typing as npt

from brnb.theory.shape import Shape
from brnb.theory.units import not_negative, positive, positive_share

LLAMA_MAPS = {
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "o_proj": "out",
    "gate_proj": "gate",
    "up_proj": "up",
    "down_proj": "down",
}
"""Names of a Llama block's linear maps in its weights, and here."""
MAPS = tuple(LLAMA_MAPS.values())
NF4_BLOCK, ABSMAX_BLOCK = 64, 256  # weights that share a scale; scales that share a scale


def merged_map(W: npt.ArrayLike, B: npt.ArrayLike, A: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """W' = W + BA, whose change has at most rank r (Eqs. 3.3, 4.6, C.78).

    Parameters
    ----------
    W, B, A
        (d, k), (d, r) and (r, k). PEFT scales BA by alpha / r; here it is as in the equations.
    """
    return np.asarray(W, float) + np.asarray(B, float) @ np.asarray(A, float)


def adapter_parameters(d: int, k: int, rank: int) -> int:
    """Trained parameters r(d + k) of one map W in R^(d x k) (3.4, Eq. C.80)."""
    not_negative("elements", d=d, k=k)
    if rank < 1:
        raise ValueError(f"rank = {rank}: it must be at least 1")
    return rank * (d + k)


def compression_ratio(d: int, k: int, rank: int) -> float:
    """Parameters of W for each trained one, dk / (r(d + k)) (Eqs. C.79-C.82)."""
    positive("elements", d=d, k=k)
    return d * k / adapter_parameters(d, k, rank)


def lora_parameters(shape: Shape, rank: int, maps: Collection[str] = MAPS) -> int:
    """Trained parameters of a whole model, the sum of r(d + k) over its adapted maps (Eq. 4.8).

    For Llama 3 8B and r = 64 the thesis prints about 16e6. That is the query map alone
    (16,777,216); r = 64 on all seven maps is 167,772,160, ten times as much.

    Parameters
    ----------
    shape
        A dense model, or one whose experts all have adapters of their own.
    rank
        r.
    maps
        Names among `MAPS`; ``"gate"`` is ignored where the model has none.

    Raises
    ------
    ValueError
        If a name is unknown, the rank below 1, or some layers have experts and others not.
    """
    if shape.dense_layers:
        raise ValueError("adapters of a model with some layers without experts are not counted")
    copies = max(shape.experts, 1)
    sizes = {name: (size, 1) for name, size in shape.attention_maps.items()}
    sizes |= {name: (size, copies) for name, size in shape.mlp_maps.items()}
    return shape.layers * sum(
        times * adapter_parameters(d, k, rank)
        for name, ((k, d), times) in sizes.items()
        if name in _known(maps)
    )


def reduction(parameters: float, trained: float) -> float:
    """How many times fewer parameters are trained (Eq. 4.9: 500)."""
    positive("parameters", parameters=parameters, trained=trained)
    return parameters / trained


def nf4_bits(double: bool = True) -> float:
    """Bits for each weight in NF4.

    4 bits and a scale for each block of 64: in fp32, 4 + 32/64 = 4.5; quantised in turn to
    8 bits with an fp32 scale for each 256 of them, 4 + 8/64 + 32/(64 * 256) = 4.127
    (Dettmers et al., 2023, section 3). Eq. 4.16 counts 4.
    """
    scale = 8 + 32 / ABSMAX_BLOCK if double else 32
    return 4 + scale / NF4_BLOCK


def nf4_bytes(weights: int) -> int:
    """Bytes of one map of `weights` weights in NF4 with scales quantised in turn, whole blocks."""
    blocks = ceil(weights / NF4_BLOCK)
    scales = blocks + 4 * ceil(blocks / ABSMAX_BLOCK)
    return ceil(weights / 2) + scales


def rank_bound(effective_rank: float, fraction: float) -> float:
    """Rank that keeps a `fraction` of the information in a map of that effective rank.

    With equal singular values, r of them hold r / rank(W) of the energy (Eckart and Young, 1936),
    so r >= fraction * rank(W); with any other spectrum fewer are enough. Eq. C.83 prints
    rank(W) / fraction, by which less information would need a higher rank.

    Raises
    ------
    ValueError
        If the fraction is not above 0 and at most 1.
    """
    not_negative("rank", effective_rank=effective_rank)
    positive_share(fraction=fraction)
    return effective_rank * fraction


def printed_rank_bound(effective_rank: float, fraction: float) -> float:
    """rank(W) / epsilon, as C.83 prints it: never below the rank itself, and LoRA never enough."""
    not_negative("rank", effective_rank=effective_rank)
    positive_share(fraction=fraction)
    return effective_rank / fraction


def effective_rank(W: npt.ArrayLike, fraction: float) -> int:
    """The fewest singular values of a map that hold a fraction of its squared sum.

    This is the smallest rank of any matrix that near to W (Eckart and Young, 1936), and what C.83
    is after: it needs the spectrum, not the rank alone.
    """
    energy = np.linalg.svd(np.asarray(W, float), compute_uv=False) ** 2
    return int(np.searchsorted(energy.cumsum() / energy.sum(), fraction - 1e-12)) + 1


def _known(maps: Collection[str]) -> Collection[str]:
    unknown = sorted(set(maps) - set(MAPS))
    if unknown:
        raise ValueError(f"maps {', '.join(unknown)} are unknown; known: {', '.join(MAPS)}")
    return maps
