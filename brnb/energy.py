"""Energy of a run: counted where the machine counts it, estimated and marked where it does not.

codecarbon (extra ``energy``) reads the GPUs' counters (NVML) and the processor's (RAPL), and where
there is none estimates processor and memory from their type and load. It runs offline, with
Brazil as its country. Without it the GPU's own counter is read (extra ``gpu``); without that, cost
tables use the power limit of the board.
"""

import contextlib
import io
import logging
import os
from pathlib import Path
from typing import Any

JOULES_PER_KWH = 3_600_000
RAPL = Path("/sys/class/powercap")


class Meter:
    """Counts the energy of this machine from its creation until `stop`."""

    def __init__(self) -> None:
        self._tracker = _codecarbon()
        self._gpus = [] if self._tracker else gpu_joules()

    def stop(self, gpus: int) -> dict[str, Any]:
        """What was used since the start, for a receipt's ``resources``.

        Parameters
        ----------
        gpus : int
            How many GPUs the run used, the first visible ones; the energy of idle ones is not the
            run's. codecarbon counts all that it sees: hide others with CUDA_VISIBLE_DEVICES.

        Returns
        -------
        dict
            ``energy_joules``: the sum of what was counted or, where nothing was, of what was
            estimated; ``energy_measured`` says which, ``energy_method`` by whom. The parts are
            ``gpu_energy_joules``, ``cpu_energy_joules`` and ``ram_energy_joules``. Empty if
            nothing is known.
        """
        if self._tracker is not None:
            parts = _read(self._tracker, gpus > 0)
            counted = {"gpu", "cpu"} if _rapl() else {"gpu"}
            return _used(parts, counted, _version()) if parts else {}
        used = [after - before for before, after in zip(self._gpus, gpu_joules(), strict=False)]
        return _used({"gpu": sum(used[:gpus])}, {"gpu"}, "nvml") if used and gpus else {}


def _used(parts: dict[str, float], counted: set[str], method: str) -> dict[str, Any]:
    known = {name: joules for name, joules in parts.items() if name in counted}
    used = {f"{name}_energy_joules": round(joules, 1) for name, joules in parts.items()}
    total = sum((known or parts).values())
    return used | {
        "energy_joules": round(total, 1),
        "energy_measured": bool(known),
        "energy_method": method,
    }


def _codecarbon() -> Any:
    """A running tracker, or None where codecarbon is absent or fails."""
    try:
        from codecarbon import OfflineEmissionsTracker

        logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
        with contextlib.redirect_stderr(io.StringIO()):  # it greets before it knows its log level
            tracker = OfflineEmissionsTracker(
                country_iso_code="BRA",
                save_to_file=False,
                allow_multiple_runs=True,
                log_level="critical",
            )
            tracker.start()
        return tracker
    except Exception:  # a measurement must never stop a training
        return None


def _read(tracker: Any, gpu: bool) -> dict[str, float]:
    """Joules by part; nothing if the tracker fails."""
    try:
        tracker.stop()
        data = tracker.final_emissions_data
        kwh = {"gpu": data.gpu_energy, "cpu": data.cpu_energy, "ram": data.ram_energy}
        return {k: v * JOULES_PER_KWH for k, v in kwh.items() if v and (gpu or k != "gpu")}
    except Exception:  # as above
        return {}


def _version() -> str:
    from importlib.metadata import version

    return f"codecarbon {version('codecarbon')}"


def _rapl() -> bool:
    """Whether the processor's own counter can be read: codecarbon estimates where it cannot."""
    return any(os.access(file, os.R_OK) for file in RAPL.glob("intel-rapl*/energy_uj"))


def gpu_joules() -> list[float]:
    """Joules that each visible GPU has used since its driver started; none if they do not count.

    Two readings bracket a run. Needs the extra ``gpu`` (nvidia-ml-py).
    """
    try:
        import pynvml

        pynvml.nvmlInit()
        chosen = [gpu for gpu in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu]
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(int(gpu))
            if gpu.isdigit()
            else pynvml.nvmlDeviceGetHandleByUUID(gpu)
            for gpu in chosen or map(str, range(pynvml.nvmlDeviceGetCount()))
        ]
        return [pynvml.nvmlDeviceGetTotalEnergyConsumption(h) / 1000 for h in handles]
    except Exception:  # no GPU, no driver, no package, or a card without the counter
        return []
