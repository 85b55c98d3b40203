"""Four processes, started once for all tests of this room."""

import four_processes
import pytest
import torch

from brnb.algorithms.processes import run


@pytest.fixture(scope="session")
def four(made_once):
    """What `four_processes.everything` found in each process, by rank."""

    def start(folder):
        torch.save(run(four_processes.everything, four_processes.SIZE), folder / "four.pt")

    return torch.load(made_once("four", start) / "four.pt", weights_only=False)
