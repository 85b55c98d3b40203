"""How long a user waits: importing brnb, the whole sample thesis, and the thesis again.

    python benchmarks/project_times.py [run …]      (default: every run of profile smoke)

The project is copied to a temporary folder first, so nothing here is touched or reused. Times are
of this machine; the peer of the second run is the first.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def seconds(command: list[str], folder: Path) -> float:
    """Wall-clock time of a command that must succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print one JSON object."""
    imports = [seconds([sys.executable, "-c", "import brnb"], ROOT) for _ in range(5)]
    bare = [seconds([sys.executable, "-c", "pass"], ROOT) for _ in range(5)]
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        project.mkdir()
        for name in ("notebooks", "params", "profiles"):
            shutil.copytree(ROOT / name, project / name)
        shutil.copy(ROOT / "Snakefile", project)
        targets = [f"work/smoke/done/{run}" for run in sys.argv[1:]]
        first = seconds(["snakemake", *targets], project) + seconds(["brnb", "report"], project)
        again = seconds(["snakemake", *targets], project) + seconds(["brnb", "report"], project)
    print(
        json.dumps(
            {
                "import_brnb_s": round(statistics.median(imports) - statistics.median(bare), 3),
                "thesis_s": round(first, 1),
                "thesis_again_s": round(again, 1),
                "again_over_first": round(again / first, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
