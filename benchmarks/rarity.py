"""How long a table of 10,000 models takes: read and checked, filtered, scored, chosen from.

    python benchmarks/rarity.py [models ...]        (default: 140 1000 10000)

The table is brnb/thesis/models.csv, repeated under other names and sizes until it is long enough.
Seconds are the best of three.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from brnb.rarity import read_models, write_models
from brnb.rarity.score import latest, rarity_score, select


def lengthened(count: int, path: Path) -> None:
    """Write `count` rows of models that do not repeat themselves."""
    models = read_models().astype(object)
    rows: Any = models.where(models.notna(), None).to_dict("records")
    copies = (
        row | {"name": f"{row['name']} #{turn}", "family": f"{row['family']} #{turn}"}
        for turn in range(count // len(rows) + 1)
        for row in rows
    )
    write_models(islice(copies, count), path)


def seconds(work: Callable[[], object]) -> float:
    """The best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print a line for each size."""
    print(f"{'models':>8}{'read':>10}{'filter':>10}{'score':>10}{'choose':>10}   (seconds)")
    with tempfile.TemporaryDirectory() as folder:
        for count in [int(word) for word in sys.argv[1:]] or [140, 1000, 10_000]:
            path = Path(folder) / "models.csv"
            lengthened(count, path)
            models = read_models(path)
            scored = models.join(rarity_score(models))
            steps = (
                partial(read_models, path),
                partial(latest, models),
                partial(rarity_score, models),
                partial(select, scored, 8),
            )
            print(f"{count:>8}" + "".join(f"{seconds(step):>10.3f}" for step in steps))


if __name__ == "__main__":
    main()
