"""What a run costs: GPU hours, money, energy (dissertation, section 4.2.2.2, Tables 1-4).

Money is decimal. 2.35 h at 0.30 USD/h is exactly 0.705 USD, printed 0.71; in binary floating point
the same product may fall on either side of the half, and Python's `round` takes halves to even.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from brnb.receipt import Receipt
from brnb.thesis import load

Number = str | int | float | Decimal
CostRow = dict[str, Any]
SECONDS_PER_HOUR = Decimal(3600)
JOULES_PER_KWH = Decimal(3_600_000)
PRICE_LIST = "vast_ai_p25"
EXCHANGE_RATE = "ptax_2025_10_31"


def exact(value: Number) -> Decimal:
    """Return the decimal that `value` is written as: the float 0.30 is 0.3, not 0.29999...

    Raises
    ------
    ValueError
        If the value is not a finite number.
    """
    try:
        number = Decimal(str(value))
    except ArithmeticError as error:
        raise ValueError(f"{value!r} is not a number") from error
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number


def half_up(value: Number, places: int = 2) -> Decimal:
    """Round to `places` decimals, halves away from zero: 0.705 is 0.71."""
    return exact(value).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def gpu_cost(hours: Number, usd_per_hour: Number) -> Decimal:
    """Return the unrounded cost in USD of `hours` on one GPU (Table 3)."""
    if exact(hours) < 0 or exact(usd_per_hour) < 0:
        raise ValueError(f"hours ({hours}) and price ({usd_per_hour} USD/h) cannot be negative")
    return exact(hours) * exact(usd_per_hour)


def to_brl(usd: Number, brl_per_usd: Number) -> Decimal:
    """Convert USD to BRL, unrounded."""
    return exact(usd) * exact(brl_per_usd)


def energy_kwh(joules: Number) -> Decimal:
    """Convert a measured energy in joules to kWh."""
    return exact(joules) / JOULES_PER_KWH


def energy_bound_kwh(hours: Number, power_w: Number) -> Decimal:
    """Return the kWh of a board that draws its power limit all the time: an upper bound."""
    return exact(hours) * exact(power_w) / 1000


def tokens_per_usd(tokens: Number, usd: Number) -> Decimal | None:
    """Return tokens seen per dollar, or None where the cost is zero."""
    return exact(tokens) / exact(usd) if exact(usd) else None


def hardware_id(device: str) -> str | None:
    """Return the id in hardware.yaml of a GPU named as its driver or the dissertation names it."""
    for key, gpu in load("hardware").items():
        if device in (gpu["name"], *gpu["devices"]):
            return str(key)
    return None


@dataclass(frozen=True)
class RunCost:
    """Cost of one run. What is not known is None, and `why` says why there is no price.

    `hours` are those of the clock; money and energy are those of all `gpus`. `kwh_method` says who
    counted: ``codecarbon``, ``nvml``, or ``power_limit`` where nobody did. `receipt` is the file
    that tells all this, and the commit of the code; with a + if it was changed since.
    """

    run: str
    gpu: str | None
    gpus: int
    hours: Decimal
    usd_per_hour: Decimal | None
    usd: Decimal | None
    brl: Decimal | None
    kwh: Decimal | None
    kwh_estimated: bool | None
    kwh_method: str | None
    tokens_per_usd: Decimal | None
    why: str | None
    receipt: str | None


def usage(receipt: Receipt) -> CostRow:
    """What a receipt says that a run used, as `receipt_cost` takes it.

    The seconds are those of all processes of the run; the energy was counted in the last one and
    grows in proportion, as an estimate.
    """
    used = receipt.resources
    seconds = exact(receipt.seconds) + exact(used.get("earlier_seconds", 0.0))
    joules = used.get("energy_joules", used.get("gpu_energy_joules"))
    whole = not used.get("earlier_seconds")
    if joules is not None and not whole:
        joules = exact(joules) * seconds / exact(receipt.seconds)
    return {
        "run": receipt.run,
        "gpu": receipt.provenance["gpu"],
        "gpus": used.get("gpus", 1),
        "seconds": seconds,
        "tokens": used.get("tokens"),
        "energy_joules": joules,
        "energy_measured": whole and used.get("energy_measured", True),
        "energy_method": used.get("energy_method", "nvml").split()[0],
        "receipt": f"reports/{receipt.profile}/runs/{receipt.run}/receipt.json{_commit(receipt)}",
    }


def _commit(receipt: Receipt) -> str:
    """The commit that a run's code is of, or nothing where there was no repository."""
    commit = receipt.provenance.get("git_commit")
    return f" ({commit[:9]}{'+' if receipt.provenance.get('git_dirty') else ''})" if commit else ""


