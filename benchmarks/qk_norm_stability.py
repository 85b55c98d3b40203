"""Chapter 18's sweep of learning rates with and without QK-norm, on the ids of a real text.

    python benchmarks/qk_norm_stability.py FOLDER [TOKENS]

(wants a GPU; about a minute)

FOLDER as `compression.py` has it; every training reads so many tokens. Base and forms are those of
chapter 18 in profile lab, with four rates and one seed. A training has diverged where its loss on
validation text is not below that of knowing how often tokens occur.

On an H200, with 2.5 M tokens of 40 MB of openly licensed Portuguese, none of these rates drives the
form without a norm beyond that bound, nor the learnt one; but the sensitivity to the rate is 0.87
nats without and 0.58 with it, and the largest score 5.1 million against 283. The lecture's L2 form
diverges at 0.1.

The results, a row a training and the sensitivity of each form, go to
``benchmarks/results/qk_norm_stability.json``.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from compression import ROOT, Pieces, defaults

from brnb.studies.lecture_params import LectureParams
from brnb.studies.stability import sensitivity, stability
from brnb.train.rows import Rows, TokenRow

RESULTS = ROOT / "benchmarks" / "results" / "qk_norm_stability.json"
RATES = [1e-3, 1e-2, 0.1, 0.3]


def params(tokens: int) -> LectureParams:
    """What lab says, with fewer rates, seeds and tokens."""
    lab: dict[str, Any] = yaml.safe_load(
        (ROOT / "params" / "lab" / "architectures.yaml").read_text("utf-8")
    )
    fewer = {"learning_rates": RATES, "tokens": tokens, "seeds": 1}
    told = defaults("18_architectures") | lab
    return LectureParams(**told | {"stability": lab["stability"] | fewer})


def rows(folder: Path) -> Rows:
    """The text, and its vocabulary."""
    sides = {}
    for name in ("train", "validation"):
        sizes = np.load(folder / f"{name}_bytes.npy")
        sides[name] = TokenRow(np.load(folder / f"{name}.npy"), len(sizes), sizes)
    pieces: Any = Pieces(json.loads((folder / "pieces.json").read_text("utf-8")))
    return Rows(pieces, sides["train"], sides["validation"], "benchmark")


def main(folder: Path, tokens: int = 2_500_000) -> None:
    """Train them all, and write what became of them."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as notes:
        sweep = stability(params(tokens), rows(folder), Path(notes))
    survived = sensitivity(sweep)
    print(sweep.to_string(), survived.to_string(), sep="\n", flush=True)
    results = {
        "gpu": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "tokens": tokens,
        "seconds": round(time.perf_counter() - start, 1),
        "trainings": json.loads(sweep.to_json(orient="records")),
        "forms": json.loads(survived.to_json(orient="records")),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
