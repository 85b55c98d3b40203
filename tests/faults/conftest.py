"""The drill's report: what was tried, what survived, what was lost.

``make drill`` runs this folder at length: BRNB_DRILL says how many kills a stage gets.
"""

import os
from collections import defaultdict

import pytest

KILLS = int(os.environ.get("BRNB_DRILL", "2"))
_tallies: dict[str, list[int]] = defaultdict(lambda: [0, 0])


class Tally:
    """Counts trials of a drill and those that lost something."""

    def __call__(self, drill: str, lost: int | bool, tried: int = 1) -> None:
        """Add to a drill's count; `lost` is what did not survive."""
        _tallies[drill][0] += tried
        _tallies[drill][1] += int(lost)


@pytest.fixture
def tally() -> Tally:
    """``tally("bit flipped in a receipt", lost=False)`` adds a line to the report."""
    return Tally()


@pytest.fixture
def kills() -> int:
    """How often each stage is killed."""
    return KILLS


def pytest_terminal_summary(terminalreporter) -> None:
    """Print the report."""
    if not _tallies:
        return
    terminalreporter.section("drill")
    terminalreporter.write_line(f"{'':<48} {'tried':>7} {'survived':>9} {'lost':>6}")
    for drill, (tried, lost) in sorted(_tallies.items()):
        terminalreporter.write_line(f"{drill:<48} {tried:>7} {tried - lost:>9} {lost:>6}")
