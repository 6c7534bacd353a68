"""Run training commands one after another, separated by ``--then``.

``call NAME FOLDER`` calls a function of rank_calls.py. A file, because the launcher of DDP starts
it a second time; several commands, because importing Lightning takes longer than these trainings.
"""

import itertools
import sys

from blindsr.cli.training.loaded import training_main


def run(words):
    if words[0] != "call":
        return main(words)
    from tests.integration import rank_calls

    getattr(rank_calls, words[1])(words[2])
    return 0


if __name__ == "__main__":
    main = training_main()
    groups = itertools.groupby(sys.argv[1:], key="--then".__eq__)
    commands = [list(words) for is_separator, words in groups if not is_separator]
    sys.exit(max(run(words) for words in commands))
