"""Code executed against its tests, outside of everything: no network, no files, limits on all."""

import json
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from brnb import data
from brnb.sandbox import jail

JAIL = data.path("sandbox/jail.py")

Ending = Literal["passed", "failed", "memory", "time", "died"]


class NoIsolation(RuntimeError):
    """This machine gives no way to shut a program in, so nothing is executed."""


@dataclass(frozen=True)
class Limits:
    """What one execution may use: seconds of the clock and of the processor, bytes of memory.

    A sixteenth of the memory is what it may write to files, which lie in memory too.
    """

    seconds: float = 10.0
    cpu_seconds: int = 5
    memory: int = 512 * 2**20


@dataclass(frozen=True)
class Execution:
    """How an execution ended: ``passed`` only if every test ran to its end.

    ``time`` and ``memory`` name the limit that it hit; ``died`` is a process that ended without a
    word. `detail` is the error of a ``failed`` one.
    """

    result: Ending
    detail: str = ""


def execute(program: str, tests: Sequence[str], limits: Limits | None = None) -> Execution:
    """Run a program and then its tests in one namespace, in a sandbox (`brnb.sandbox.jail`).

    The program and its tests share an interpreter, as in HumanEval (Chen et al., 2021): code that
    sets out to forge its verdict can; code that exits, forks, fills memory or reaches for files
    and sockets cannot do harm.

    Parameters
    ----------
    program
        Python source.
    tests
        Sources that raise where the program is wrong: ``"assert f(2) == 4"``.
    limits
        By default those of `Limits`.

    Raises
    ------
    NoIsolation
        If the machine allows no sandbox; nothing has been executed then.
    """
    limits = limits or Limits()
    nonce = secrets.token_hex(16)
    job = {"program": program, "tests": list(tests), "nonce": nonce, "memory": limits.memory}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        job |= {"folder": folder, "cpu": limits.cpu_seconds}
        command = [sys.executable, "-I", "-S", "-B", str(JAIL)]
        try:
            ended = subprocess.run(
                command,
                input=json.dumps(job).encode("utf-8", "surrogatepass"),
                stdout=said,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                timeout=limits.seconds,
                start_new_session=True,
            ).returncode
        except subprocess.TimeoutExpired:
            return Execution("time")
        said.seek(0)
        return _outcome(said.read(2**16), ended, nonce)


def check_isolation() -> None:
    """Raise `NoIsolation`, with what is missing and how to allow it, where nothing can be run."""
    outcome = execute("", [])
    if outcome.result != "passed":
        raise NoIsolation(_refusal(f"an empty program {outcome.result} {outcome.detail}".strip()))


def _outcome(said: bytes, ended: int, nonce: str) -> Execution:
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):  # what the code wrote there, perhaps
        answer = None
    if isinstance(answer, dict) and answer.get("outcome") == jail.REFUSED:
        raise NoIsolation(_refusal(answer["detail"]))
    if isinstance(answer, dict) and answer.get("nonce") == nonce:
        return Execution(answer["outcome"], answer["detail"])
    out_of_time = ended in (128 + signal.SIGKILL, 128 + signal.SIGXCPU)
    return Execution("time" if out_of_time else "died")


def _refusal(why: str) -> str:
    return (
        f"code cannot be shut in on this machine ({why}), so none is executed: allow user "
        "namespaces (sysctl kernel.unprivileged_userns_clone=1, or on Ubuntu "
        "kernel.apparmor_restrict_unprivileged_userns=0; in Docker --security-opt "
        "seccomp=unconfined), or set execute_code to False"
    )
