"""What RoPE promises, tried: a product of rotated vectors depends on their distance alone."""

import torch

from brnb.ops.rope import rope_table, rotate

THETA = 10_000.0


def scores_by_distance(
    head_dim: int, length: int, seed: int, origins: tuple[int, int]
) -> dict[int, dict[int, float]]:
    """Product of one query with one key, wherever both stand.

    Parameters
    ----------
    head_dim, length
        Width of the drawn vectors, and positions that there are.
    seed
        Of the two vectors.
    origins
        Positions of the query.

    Returns
    -------
    dict
        By origin, by distance (key's position minus query's): q · k over sqrt(d).
    """
    drawn = torch.Generator().manual_seed(seed)
    q, k = torch.randn(2, head_dim, generator=drawn)
    cos, sin = rope_table(length, head_dim, THETA)
    keys = rotate(k.expand(length, -1), cos, sin)
    return {
        origin: {
            place - origin: float(keys[place] @ rotate(q, cos[origin], sin[origin])) / head_dim**0.5
            for place in range(length)
        }
        for origin in origins
    }


def largest_disagreement(scores: dict[int, dict[int, float]]) -> float:
    """Most that two origins disagree on a distance that both have."""
    one, other = scores.values()
    return max(abs(one[distance] - other[distance]) for distance in one.keys() & other.keys())
