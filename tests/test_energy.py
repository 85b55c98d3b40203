"""Energy: codecarbon and NVML stood in for, so that every way of counting is seen."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from brnb import energy


class Tracker:
    """Counts 2 kWh of GPU, 1 of processor and 0.5 of memory, whatever it is told."""

    def __init__(self, **options):
        self.options = options

    def start(self):
        self.started = True

    def stop(self):
        self.final_emissions_data = SimpleNamespace(
            gpu_energy=2.0, cpu_energy=1.0, ram_energy=0.5, emissions=0.1
        )


@pytest.fixture
def codecarbon(monkeypatch, tmp_path):
    module = ModuleType("codecarbon")
    module.OfflineEmissionsTracker = Tracker
    monkeypatch.setitem(sys.modules, "codecarbon", module)
    monkeypatch.setattr(energy, "_version", lambda: "codecarbon 3.3.2")
    monkeypatch.setattr(energy, "RAPL", tmp_path)
    return module


@pytest.fixture
def nvml(monkeypatch):
    """Two GPUs whose counters, in millijoules, rise by 5000 and 7000 between two readings."""
    readings = {0: iter([1000, 6000]), 1: iter([2000, 9000])}
    module = ModuleType("pynvml")
    module.nvmlInit = lambda: None
    module.nvmlDeviceGetCount = lambda: 2
    module.nvmlDeviceGetHandleByIndex = lambda number: number
    module.nvmlDeviceGetHandleByUUID = {"GPU-a": 0, "GPU-b": 1}.__getitem__
    module.nvmlDeviceGetTotalEnergyConsumption = lambda handle: next(readings[handle])
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_codecarbon_counts_the_gpu_and_estimates_a_processor_without_counter(codecarbon):
    used = energy.Meter().stop(gpus=1)
    assert used["energy_joules"] == 2 * 3_600_000  # what was counted only
    assert (used["energy_measured"], used["energy_method"]) == (True, "codecarbon 3.3.2")
    assert used["cpu_energy_joules"] == 3_600_000
    assert used["ram_energy_joules"] == 1_800_000


def test_a_readable_counter_makes_the_processor_measured(codecarbon, tmp_path):
    (tmp_path / "intel-rapl:0").mkdir()
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("1")
    used = energy.Meter().stop(gpus=1)
    assert used["energy_joules"] == 3 * 3_600_000


def test_without_any_counter_it_is_all_an_estimate_and_the_idle_gpu_is_left_out(codecarbon):
    used = energy.Meter().stop(gpus=0)
    assert used["energy_joules"] == 1.5 * 3_600_000
    assert used["energy_measured"] is False
    assert "gpu_energy_joules" not in used


def test_codecarbon_stays_offline_in_brazil_and_writes_no_file(codecarbon):
    options = energy.Meter()._tracker.options
    assert (options["country_iso_code"], options["save_to_file"]) == ("BRA", False)


@pytest.mark.parametrize("broken", ["start", "stop"])
def test_a_tracker_that_fails_stops_nothing(codecarbon, monkeypatch, broken):
    def fail(self):
        raise RuntimeError("no permission")

    monkeypatch.setattr(Tracker, broken, fail)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert energy.Meter().stop(gpus=1) == {}


@pytest.mark.parametrize(("gpus", "joules"), [(1, 5.0), (2, 12.0)])
def test_nvml_brackets_the_run_on_the_gpus_that_it_used(nvml, gpus, joules):
    used = energy.Meter().stop(gpus)
    assert used["energy_joules"] == used["gpu_energy_joules"] == joules
    assert (used["energy_measured"], used["energy_method"]) == (True, "nvml")


def test_an_untouched_gpu_says_nothing(nvml):
    assert energy.Meter().stop(gpus=0) == {}


@pytest.mark.parametrize("chosen", ["1", "GPU-b"])
def test_hidden_gpus_are_not_read(nvml, monkeypatch, chosen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert energy.Meter().stop(gpus=1)["energy_joules"] == 7.0


def test_nothing_installed_is_no_error(monkeypatch):
    for name in ("codecarbon", "pynvml"):
        monkeypatch.setitem(sys.modules, name, None)
    assert energy.Meter().stop(gpus=1) == {}
