"""Forked copies of this process, for what must end with a process; they import nothing anew."""

import os
import warnings
from collections.abc import Callable


def in_child(act: Callable[[], None]) -> int:
    """Run ``act`` in a fork and return how that ended, as ``subprocess`` tells it.

    Only for what computes nothing on threads: a fork has none of those that its parent had.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forks of processes with threads
        child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        except OSError as error:
            status = error.errno or 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
