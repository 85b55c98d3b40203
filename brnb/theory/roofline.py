"""The roofline: what bounds an operation, arithmetic or memory (Eqs. B.24-B.28, B.107-B.112).

An operation does I FLOPs for each byte that it moves. A machine of P FLOP/s and B bytes/s does at
most min(P, I B) of it (Williams, Waterman and Patterson, 2009), and the two meet at I = P / B.
"""

import numpy as np

from brnb.theory.units import Quantity, not_negative, positive, size_of


def intensity(flops: Quantity, traffic: Quantity) -> Quantity:
    """FLOPs for each byte moved (left of Eq. B.24; Eq. B.107)."""
    not_negative("FLOP", flops=flops)
    positive("bytes", traffic=traffic)
    return flops / traffic


def ridge_point(peak: Quantity, bandwidth: Quantity) -> Quantity:
    """Intensity, in FLOP/byte, above which arithmetic is the limit (right of Eq. B.24).

    Parameters
    ----------
    peak
        FLOP/s, of the format that the operation computes in.
    bandwidth
        Bytes/s of the memory.

    Examples
    --------
    >>> ridge_point(312e12, 1.5e12)
    208.0
    """
    positive("FLOP/s", peak=peak)
    positive("bytes/s", bandwidth=bandwidth)
    return peak / bandwidth


def attainable(intensity: Quantity, peak: float, bandwidth: float) -> Quantity:
    """Most FLOP/s that an operation of that intensity can reach, min(P, I B) (Eqs. B.108, B.112).

    Parameters
    ----------
    intensity
        FLOP/byte.
    peak, bandwidth
        FLOP/s and bytes/s of the machine.
    """
    not_negative("FLOP/byte", intensity=intensity)
    positive("FLOP/s", peak=peak)
    positive("bytes/s", bandwidth=bandwidth)
    return np.minimum(peak, intensity * bandwidth)


def printed_attainable(intensity: Quantity, peak: float, bandwidth: float) -> Quantity:
    """min(P / I, B), as Eq. B.108 prints it: bytes/s, and the reverse of a limit on FLOP/s.

    Both sides are I times too small; Eq. B.112 computes with min(P, I B).
    """
    positive("FLOP/byte", intensity=intensity)
    positive("FLOP/s", peak=peak)
    positive("bytes/s", bandwidth=bandwidth)
    return np.minimum(peak / intensity, bandwidth)


def matmul_flops(rows: Quantity, inner: Quantity, columns: Quantity) -> Quantity:
    """FLOPs of (m x k) times (k x n), 2mkn (Eq. B.25)."""
    not_negative("elements", rows=rows, inner=inner, columns=columns)
    return 2 * rows * inner * columns


def matmul_bytes(rows: Quantity, inner: Quantity, columns: Quantity, dtype: str) -> Quantity:
    """Bytes of both factors and the product, each moved once (Eq. B.26, where dtype is fp32)."""
    not_negative("elements", rows=rows, inner=inner, columns=columns)
    return (rows * inner + inner * columns + rows * columns) * size_of(dtype)


def matmul_intensity(rows: Quantity, inner: Quantity, columns: Quantity, dtype: str) -> Quantity:
    """FLOP/byte of a product of matrices (Eqs. B.27 and, of squares, B.28: n/6 in fp32)."""
    flops = matmul_flops(rows, inner, columns)
    return intensity(flops, matmul_bytes(rows, inner, columns, dtype))


def compute_bound_size(ridge: Quantity, dtype: str) -> Quantity:
    """Side n of square matrices whose product reaches the ridge: 3 sizeof / 2 of it.

    The text compares the intensity of fp32 matrices, n/6, with the ridge of an A100's fp16 tensor
    cores and finds n > 1248. In one format it is n > 624 (fp16), or n > 78 at the 19.5 TFLOP/s
    that an A100 does in fp32.
    """
    positive("FLOP/byte", ridge=ridge)
    return 1.5 * size_of(dtype) * ridge


def matvec_flops(rows: Quantity, columns: Quantity) -> Quantity:
    """FLOPs of an m x n matrix times a vector, 2mn (Eq. B.109)."""
    not_negative("elements", rows=rows, columns=columns)
    return matmul_flops(rows, columns, 1)


def matvec_bytes(rows: Quantity, columns: Quantity, dtype: str) -> Quantity:
    """Bytes of the matrix and both vectors (Eq. B.110)."""
    not_negative("elements", rows=rows, columns=columns)
    return matmul_bytes(rows, columns, 1, dtype)


def matvec_intensity(rows: Quantity, columns: Quantity, dtype: str) -> Quantity:
    """FLOP/byte of a matrix times a vector: 1/2 in fp32, 1 in 16 bits (Eq. B.111)."""
    positive("elements", rows=rows, columns=columns)
    return matmul_intensity(rows, columns, 1, dtype)
