"""What test_faults_disk.py runs: `full_file.py DIR SIZE…` runs every stage with files that may not
grow past a size, one size after the other, and then without a limit.

One process imports everything, once, and forks a child for every attempt: a process with threads,
as a test's is, must not. Prints one JSON line a stage: the exit codes, by size, and whether the
artefacts at the end are those of a run that had room. Code 0 is done, 3 an OSError.
"""

import json
import resource
import sys
from pathlib import Path

import torch._dynamo  # what optimizers import, before the forks
from fault_stages import STAGES, artefacts
from forked import in_fork


def run(stage: str, folder: Path, size: int | None) -> None:
    """A stage whose files may have so many bytes."""
    if size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    STAGES[stage](folder)


def main(folder: Path, sizes: list[int]) -> None:
    """Every stage that writes files of several sizes, in turn."""
    torch.set_num_threads(1)
    for stage in ("chapters", "cleaning", "shards", "training", "rendering"):
        whole, pieces = folder / stage / "whole", folder / stage / "pieces"
        pieces.mkdir(parents=True)
        codes = {size: in_fork(run, stage, pieces, size, quiet=True) for size in sizes}
        ended = [in_fork(run, stage, place, None, quiet=True) for place in (whole, pieces)]
        same = ended == [0, 0] and artefacts(whole) == artefacts(pieces)
        print(json.dumps({"stage": stage, "codes": codes, "same": same}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(size) for size in sys.argv[2:]])
