"""Run training commands one after another, separated by ``--then``.

A file, because the launcher of DDP starts it a second time; several commands, because importing
Lightning takes longer than these trainings.
"""

import itertools
import sys

from blindsr.cli.training.loaded import training_main

if __name__ == "__main__":
    main = training_main()
    groups = itertools.groupby(sys.argv[1:], key="--then".__eq__)
    commands = [list(words) for is_separator, words in groups if not is_separator]
    sys.exit(max(main(words) for words in commands))
