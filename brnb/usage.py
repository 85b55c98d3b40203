"""What a run used, and what that costs at the prices of the day.

No fingerprint counts this module (`brnb.fingerprint.PROVENANCE`): a new price changes the cost in
the next receipt, no result, and makes no training stale.
"""

import resource
import sys
from collections.abc import Mapping
from typing import Any

from brnb import energy
from brnb.provenance import gpu_name
from brnb.theory import costs


def used(seconds: float, resources: Mapping[str, Any], meter: energy.Meter) -> dict[str, Any]:
    """Peak memory in bytes, energy in joules and cost of a run, for its receipt's ``resources``.

    Parameters
    ----------
    seconds
        Of this process.
    resources
        What the chapter recorded: ``gpus`` (how many it used), ``earlier_seconds`` (of processes
        whose work this one continued).
    meter
        Started with the run; stopped here.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory = {"peak_memory": peak * (1 if sys.platform == "darwin" else 1024)}
    gpu, count = gpu_name(), resources.get("gpus", 1)
    if gpu:
        memory["peak_gpu_memory"] = sys.modules["torch"].cuda.max_memory_allocated()
    total = round(seconds + resources.get("earlier_seconds", 0.0), 3)
    return memory | meter.stop(count if gpu else 0) | _cost(total, gpu, count)


def _cost(seconds: float, gpu: str | None, count: int) -> dict[str, Any]:
    """Price and cost, and the list that they are of, or why there is none."""
    prices = costs.price_list_for(gpu)
    usage = {"run": "this", "seconds": seconds, "gpu": gpu, "gpus": count}
    cost = costs.receipt_cost(usage, prices)
    values = {name: getattr(cost, name) for name in ("usd_per_hour", "usd", "brl")}
    money = {name: None if value is None else float(value) for name, value in values.items()}
    return money | ({"no_price": cost.why} if cost.why else {"price_list": prices})
