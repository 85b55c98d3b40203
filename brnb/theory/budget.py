"""Money and time of building a model from scratch (C.2.1.1 and C.2.2, Eqs. C.50-C.77)."""

from typing import Any, Literal

from brnb.theory.compute import DAY, training_flops
from brnb.theory.units import not_negative, positive, positive_share
from brnb.thesis import load

HOURS_PER_YEAR = 24 * 365


def total_cost(
    compute: float, storage: float, network: float, personnel: float, data: float
) -> float:
    """USD of a model, the sum of its parts (Eq. C.50)."""
    not_negative(
        "USD", compute=compute, storage=storage, network=network, personnel=personnel, data=data
    )
    return compute + storage + network + personnel + data


def usd_per_flop(usd_per_hour: float, peak_tflops: float) -> float:
    """USD of one FLOP at the hardware's peak (Eq. C.52)."""
    not_negative("USD", usd_per_hour=usd_per_hour)
    positive("TFLOP/s", peak_tflops=peak_tflops)
    return usd_per_hour / (peak_tflops * 1e12 * 3600)


def compute_cost(
    parameters: float, tokens: float, usd_of_flop: float, utilization: float = 0.4
) -> float:
    """USD of 6ND FLOPs (Eqs. C.51, C.53); typical utilisations are 0.3 to 0.5."""
    not_negative("USD", usd_of_flop=usd_of_flop)
    positive_share(utilization=utilization)
    return training_flops(parameters, tokens) * usd_of_flop / utilization


def storage_cost(
    tokens: float, bytes_per_token: float, usd_per_gb: float, replication: float = 1
) -> float:
    """USD of keeping a corpus (Eq. C.54, which forgets to divide bytes by 1e9)."""
    not_negative(
        "tokens, bytes, USD and copies",
        tokens=tokens,
        bytes_per_token=bytes_per_token,
        usd_per_gb=usd_per_gb,
        replication=replication,
    )
    return tokens * bytes_per_token / 1e9 * usd_per_gb * replication


def printed_storage_cost(
    tokens: float, bytes_per_token: float, usd_per_gb: float, replication: float = 1
) -> float:
    """Cost of storage as C.54 prints it: bytes times a price for a GB, a billion times too much."""
    not_negative(
        "tokens, bytes, USD and copies",
        tokens=tokens,
        bytes_per_token=bytes_per_token,
        usd_per_gb=usd_per_gb,
        replication=replication,
    )
    return tokens * bytes_per_token * usd_per_gb * replication


def links(nodes: int, topology: Literal["ring", "all-to-all"]) -> int:
    """Links f(P) between P nodes: P in a ring, P(P - 1)/2 from each to each (Eq. C.55)."""
    if nodes < 1:
        raise ValueError(f"nodes = {nodes}: it must be at least 1")
    if topology == "ring":
        return nodes if nodes > 2 else nodes - 1
    return nodes * (nodes - 1) // 2


def network_cost(link_count: int, usd_per_link_hour: float, hours: float) -> float:
    """USD of the network during training (Eq. C.55)."""
    not_negative(
        "links, USD and hours",
        link_count=link_count,
        usd_per_link_hour=usd_per_link_hour,
        hours=hours,
    )
    return link_count * usd_per_link_hour * hours


def energy_cost(gpus: int, power_w: float, years: float, usd_per_kwh: float) -> float:
    """USD of electricity of GPUs at their power limit all the time (Eqs. C.62, C.69, C.75).

    Printed are 62e6, 3e6 and 19e3; the products are 6.3e6, 0.32e6 and 37.8e3.
    """
    not_negative(
        "GPUs, watts, years and USD",
        gpus=gpus,
        power_w=power_w,
        years=years,
        usd_per_kwh=usd_per_kwh,
    )
    return gpus * power_w / 1000 * HOURS_PER_YEAR * years * usd_per_kwh


def cluster(gpu: str, count: int) -> dict[str, float]:
    """FLOP/s, bytes and bytes/s of many GPUs together (specifications of C.2.2).

    Parameters
    ----------
    gpu, count
        Key of brnb/thesis/hardware.yaml, whose dense bf16 peak counts; how many.
    """
    facts = load("hardware", gpu)
    return {
        "flops": count * float(facts["bf16_tflops"]) * 1e12,
        "memory": count * float(facts["memory_gb"]) * 1e9,
        "bandwidth": count * float(facts["bandwidth_gb_s"]) * 1e9,
    }


def tier(name: str) -> dict[str, float | None]:
    """Costs of a reference tier and its time for one model (Eqs. C.61-C.77).

    Parameters
    ----------
    name
        Key of ``tiers`` in brnb/thesis/economics.yaml.

    Returns
    -------
    dict
        ``gpus``, ``hardware`` (as printed, infrastructure included), ``energy``, ``cooling``,
        ``other`` and ``total`` in USD; ``flops`` of the tier's model and ``days`` to train it,
        None for the tier that the thesis does not train on.

    Raises
    ------
    KeyError
        If there is no such tier; lists those that there are.
    """
    facts = load("economics", "tiers", name)
    gpus = int(facts["gpus"])
    energy = energy_cost(
        gpus, float(facts["power_w"]), float(facts["years"]), float(facts["usd_per_kwh"])
    )
    costs = {
        "hardware": float(facts["printed"]["hardware"]),
        "energy": energy,
        "cooling": float(facts["cooling_share"]) * energy,
        "other": sum(map(float, facts["other_usd"].values())),
    }
    total = sum(costs.values())
    bare = {"gpus": gpus * float(facts["usd_per_gpu"])}
    return {**bare, **costs, "total": total, **_capacity(facts)}


def _capacity(facts: dict[str, Any]) -> dict[str, float | None]:
    if facts["parameters"] is None:
        return {"flops": None, "days": None}
    flops = training_flops(float(facts["parameters"]), float(facts["tokens"]))
    per_second = float(facts["cluster_flops"]) * float(facts["utilization"])
    return {"flops": flops, "days": flops / per_second / DAY}
