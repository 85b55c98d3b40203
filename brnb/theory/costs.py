"""What a run costs: GPU hours, money, energy (dissertation, section 4.2.2.2, Tables 1-4).

Money is decimal. 2.35 h at 0.30 USD/h is exactly 0.705 USD, printed 0.71; in binary floating point
the same product may fall on either side of the half, and Python's `round` takes halves to even.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

Number = str | int | float | Decimal
Row = dict[str, Any]
About = TypeVar("About")
Maybe = tuple[Decimal | None, About | None]  # a number, and what is to be said of it
SECONDS_PER_HOUR = Decimal(3600)
JOULES_PER_KWH = Decimal(3_600_000)
PRICE_LIST = "vast_ai_p25"
EXCHANGE_RATE = "ptax_2025_10_31"
RESULT_TABLES = ("tab04", "tab07", "tab08", "tab09", "tab11")  # they repeat the hours of Table 1


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
    """Cost of one run. What is not known is None, and `why` says why there is no price."""

    run: str
    gpu: str | None
    hours: Decimal
    usd_per_hour: Decimal | None
    usd: Decimal | None
    brl: Decimal | None
    kwh: Decimal | None
    kwh_estimated: bool | None
    tokens_per_usd: Decimal | None
    why: str | None


def receipt_cost(
    receipt: Mapping[str, Any], price_list: str = PRICE_LIST, exchange_rate: str = EXCHANGE_RATE
) -> RunCost:
    """Price a run from its receipt.

    Parameters
    ----------
    receipt : Mapping
        ``run``, ``seconds``, ``gpu`` (device name or None), and where known ``tokens`` (seen in
        training) and ``energy_joules`` (measured).
    price_list, exchange_rate : str
        Keys of ``usd_per_hour`` and ``brl_per_usd`` in brnb/thesis/prices.yaml.

    Returns
    -------
    RunCost
        Unrounded. Energy is measured, else the power limit times the hours (marked), else None.

    Raises
    ------
    ValueError, KeyError
        If the seconds or a price are no number or negative; if prices.yaml has no such list.
    """
    device = receipt.get("gpu")
    key = hardware_id(device) if device else None
    if (hours := exact(receipt["seconds"]) / SECONDS_PER_HOUR) < 0:
        raise ValueError(f"receipt of {receipt['run']}: seconds = {receipt['seconds']} < 0")
    price, why = _price(device, key, price_list)
    usd = None if price is None else gpu_cost(hours, price)
    rate = load("prices", "brl_per_usd", exchange_rate, "rate")
    kwh, estimated = _energy(receipt.get("energy_joules"), hours, key)
    tokens = receipt.get("tokens")
    return RunCost(
        run=str(receipt["run"]),
        gpu=load("hardware", key, "name") if key else device,
        hours=hours,
        usd_per_hour=price,
        usd=usd,
        brl=None if usd is None else to_brl(usd, rate),
        kwh=kwh,
        kwh_estimated=estimated,
        tokens_per_usd=None if usd is None or tokens is None else tokens_per_usd(tokens, usd),
        why=why,
    )


def price_list_for(device: str | None) -> str:
    """The dissertation's price list if it prices the device, else the latest one that does."""
    key = hardware_id(device) if device else None
    lists = load("prices", "usd_per_hour")
    priced = [name for name, entry in lists.items() if key in entry["prices"]]
    if PRICE_LIST in priced or not priced:
        return PRICE_LIST
    return max(priced, key=lambda name: str(lists[name]["date"]))


def _price(device: str | None, key: str | None, price_list: str) -> Maybe[str]:
    prices = load("prices", "usd_per_hour", price_list, "prices")
    if not device:
        return None, "no GPU: CPU time has no price"
    if key is None:
        return None, f"{device}: not in brnb/thesis/hardware.yaml"
    if key not in prices:
        return None, f"{device}: no price in list {price_list} (brnb/thesis/prices.yaml)"
    try:
        return gpu_cost(1, prices[key]), None
    except ValueError as error:
        where = f"brnb/thesis/prices.yaml: usd_per_hour/{price_list}/prices/{key}"
        raise ValueError(f"{where}: {error}") from None


def _energy(joules: Number | None, hours: Decimal, key: str | None) -> Maybe[bool]:
    if joules is not None:
        return energy_kwh(joules), False
    if key is None:
        return None, None
    return energy_bound_kwh(hours, load("hardware", key, "power_w")), True


