"""Kernels that begin before the one before them has ended, in Triton; import it where there is a
GPU (programmatic dependent launch, from Hopper on).

Such a kernel asks for what nobody writes first, weights above all, and waits only then
(``gdc_wait``) for what is written. So memory has no rest between kernels. It writes nothing, and
reads nothing that the same step writes, before that wait.
"""

from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from brnb.ops.kernels.tuned import tuning

EARLY: dict[str, Any] = {"launch_pdl": True}  # how it is launched


def share_of(ahead: Tensor, programs: int) -> int:
    """Bytes of what comes next that each program asks for; units of 16."""
    return min(ahead.nbytes, tuning().vector.ahead) // programs // 16 * 16


@triton.jit
def ask_for(ahead, share):  # type: ignore[no-untyped-def]
    """Let one thread ask for this program's share of some bytes, to be in the cache when needed."""
    program = tl.program_id(0) + tl.program_id(1) * tl.num_programs(0)
    start = ahead.to(tl.int64) + program.to(tl.int64) * share
    if share > 0:
        tl.inline_asm_elementwise(
            """{
            .reg .pred first;
            .reg .u32 thread;
            mov.u32 thread, %tid.x;
            setp.eq.u32 first, thread, 0;
            @first cp.async.bulk.prefetch.L2.global [$1], $2;
            mov.u32 $0, 0;
            }""",
            "=r,l,r", [start, share], dtype=tl.int32, is_pure=False, pack=1,
        )  # fmt: skip
