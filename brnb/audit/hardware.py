"""Numbers of brnb/thesis/hardware.yaml, for claims on accelerators."""

from brnb.thesis import load


def of(gpu: str, fact: str) -> float:
    """One number of one GPU, in the file's unit."""
    return float(load("hardware", gpu, fact))


def range_of(fact: str, gpus: list[str]) -> float:
    """Middle of the smallest and largest number of some GPUs, to be compared with a range."""
    values = [of(gpu, fact) for gpu in gpus]
    return (min(values) + max(values)) / 2
