"""A GGUF served as on an edge machine: a fresh process, few cores, one request at a time.

``python -m brnb.compress.edge '{"file": …}'`` serves it and prints what it took.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from brnb import energy
from brnb.compress.llama_cpp import LlamaCpp


@dataclass(frozen=True)
class EdgeAnswer:
    """One prompt answered greedily.

    Attributes
    ----------
    file_bytes
        Of the model.
    memory
        Bytes that the process has resident after the answer, less those before it loaded the model.
    load, first_token
        Seconds until the model is there, and from the prompt to the first token.
    tokens_per_second
        After it.
    joules_per_thousand
        Tokens; None where nothing counts or estimates energy.
    energy_measured
        Whether it was counted, not estimated.
    ids
        The answer.
    """

    file_bytes: int
    memory: int
    load: float
    first_token: float
    tokens_per_second: float
    joules_per_thousand: float | None
    energy_measured: bool | None
    ids: list[int]


def serve_at_edge(file: Path, prompt: Sequence[int], new: int, threads: int) -> EdgeAnswer:
    """Answer a prompt in a process of its own.

    Raises
    ------
    RuntimeError
        If that process fails; with what it said.
    """
    told = {"file": str(file), "prompt": list(prompt), "new": new, "threads": threads}
    command = [sys.executable, "-m", "brnb.compress.edge", json.dumps(told)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{file} could not be served:\n{done.stderr[-2000:]}")
    return EdgeAnswer(**json.loads(done.stdout.splitlines()[-1]))


def _serve(file: str, prompt: list[int], new: int, threads: int) -> EdgeAnswer:
    path = Path(file)
    before, tick = _resident(), time.perf_counter()
    with LlamaCpp(path, len(prompt) + new, threads) as model:
        model.read([prompt[:2]])  # what is read from disk is the loading's time
        model.forget()
        loaded = time.perf_counter()
        meter = energy.Meter()
        begun = time.perf_counter()
        ids = [int(model.read([prompt])[0, -1].argmax())]
        first = time.perf_counter()
        for i in range(new - 1):
            ids.append(int(model.read([ids[-1:]], len(prompt) + i)[0, -1].argmax()))
        ended = time.perf_counter()
        used, memory = meter.stop(0), _resident() - before
    joules = used.get("energy_joules")
    return EdgeAnswer(
        file_bytes=path.stat().st_size,
        memory=memory,
        load=loaded - tick,
        first_token=first - begun,
        tokens_per_second=(new - 1) / (ended - first),
        joules_per_thousand=None if joules is None else 1000 * joules / new,
        energy_measured=used.get("energy_measured"),
        ids=ids,
    )


def _resident() -> int:
    return psutil.Process().memory_info().rss


def _main(argument: str) -> None:
    told: dict[str, Any] = json.loads(argument)
    print(json.dumps(asdict(_serve(**told))))


if __name__ == "__main__":
    _main(sys.argv[1])
