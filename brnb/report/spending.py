"""What a run used, in the units that a reader compares: seconds, GB, Wh, US dollars."""

from dataclasses import dataclass

from brnb.receipt import Receipt


@dataclass(frozen=True)
class Spending:
    """What the receipt of a run says; None where it says nothing."""

    device: str
    parameters: int | None
    tokens: int | None
    speed: float | None
    seconds: float
    peak_gb: float | None
    energy_wh: float | None
    price: float | None


def spending(receipt: Receipt) -> Spending:
    """Read device, size, tokens a second, seconds, GB (10^9), Wh and US dollars off a receipt."""
    used = receipt.resources
    peak, joules = used.get("peak_gpu_memory") or used.get("peak_memory"), used.get("energy_joules")
    gpu = receipt.provenance.get("gpu")
    return Spending(
        device=gpu if gpu and used.get("device") != "cpu" else "CPU",
        parameters=used.get("parameters"),
        tokens=used.get("tokens"),
        speed=used.get("tokens_per_second"),
        seconds=receipt.seconds,
        peak_gb=peak / 1e9 if peak else None,
        energy_wh=joules / 3600 if joules else None,
        price=used.get("usd"),
    )
