"""What test_faults_disk.py runs on a tmpfs of its own: a run, the disk filled, freed, read-only."""

import os
import subprocess
import sys
from pathlib import Path

from fault_stages import chapters
from forked import in_fork

from brnb import cli


def remount(folder: Path, mode: str) -> None:
    """Make the file system read-only, or not."""
    subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass


def attempt(folder: Path) -> str:
    """Execute the chapters; the error that stopped them, if one did."""
    return {0: "done", 3: "OSError"}[in_fork(chapters, folder)]


def main(folder: Path) -> None:
    """Print one line a step; test_faults_disk.py reads them."""
    print("first:", attempt(folder))
    os.chdir(folder)
    results = {path: path.read_bytes() for path in folder.rglob("runs/*/*.txt")}
    for name, begin, end in (
        ("full", lambda: fill(folder / "filler"), lambda: (folder / "filler").unlink()),
        ("read-only", lambda: remount(folder, "ro"), lambda: remount(folder, "rw")),
    ):
        begin()
        print(f"{name} status:", cli.main(["status"]))
        print(f"{name} chapters:", attempt(folder))
        print(f"{name} verify:", cli.main(["verify"]))
        print(f"{name} report:", cli.main(["report"]))
        print(f"{name} kept:", all(path.read_bytes() == data for path, data in results.items()))
        empty = [path for path in folder.rglob("*") if path.is_file() and not path.stat().st_size]
        print(f"{name} empty:", [p.name for p in empty if not p.name.endswith(("filler", "lock"))])
        end()
        print(f"{name} again:", attempt(folder))
        print(f"{name} status again:", cli.main(["status", "--run", "second"]))


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    main(Path(sys.argv[1]))
