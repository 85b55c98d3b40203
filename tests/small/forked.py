"""A function called in a fork, for tests that kill what they call or leave it no room."""

import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from tqdm import tqdm


def in_fork(work: Callable[..., Any], *arguments: Any, quiet: bool = False, **keywords: Any) -> int:
    """Exit code of a child that calls `work`, or minus the signal that ended it.

    3 stands for an OSError that says what failed, 1 for any other exception. Only a process without
    threads may call this: its child has none of them, but their locks.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    tqdm.set_lock(threading.RLock())  # its own is shared with forks: the dead would keep it
    if quiet:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        work(*arguments, **keywords)
        os._exit(0)
    except BaseException as error:
        if isinstance(error, OSError) and (error.filename or error.errno):
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(3)
        traceback.print_exc()
        os._exit(1)