def cost_tables(
    receipts: Iterable[Mapping[str, Any]] = (),
    price_list: str = PRICE_LIST,
    exchange_rate: str = EXCHANGE_RATE,
) -> "dict[str, pd.DataFrame]":
    """Rebuild Tables 1-4 from the published times and prices, with our own receipts beside them.

    Parameters
    ----------
    receipts : iterable of Mapping
        As in `receipt_cost`. Runs that the dissertation lacks are added below its own.
    price_list, exchange_rate : str
        For our runs; the dissertation's rows keep its own prices.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``tab01`` to ``tab04``. Columns end in ``_published`` (printed), ``_recomputed`` (from other
        published numbers) or ``_ours`` (from receipts); ``agrees`` compares the first two, None
        where it cannot. Numbers are `Decimal`, missing is None.
    """
    import pandas as pd

    costs = (receipt_cost(receipt, price_list, exchange_rate) for receipt in receipts)
    ours = {cost.run: cost for cost in costs}
    tables = {
        "tab01": _times(ours),
        "tab02": _prices(price_list),
        "tab03": _costs(ours),
        "tab04": _track_two(ours),
    }
    # Without dtype=object a column of Decimal or bool with a None in it becomes floats.
    return {key: pd.DataFrame(rows, dtype=object) for key, rows in tables.items()}


def _times(ours: Mapping[str, RunCost]) -> list[Row]:
    results = [row for table in RESULT_TABLES for row in load("published", table, "rows")]
    repeated = {row["run"]: exact(row["hours"]) for row in results}
    rows = [
        {
            "run": row["run"],
            "gpu_published": row["gpu"],
            "hours_published": exact(row["hours"]),
            "hours_recomputed": repeated.get(row["run"]),
            "agrees": _agrees(exact(row["hours"]), repeated.get(row["run"])),
        }
        for row in load("published", "tab01", "rows")
    ]
    return _beside(rows, ours, ("gpu", "hours"))


def _prices(price_list: str) -> list[Row]:
    charged = {r["gpu"]: exact(r["price_usd_hour"]) for r in load("published", "tab03", "rows")}
    return [
        {
            "gpu": row["gpu"],
            "usd_per_hour_published": exact(row["price_usd_hour"]),
            "usd_per_hour_recomputed": charged.get(row["gpu"]),
            "agrees": _agrees(exact(row["price_usd_hour"]), charged.get(row["gpu"])),
            "usd_per_hour_ours": _price(row["gpu"], hardware_id(row["gpu"]), price_list)[0],
        }
        for row in load("published", "tab02", "rows")
    ]


def _costs(ours: Mapping[str, RunCost]) -> list[Row]:
    rows = [
        {
            "run": row["run"],
            "gpu_published": row["gpu"],
            "hours_published": exact(row["hours"]),
            "usd_per_hour_published": exact(row["price_usd_hour"]),
            "usd_published": exact(row["usd"]),
            "usd_recomputed": (usd := half_up(gpu_cost(row["hours"], row["price_usd_hour"]))),
            "agrees": exact(row["usd"]) == usd,
        }
        for row in load("published", "tab03", "rows")
    ]
    return _beside(rows, ours, ("hours", "usd"))


def _track_two(ours: Mapping[str, RunCost]) -> list[Row]:
    table = load("published", "tab04")
    price = next(r for r in load("published", "tab02", "rows") if r["gpu"] == table["gpu"])
    hours = [exact(row["hours"]) for row in table["rows"]]
    mine = [ours.get(row["run"]) for row in table["rows"]]
    rows = [*table["rows"], table["total"]]
    computed = [*hours, sum(hours, Decimal(0))]
    return [
        {
            "component": row["component"],
            "hours_published": exact(row["hours"]),
            "hours_recomputed": hour,
            "usd_published": exact(row["usd"]),
            "usd_recomputed": (usd := half_up(gpu_cost(hour, price["price_usd_hour"]))),
            "agrees": (hour, usd) == (exact(row["hours"]), exact(row["usd"])),
            "hours_ours": _total([cost.hours if cost else None for cost in costs]),
            "usd_ours": _total([cost.usd if cost else None for cost in costs]),
        }
        for row, hour, costs in zip(rows, computed, [*([cost] for cost in mine), mine], strict=True)
    ]


def _beside(rows: list[Row], ours: Mapping[str, RunCost], columns: tuple[str, ...]) -> list[Row]:
    """Add our columns to the dissertation's rows, and our other runs as rows below."""
    empty = dict.fromkeys(rows[0])
    others = [run for run in ours if run not in {row["run"] for row in rows}]
    return [
        {**row, **{f"{name}_ours": getattr(ours.get(row["run"]), name, None) for name in columns}}
        for row in rows + [{**empty, "run": run} for run in others]
    ]


def _agrees(published: Decimal, recomputed: Decimal | None) -> bool | None:
    return None if recomputed is None else published == recomputed


def _total(values: list[Decimal | None]) -> Decimal | None:
    """Sum, or None if a part is missing: a partial total would pass for the whole."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None
