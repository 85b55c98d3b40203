"""States of runs as `brnb status` prints them."""

import shutil
import textwrap
from collections import Counter

import typer

from brnb.pipeline import Status

COLOURS = {"done": "green", "stale": "yellow", "failed": "red", "missing": "bright_black"}
LINES = 4  # of a run's causes that are printed


def status_text(states: list[Status]) -> str:
    """A line for each run, its causes below it, and the sum."""
    wide = max(len(state.run) for state in states)
    lines = [f"{'run':<{wide}}  state     seconds"]
    for state in states:
        seconds = "" if state.seconds is None else f"{state.seconds:.1f}"
        name = typer.style(f"{state.state:<8}", fg=COLOURS[state.state])
        head = f"{state.run:<{wide}}  {state.state:<8} {seconds:>8}"
        below = _wrapped(visible(state.why), len(head))
        beside = f"  {below.pop().strip()}" if below and not below[0].startswith("    ") else ""
        lines += [f"{state.run:<{wide}}  {name} {seconds:>8}{beside}".rstrip(), *below]
    return "\n".join([*lines, _sum(states)])


def _sum(states: list[Status]) -> str:
    counts = Counter[str](state.state for state in states)
    spent = sum(state.seconds or 0 for state in states)
    summed = ", ".join(f"{counts[name]} {name}" for name in COLOURS if counts[name])
    return f"{len(states)} run{'s' * (len(states) > 1)}: {summed}; {spent:.1f} s in all"


def _wrapped(why: str, head: int) -> list[str]:
    """Causes as lines that are indented, or one that is not if it fits beside the `head`."""
    columns = shutil.get_terminal_size().columns
    if head + 2 + len(why) <= columns:
        return [why]
    return textwrap.wrap(
        why,
        columns,
        initial_indent="    ",
        subsequent_indent="    ",
        max_lines=LINES,
        placeholder=" … (--json says all)",
    )


def visible(text: str) -> str:
    """A text that commands no terminal: whatever does not print is written out."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
