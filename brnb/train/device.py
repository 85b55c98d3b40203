"""Where and in which precision a training computes, and how long."""

import time

import torch


def pick_device(wish: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda"."""
    return torch.device(
        ("cuda" if torch.cuda.is_available() else "cpu") if wish == "auto" else wish
    )


def pick_precision(wish: str, device: torch.device) -> str:
    """The precision for "auto": bf16 where matrix units compute it, else fp32.

    Raises
    ------
    ValueError
        If fp8 is wished from a GPU that has none; a CPU emulates it.
    """
    if wish == "fp8" and device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if capability < (8, 9):
            raise ValueError(
                f'precision = "fp8" needs a GPU of compute capability 8.9 (Ada, Hopper) or newer, '
                f"and {torch.cuda.get_device_name(device)} has {'.'.join(map(str, capability))}: "
                'take "auto"'
            )
    if wish != "auto":
        return wish
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"


def peak_memory(device: torch.device) -> int:
    """Most bytes of a GPU that this process has used at once; 0 on a CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0


def wait_for(device: torch.device) -> None:
    """Wait until a device has done all that it was given: a GPU is only told what to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Stopwatch:
    """Times what a device does, lap after lap."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.last = device, time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap, with all that the device was given to do in it."""
        wait_for(self.device)
        now = time.perf_counter()
        passed, self.last = now - self.last, now
        return passed


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether memory ran out: a GPU's allocator has a class for it, a CPU's says so in words."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
