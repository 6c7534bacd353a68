"""Run training commands one after another, separated by ``--then``.

``call NAME FOLDER`` calls a function of rank_calls.py. A file, because the launcher of DDP starts
it a second time; several commands, because importing Lightning takes longer than these trainings.
With ``--forked`` in front the second process is a fork of the first, which has imported all that
both need; DDP then starts none, as under torchrun.
"""

import gc
import itertools
import os
import socket
import sys

from blindsr.cli.training.loaded import training_main


def run(words):
    if words[0] != "call":
        return main(words)
    from tests.integration import rank_calls

    getattr(rank_calls, words[1])(words[2])
    return 0


def fork():
    """Become two processes, told as torchrun tells them; returns the second's id, or 0 in it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NODE_RANK": "0"}
    os.environ |= {"WORLD_SIZE": "2", "LOCAL_RANK": "0"}
    second = os.fork()
    if second == 0:
        os.environ["LOCAL_RANK"] = "1"
    return second


if __name__ == "__main__":
    main = training_main()
    gc.freeze()  # what was imported stays: the collector need not go through it at every command
    words = sys.argv[1:]
    forked = words[0] == "--forked"
    second = fork() if forked else 0
    groups = itertools.groupby(words[forked:], key="--then".__eq__)
    commands = [list(words) for is_separator, words in groups if not is_separator]
    status = max(run(words) for words in commands)
    if second:
        status = max(status, os.waitstatus_to_exitcode(os.waitpid(second, 0)[1]))
    sys.exit(status)
