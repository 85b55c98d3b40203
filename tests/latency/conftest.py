"""A vocabulary of bytes, small shapes, and parameters of a small comparison."""

import pytest
from latency_values import VALUES, Bytes

from brnb.latency.params import LatencyParams


@pytest.fixture
def vocabulary():
    return Bytes()


@pytest.fixture
def params():
    return LatencyParams(**VALUES)
