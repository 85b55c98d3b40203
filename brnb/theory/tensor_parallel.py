"""Tensor parallelism: a map cut by columns or rows, Megatron's MLP and heads (Eqs. B.68-B.79)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from brnb.theory.units import Quantity, positive, size_of

Array = NDArray[np.float64]


def split_columns(weight: Array, devices: int) -> list[Array]:
    """W = [W_1, ..., W_P], equal parts of the columns (Eq. B.68)."""
    return np.split(weight, _divides(devices, weight.shape[1], "columns"), axis=1)


def split_rows(weight: Array, devices: int) -> list[Array]:
    """W_1 above W_2 ... above W_P, equal parts of the rows (Eq. B.70)."""
    return np.split(weight, _divides(devices, weight.shape[0], "rows"), axis=0)


def column_product(inputs: Array, weight: Array, devices: int) -> Array:
    """XW as [XW_1, ..., XW_P]: every device needs all of X, none waits (Eq. B.69)."""
    return np.concatenate([inputs @ part for part in split_columns(weight, devices)], axis=1)


def row_product(inputs: Array, weight: Array, devices: int) -> Array:
    """XW as the sum of X_i W_i, X cut by columns as W is by rows: an all-reduce (cf. Eq. B.71)."""
    parts = zip(split_columns(inputs, devices), split_rows(weight, devices), strict=True)
    return np.asarray(sum(x @ w for x, w in parts))


def printed_row_product(inputs: Array, weight: Array, devices: int) -> Array:
    """XW_1 + ... + XW_P, as Eq. B.71 prints it: X is not cut, and the shapes do not fit.

    Raises
    ------
    ValueError
        With more than one device: W_i has a P-th of the rows that X has columns.
    """
    return np.asarray(sum(inputs @ part for part in split_rows(weight, devices)))


def device_flops(tokens: Quantity, width: Quantity, devices: Quantity) -> Quantity:
    """FLOPs of a d x d map on each of P devices, 2nd^2 / P (Eq. B.72, there without the tokens)."""
    positive("elements", tokens=tokens, width=width, devices=devices)
    return 2 * tokens * width**2 / devices


def reduced_bytes(tokens: Quantity, width: Quantity, devices: Quantity, dtype: str) -> Quantity:
    """Bytes that each device sends to sum the map's result, 2 (P - 1) / P of nd numbers.

    Eq. B.73 says O(d^2), the size of the map; what is reduced is its output, n x d.
    """
    positive("elements", tokens=tokens, width=width, devices=devices)
    return 2 * (devices - 1) / devices * tokens * width * size_of(dtype)


def bytes_per_flop(width: Quantity, devices: Quantity, dtype: str) -> Quantity:
    """Bytes sent for each FLOP of a device, (P - 1) sizeof / d (cf. Eq. B.74, O(P)).

    It grows with P as printed, and falls with d: wide maps hide their all-reduce. The number of
    tokens cancels.
    """
    return reduced_bytes(1, width, devices, dtype) / device_flops(1, width, devices)


def parallel_mlp(
    inputs: Array, up: Array, down: Array, activation: Callable[[Array], Array], devices: int
) -> Array:
    """activation(X W_1) W_2 on P devices with one sum at the end (cf. Eqs. B.75, B.76).

    W_1 is cut by columns, so that the activation needs no other device, and W_2 by rows. Eq. B.76
    prints W_2 cut by columns as well: true as an identity, but then every device needs all hidden
    columns, an all-gather between the two maps that Megatron (Shoeybi et al., 2019) avoids.
    """
    parts = zip(split_columns(up, devices), split_rows(down, devices), strict=True)
    return np.asarray(sum(activation(inputs @ u) @ d for u, d in parts))


def heads_of(device: int, heads: int, devices: int) -> range:
    """Heads of device p, from 1: (p - 1) h/P + 1 to p h/P (Eqs. B.77-B.79).

    Heads share nothing before the output map, which is cut by rows: one all-reduce a layer.

    Raises
    ------
    ValueError
        If the devices do not divide the heads, or there is no such device.
    """
    positive("heads", heads=heads)
    each = heads // _divides(devices, heads, "heads")
    if not 1 <= device <= devices:
        raise ValueError(f"device = {device}: they are numbered from 1 to {devices}")
    return range((device - 1) * each + 1, device * each + 1)


def _divides(devices: int, size: int, what: str) -> int:
    if devices < 1 or size % devices:
        raise ValueError(f"devices = {devices}: it must divide the {size} {what}")
    return devices
