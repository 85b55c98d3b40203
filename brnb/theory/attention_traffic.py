"""Bytes that attention moves, naive and fused (Eqs. B.29-B.31, B.113-B.120)."""

from brnb.theory.roofline import intensity
from brnb.theory.units import Quantity, not_negative, positive, size_of

MATRICES = 4  # Q, K, V and O, of n x d each
PASSES = 4  # of naive attention over an n x n matrix: S and P are each written and read


def attention_flops(seq_len: Quantity, width: Quantity) -> Quantity:
    """FLOPs of scores and mixing, 4n^2 d (Eq. B.29)."""
    not_negative("elements", seq_len=seq_len, width=width)
    return 4 * seq_len**2 * width


def naive_bytes(seq_len: Quantity, width: Quantity, dtype: str) -> Quantity:
    """Bytes of attention that writes and reads scores and probabilities: 4n^2 + 4nd numbers.

    Eqs. B.113 and B.114 count the same with 2nd for four matrices of n x d; see
    `printed_naive_bytes`. Eq. B.30 counts each n x n matrix a quarter of the times;
    see `printed_attention_bytes`.
    """
    positive("elements", seq_len=seq_len, width=width)
    return (PASSES * seq_len**2 + MATRICES * seq_len * width) * size_of(dtype)


def printed_naive_bytes(seq_len: Quantity, width: Quantity) -> Quantity:
    """16n^2 + 8nd bytes in fp32, as Eqs. B.113 and B.114 print it: half of Q, K, V and O."""
    positive("elements", seq_len=seq_len, width=width)
    return 16 * seq_len**2 + 8 * seq_len * width


def printed_attention_bytes(seq_len: Quantity, width: Quantity) -> Quantity:
    """2 (4nd + n^2) bytes in 16 bits, as Eq. B.30 prints it: one pass over one n x n matrix."""
    positive("elements", seq_len=seq_len, width=width)
    return 2 * (4 * seq_len * width + seq_len**2)


def fused_bytes(seq_len: Quantity, width: Quantity, dtype: str) -> Quantity:
    """Least bytes of fused attention: Q, K, V and O once, 4nd numbers (cf. Eq. B.115).

    A kernel whose tiles do not hold all of K and V reads them again for each block of queries.
    """
    positive("elements", seq_len=seq_len, width=width)
    return MATRICES * seq_len * width * size_of(dtype)


def printed_fused_bytes(seq_len: Quantity, width: Quantity) -> Quantity:
    """8nd bytes in fp32, as Eq. B.115 prints it: two matrices of n x d; there are four."""
    positive("elements", seq_len=seq_len, width=width)
    return 8 * seq_len * width


def fusion_speedup(seq_len: Quantity, width: Quantity) -> Quantity:
    """How many times fewer bytes fused attention moves, n/d + 1 (cf. Eq. B.116)."""
    return naive_bytes(seq_len, width, "fp32") / fused_bytes(seq_len, width, "fp32")


def printed_fusion_speedup(seq_len: Quantity, width: Quantity) -> Quantity:
    """2n/d + 1, as Eq. B.116 prints it: 33 for n = 2048 and d = 128, where it is 17."""
    return printed_naive_bytes(seq_len, width) / printed_fused_bytes(seq_len, width)


def naive_intensity(seq_len: Quantity, width: Quantity, dtype: str) -> Quantity:
    """FLOP/byte of naive attention; in 16 bits nd / (2 (n + d)), never above d/2 (cf. B.31)."""
    return intensity(attention_flops(seq_len, width), naive_bytes(seq_len, width, dtype))


def printed_attention_intensity(seq_len: Quantity, width: Quantity) -> Quantity:
    """2nd / (4d + n), as Eq. B.31 prints it.

    The text evaluates it to 341 (d = 1024, n = 2048) and 128 (d = 128, n = 8192); it is 683 and
    241. By its own ridge of 208 the second, called memory-bound, would be compute-bound.
    """
    flops = attention_flops(seq_len, width)
    return intensity(flops, printed_attention_bytes(seq_len, width))


def tile_elements(rows: Quantity, columns: Quantity, width: Quantity) -> dict[str, Quantity]:
    """Numbers that a block of fused attention keeps in shared memory (Eqs. B.117-B.120).

    Parameters
    ----------
    rows, columns
        B_r queries and B_c keys of a tile.
    width
        Of a head.
    """
    positive("elements", rows=rows, columns=columns, width=width)
    return {
        "queries": rows * width,
        "keys": columns * width,
        "values": columns * width,
        "scores": rows * columns,
    }


def tile_bytes(rows: Quantity, columns: Quantity, width: Quantity, dtype: str) -> Quantity:
    """Bytes of shared memory of a tile, the sum of `tile_elements` in one format."""
    return sum(tile_elements(rows, columns, width).values()) * size_of(dtype)