def receipt_cost(
    receipt: Mapping[str, Any], price_list: str = PRICE_LIST, exchange_rate: str = EXCHANGE_RATE
) -> RunCost:
    """Price a run from what it used.

    Parameters
    ----------
    receipt
        ``run``, ``seconds``, ``gpu`` (device name or None), and where known ``gpus`` (how many),
        ``tokens`` (seen in training), ``energy_joules``, ``energy_measured`` and
        ``energy_method``: see `usage`.
    price_list, exchange_rate
        Keys of ``usd_per_hour`` and ``brl_per_usd`` in brnb/thesis/prices.yaml.

    Returns
    -------
    RunCost
        Unrounded. Energy is that of the receipt, else the power limit times the hours (marked),
        else None.

    Raises
    ------
    ValueError, KeyError
        If the seconds, a price or a rate are no number or negative; if prices.yaml has no such
        list or rate.
    """
    device = receipt.get("gpu")
    key = hardware_id(device) if device else None
    gpus = receipt.get("gpus", 1)
    if (hours := exact(receipt["seconds"]) / SECONDS_PER_HOUR) < 0:
        raise ValueError(f"receipt of {receipt['run']}: seconds = {receipt['seconds']} < 0")
    price, why = price_of(device, price_list)
    brl_per_usd = rate(exchange_rate)
    usd = None if price is None else gpu_cost(hours * gpus, price)
    kwh, estimated, method = _energy(receipt, hours * gpus, key)
    tokens = receipt.get("tokens")
    return RunCost(
        run=str(receipt["run"]),
        gpu=load("hardware", key, "name") if key else device,
        gpus=gpus,
        hours=hours,
        usd_per_hour=price,
        usd=usd,
        brl=None if usd is None else to_brl(usd, brl_per_usd),
        kwh=kwh,
        kwh_estimated=estimated,
        kwh_method=method,
        tokens_per_usd=None if usd is None or tokens is None else tokens_per_usd(tokens, usd),
        why=why,
        receipt=receipt.get("receipt"),
    )


def rate(exchange_rate: str = EXCHANGE_RATE) -> Decimal:
    """BRL for a USD on the date of that entry of brnb/thesis/prices.yaml.

    Raises
    ------
    KeyError
        If there is no such entry; lists those that there are.
    ValueError
        If its rate is missing, no number or not above 0.
    """
    where = f"brnb/thesis/prices.yaml: brl_per_usd/{exchange_rate}"
    value = load("prices", "brl_per_usd", exchange_rate).get("rate")
    if value is None or not (usd := _number(value, f"{where}/rate")) > 0:
        raise ValueError(f"{where}: rate = {value}; write BRL for a USD, above 0")
    return usd


def price_list_for(device: str | None) -> str:
    """The dissertation's price list if it prices the device, else the latest one that does."""
    key = hardware_id(device) if device else None
    lists = load("prices", "usd_per_hour")
    priced = [name for name, entry in lists.items() if key in entry["prices"]]
    if PRICE_LIST in priced or not priced:
        return PRICE_LIST
    return max(priced, key=lambda name: str(lists[name]["date"]))


def price_of(device: str | None, price_list: str) -> tuple[Decimal | None, str | None]:
    """USD per hour of a GPU as its driver names it, or None and why there is no price."""
    key = hardware_id(device) if device else None
    prices = load("prices", "usd_per_hour", price_list, "prices")
    if not device:
        return None, "no GPU: CPU time has no price"
    if key is None:
        return None, f"{device}: not in brnb/thesis/hardware.yaml"
    if key not in prices:
        return None, f"{device}: no price in list {price_list} (brnb/thesis/prices.yaml)"
    where = f"brnb/thesis/prices.yaml: usd_per_hour/{price_list}/prices/{key}"
    if (price := _number(prices[key], where)) < 0:
        raise ValueError(f"{where}: price = {price} USD/h cannot be negative")
    return price, None


def _number(value: Number, where: str) -> Decimal:
    try:
        return exact(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _energy(
    used: Mapping[str, Any], gpu_hours: Decimal, key: str | None
) -> tuple[Decimal | None, bool | None, str | None]:
    """The kWh, whether they are an estimate, and whose."""
    if (joules := used.get("energy_joules")) is not None:
        estimated = not used.get("energy_measured", True)
        return energy_kwh(joules), estimated, used.get("energy_method", "nvml")
    if key is None:
        return None, None, None
    return energy_bound_kwh(gpu_hours, load("hardware", key, "power_w")), True, "power_limit"
