"""Sizes that kernels were tuned to, in one table by device.

They change how fast a kernel is, never what it computes but for the order of sums. Another device
gets a row of its own once somebody has measured it there (`benchmarks/training_speed.py`,
`benchmarks/generation_speed.py`); until then it runs with `DEFAULT`.
"""

from dataclasses import dataclass
from functools import cache

import torch

Streamed = dict[int, tuple[int, int, int, int | None]]
Columns = tuple[tuple[int, int], ...]
EACH = 1000  # waves: more than there are tiles


@dataclass(frozen=True)
class Tile:
    """Sizes of a product of experts (`brnb.ops.kernels.experts`).

    Attributes
    ----------
    columns, terms
        Of a tile, and of what is read for it at a time.
    group
        Rows of tiles that programs beside each other share.
    warps, stages
        Of a program, and parts on their way at once.
    waves
        Programs for each multiprocessor, which take tile after tile; `EACH` for one a tile.
    flat
        Whether the next tile is read while one is written.
    swap
        Whether weights are the left side of the product.
    """

    columns: int
    terms: int
    group: int
    warps: int
    stages: int
    waves: int = 1
    flat: bool = False
    swap: bool = False


@dataclass(frozen=True)
class VectorTile:
    """How a matrix of weights meets a vector.

    Attributes
    ----------
    numbers, columns, programs, warps
        Weights that a program holds, of so many columns at a time; programs there should be at
        least, rather than so many weights; warps of one.
    ahead
        Bytes of the next matrix that are asked for meanwhile.
    """

    numbers: int
    columns: int
    programs: int
    warps: int
    ahead: int


@dataclass(frozen=True)
class TokenTile:
    """Keys that one token meets at a time, parts that all are cut into, warps and stages.

    Attributes
    ----------
    alone
        Keys that one program meets, turn after turn, since parts would have to be put together.
    """

    keys: int
    parts: int
    warps: int
    stages: int
    alone: int


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What was measured best on a device.

    Attributes
    ----------
    multiprocessors
        Programs that run at a time: what sums are cut into parts for (`brnb.ops.split_k`).
    sum_tile
        Rows and columns of a tile of such a sum, and terms at a time.
    attention_forward, attention_queries, attention_keys
        By head_dim: rows that a program looks at in a turn, warps, stages, and, where the compiler
        takes more than let three programs share a multiprocessor, registers.
    transpose_tile, loss_tile
        Largest rows and columns of a tile worth it, of a matrix and of logits.
    loss_columns
        Logits that one program holds in registers at a time.
    mlp_wide, mlp_narrow, mlp_backward
        Columns and warps of a program, the first that fit: of an input of two parts without a
        gate, of any other, and backward. Registers and shared memory must be left for another
        program or two beside it.
    mlp_weights
        Bytes of weights that a program keeps in shared memory.
    decoding_keys
        Keys that a decoding token meets at a time.
    vector, token
        Of a step of one sequence: its products, and its attention.
    nf4_block
        Numbers that a program dequantises.
    experts_up, experts_up_short, experts_product
        By rows of a tile: the first product of experts (the second of 128 rows whose sums are
        short), and one without an end of its own.
    experts_sums
        Rows of a tile of weights' gradients, and the rest of its sizes.
    """

    multiprocessors: int
    sum_tile: tuple[int, int, int]
    attention_forward: Streamed
    attention_queries: Streamed
    attention_keys: Streamed
    transpose_tile: tuple[int, int]
    loss_tile: tuple[int, int]
    loss_columns: int
    mlp_wide: Columns
    mlp_narrow: Columns
    mlp_backward: Columns
    mlp_weights: int
    decoding_keys: int
    vector: VectorTile
    token: TokenTile
    nf4_block: int
    experts_up: dict[int, Tile]
    experts_up_short: Tile
    experts_product: dict[int, Tile]
    experts_sums: tuple[int, Tile]


H200 = Tuning(
    multiprocessors=132,
    sum_tile=(128, 256, 128),
    attention_forward={32: (64, 4, 3, None), 64: (64, 4, 3, None)},
    attention_queries={32: (32, 4, 3, None), 64: (64, 4, 2, None)},
    attention_keys={32: (64, 4, 2, None), 64: (64, 4, 2, 168)},
    transpose_tile=(128, 64),
    loss_tile=(256, 32),
    loss_columns=8192,
    mlp_wide=((128, 8), (64, 4), (32, 4)),
    mlp_narrow=((64, 4), (32, 4)),
    mlp_backward=((128, 4), (64, 4), (32, 4)),
    mlp_weights=2**17,
    decoding_keys=32,
    vector=VectorTile(8192, 2048, 512, 4, 0),
    token=TokenTile(64, 32, 4, 2, 512),
    nf4_block=2048,
    experts_up={
        16: Tile(64, 128, 8, 4, 3, EACH, swap=True),
        64: Tile(128, 64, 4, 4, 4),
        128: Tile(128, 64, 8, 8, 3),
    },
    experts_up_short=Tile(64, 64, 8, 4, 3, EACH),
    experts_product={
        16: Tile(64, 128, 8, 4, 3, EACH),
        64: Tile(256, 64, 8, 4, 4, flat=True),
        128: Tile(256, 64, 8, 8, 4, flat=True),
    },
    experts_sums=(128, Tile(256, 64, 8, 8, 4)),
)
BY_DEVICE = {"H200": H200, "H100": H200}  # by a part of CUDA's name for it; both are one die
DEFAULT = H200  # of a device that nobody has measured: the same numbers, perhaps not as fast


@cache
def tuning() -> Tuning:
    """The row of this machine's GPU."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return next((row for part, row in BY_DEVICE.items() if part in name), DEFAULT)
