"""Four processes, started once for all tests of this room."""

import four_processes
import pytest

from brnb.algorithms.processes import run


@pytest.fixture(scope="session")
def four():
    """What `four_processes.everything` found in each process, by rank."""
    return run(four_processes.everything, four_processes.SIZE)
