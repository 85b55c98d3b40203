"""What an accelerator does for its watts and its price (B.1.3.1, Eqs. B.34-B.44)."""

from brnb.theory.units import Quantity, positive
from brnb.thesis import load


def clocked_peak(units: Quantity, flops_per_clock: Quantity, clock: Quantity) -> Quantity:
    """Peak FLOP/s: units, times their FLOPs a clock, times the clock in Hz (Eqs. B.34, B.35).

    Examples
    --------
    >>> clocked_peak(108, 2048, 1.41e9) / 1e12  # A100, 16 bits
    311.86944
    """
    positive("Hz", clock=clock)
    positive("FLOP", units=units, flops_per_clock=flops_per_clock)
    return units * flops_per_clock * clock


def systolic_peak(side: int, arrays: int, clock: float) -> float:
    """Peak FLOP/s of systolic arrays: side^2 multiply-adds a clock (Eqs. B.38, B.39).

    A TPU v4 chip has eight arrays of 128 x 128 at 1.05 GHz (Jouppi et al., 2023).
    """
    positive("elements", side=side, arrays=arrays)
    return float(clocked_peak(arrays, 2 * side**2, clock))


def peak_flops(accelerator: str, dtype: str) -> float:
    """Dense peak FLOP/s of an accelerator in a format.

    Parameters
    ----------
    accelerator
        Key of ``peaks`` in brnb/thesis/infrastructure.yaml.
    dtype
        ``"fp32"``, ``"tf32"``, ``"bf16"``, ``"fp16"``, ``"fp8"``, ``"int8"``.

    Raises
    ------
    KeyError
        If there is no such accelerator.
    ValueError
        If it has no peak in that format.
    """
    peaks = load("infrastructure", "peaks", accelerator, "tflops")
    if dtype not in peaks:
        known = ", ".join(peaks)
        raise ValueError(f"dtype = {dtype!r}: {accelerator} has no peak (TFLOP/s) in it; {known}")
    return 1e12 * float(peaks[dtype])


def flops_per_watt(peak: Quantity, power: Quantity) -> Quantity:
    """FLOP/s for each watt (Eqs. B.36, B.37, B.40; TFLOP/s a watt with a peak in TFLOP/s).

    B.40 prints 1.15 for a TPU v4: 239 W. Google measured at most 192 W a chip, which are 1.43.
    """
    positive("W", power=power)
    positive("FLOP/s", peak=peak)
    return peak / power


def flops_per_usd(peak: Quantity, usd_per_hour: Quantity) -> Quantity:
    """FLOPs that a dollar buys at the peak (cf. Eq. B.41): 3600 P over the price of an hour."""
    positive("FLOP/s", peak=peak)
    positive("USD/h", usd_per_hour=usd_per_hour)
    return 3600 * peak / usd_per_hour


def printed_cost_effectiveness(tflops: Quantity, usd_per_hour: Quantity) -> Quantity:
    """Eqs. B.41-B.44 as printed: TFLOP/s over USD/h, called TFLOPS/$ although the hour is left."""
    positive("TFLOP/s", tflops=tflops)
    positive("USD/h", usd_per_hour=usd_per_hour)
    return tflops / usd_per_hour


def transfer_watts(bandwidth: Quantity, joules_per_bit: Quantity) -> Quantity:
    """Power of moving bytes all the time: what a bandwidth and an energy of Table 15 imply.

    Examples
    --------
    >>> round(transfer_watts(1.5e12, 100e-12))  # the HBM that the table gives an A100 of 400 W
    1200
    """
    positive("bytes/s", bandwidth=bandwidth)
    positive("J/bit", joules_per_bit=joules_per_bit)
    return 8 * bandwidth * joules_per_bit
