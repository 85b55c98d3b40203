"""The inside of the sandbox: a program that shuts itself in and then runs what it was sent.

`brnb.sandbox.execute` starts it by its path, in an interpreter without site packages; it needs the
standard library alone. Nothing is left of what the code does: it sees an empty folder in memory and
a read-only Python, has no network, no other processes and no rights, and when its process ends the
kernel ends all that belongs to it.

Order matters. Namespaces (unshare(2)) come first, as they give an ordinary user the right to mount;
then a file tree of its own (pivot_root(2)); then a process that is the first of its namespace;
then limits (setrlimit(2)), no rights (capset(2)), and a filter of system calls (seccomp(2)), which
alone holds for root too: RLIMIT_NPROC does not bind root.
"""

import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import Any, NoReturn

REFUSED = "refused"  # the outcome where the process cannot be shut in
ANSWER = 3  # the file that the outcome is written to; what the code prints goes nowhere

# sched.h, mount.h, prctl.h: what Python has no names for
NEW_NAMESPACES = 0x10000000 | 0x00020000 | 0x40000000 | 0x20000000 | 0x08000000 | 0x04000000
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 4096, 16384, 1 << 18, 2
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE = 442, -100, 0x8000
READ_ONLY, NO_SUID_NO_DEVICES = 1, 2 | 4
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 1, 38, 22, 2
CAPABILITY_VERSION = 0x20080522

# By machine: AUDIT_ARCH of seccomp, pivot_root, and the calls that no solution of a task needs:
# processes, programs, sockets, mounts, namespaces, tracing, keys, memory that no limit counts.
MACHINES: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "x86_64": (
        0xC000003E,
        155,
        (
            *(56, 57, 58, 435, 59, 322, 41, 165, 166, 155, 161, 428, 429, 430, 442, 272, 308),
            *(101, 310, 311, 248, 249, 250, 29, 64, 68, 319, 447, 240, 321, 298, 323, 425, 304),
            *(133, 259, 175, 313, 246),
        ),
    ),
    "aarch64": (
        0xC00000B7,
        41,
        (
            *(220, 435, 221, 281, 198, 40, 39, 41, 51, 428, 429, 430, 442, 97, 268),
            *(117, 270, 271, 217, 218, 219, 194, 190, 186, 279, 447, 180, 280, 241, 282, 425, 265),
            *(33, 105, 273, 104),
        ),
    ),
}
X32 = 0x40000000  # x86-64's second set of the same calls

_libc = ctypes.CDLL(None, use_errno=True)


def run_job() -> None:
    """Read a job from standard input; write its outcome, one JSON object, to standard output."""
    job = json.load(sys.stdin)
    os.dup2(1, ANSWER)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.closerange(ANSWER + 1, 4096)
    try:
        _leave_the_machine(Path(job["folder"]), job["memory"])
    except OSError as error:
        _say({"outcome": REFUSED, "detail": str(error)})
    child = os.fork()  # the first process of the new namespace
    if not child:
        _run(job)
    _, status = os.waitpid(child, 0)
    os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def _run(job: dict[str, Any]) -> NoReturn:
    try:
        _give_up_rights(job)
    except OSError as error:
        _say({"outcome": REFUSED, "detail": str(error)})
    outcome, detail = "passed", ""
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for part in (job["program"], *job["tests"]):
            exec(compile(part, "<answer>", "exec"), names)
    except MemoryError:
        names.clear()
        outcome = "memory"
    except BaseException as error:  # SystemExit too: a program that stops has passed no test
        outcome, detail = "failed", f"{type(error).__name__}: {error}"[:200]
    _say({"outcome": outcome, "detail": detail, "nonce": job["nonce"]})


def _say(outcome: dict[str, str]) -> NoReturn:
    os.write(ANSWER, json.dumps(outcome).encode())
    os._exit(0)


def _leave_the_machine(folder: Path, memory: int) -> None:
    """New namespaces, and in them a file tree of Python, libraries and one writable folder."""
    _, pivot_root, _ = _machine()
    user, group = os.getuid(), os.getgid()
    _libc_call("unshare", NEW_NAMESPACES)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _mount(None, Path("/"), None, MS_REC | MS_PRIVATE)
    _mount("tmpfs", folder, "tmpfs", 0, "size=1m,mode=755")
    for source in _readable():
        target = folder / source.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
            continue
        target.mkdir(exist_ok=True)
        _mount(str(source), target, None, MS_BIND | MS_REC)
        _restrict(target, AT_RECURSIVE)
    work = folder / "work"
    work.mkdir()
    _mount("tmpfs", work, "tmpfs", 0, f"size={memory // 16},mode=700")
    os.chdir(folder)
    _libc_call("syscall", pivot_root, b".", b".")
    _libc_call("umount2", b".", MNT_DETACH)
    os.chdir("/work")
    _restrict(Path("/"), 0)


def _readable() -> list[Path]:
    """What a running Python reads: its own files and shared libraries; outer folders first."""
    wanted = {Path(sys.base_prefix), *map(Path, ("/usr/lib", "/usr/lib64", "/lib", "/lib64"))}
    there = sorted((path for path in wanted if path.exists()), key=lambda path: len(path.parts))
    return [p for p in there if not any(outer in p.parents for outer in there)]


def _give_up_rights(job: dict[str, Any]) -> None:
    """Limits, no capabilities, and the filter of calls."""
    _libc_call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    limits = {"CPU": job["cpu"], "AS": job["memory"], "FSIZE": job["memory"] // 16, "CORE": 0}
    for name, most in {**limits, "NPROC": 1, "NOFILE": 32}.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    header, none = struct.pack("Ii", CAPABILITY_VERSION, 0), bytes(24)
    _libc_call("capset", header, none)
    _libc_call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _filter_calls()


def _filter_calls() -> None:
    """Answer the calls of `MACHINES` with EPERM, and kill whoever calls as another machine."""
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    architecture, _, refused = _machine()
    tests = [(equal, call) for call in refused] + [(at_least, X32)]
    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (answer, 0, 0, 0x80000000)]
    program += [(load, 0, 0, 0)]
    program += [(code, len(tests) - i, 0, k) for i, (code, k) in enumerate(tests)]
    program += [(answer, 0, 0, 0x7FFF0000), (answer, 0, 0, 0x00050000 | 1)]  # allow; EPERM
    filters = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(filters, len(filters))
    described = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    _libc_call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0)


def _machine() -> tuple[int, int, tuple[int, ...]]:
    if platform.machine() not in MACHINES:
        raise OSError(f"no list of system calls for {platform.machine()}")
    return MACHINES[platform.machine()]


def _mount(source: str | None, target: Path, kind: str | None, flags: int, data: str = "") -> None:
    texts = [None if text is None else text.encode() for text in (source, str(target), kind)]
    _libc_call("mount", *texts, ctypes.c_ulong(flags), data.encode() or None)


def _restrict(target: Path, recursive: int) -> None:
    """Read only, without devices and set-user-id programs; mount_setattr(2), Linux 5.12."""
    attributes = struct.pack("QQQQ", READ_ONLY | NO_SUID_NO_DEVICES, 0, 0, 0)
    arguments = AT_FDCWD, str(target).encode(), recursive, attributes, ctypes.c_size_t(32)
    _libc_call("syscall", MOUNT_SETATTR, *arguments)


def _libc_call(name: str, *arguments: Any) -> None:
    if getattr(_libc, name)(*arguments) == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


if __name__ == "__main__":
    run_job()
