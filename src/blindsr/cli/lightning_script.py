"""The ``lightning`` script: training commands are ours, other words go to another distribution.

The lightning package installs no script of that name today, and the unrelated ``lightning-sdk``
does. Both are written to the same file, so whichever was installed last wins; when that is ours,
words that are not ours go on to the other distribution.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, distributions

from .terminal import leave

OURS = ("fit", "validate", "test", "predict")

HELP = """usage: lightning {fit,validate,test,predict} -c CONFIG [-c OVERLAY ...] [--KEY VALUE ...]

  fit        train            lightning fit -c experiments/cmos_demo.yaml
  validate   score the validation set of a checkpoint
  test       score the test groups of a checkpoint and print a table
  predict    write pictures and maps of a checkpoint for the test pictures of a data set
             (for pictures of yours: blindsr upscale, blindsr estimate)

  lightning fit --help        every argument
  lightning fit -c CONFIG --print_config
                              the configuration with all defaults filled in

blindsr provides this script; `blindsr --help` lists the other commands.
"""


def foreign_entry_points() -> list[EntryPoint]:
    """Scripts called ``lightning`` of other installed distributions."""
    return [
        entry
        for distribution in distributions()
        if (distribution.metadata["Name"] or "").lower() != "blindsr"
        for entry in distribution.entry_points
        if entry.group == "console_scripts" and entry.name == "lightning"
    ]


def is_ours(words: Sequence[str]) -> bool:
    """Whether the words are a training command or an option before one."""
    return not words or words[0] in OURS or words[0].startswith("-")


def main(args: Sequence[str] | None = None) -> int:
    """Dispatch; returns an exit status."""
    words = list(sys.argv[1:] if args is None else args)
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(HELP)
        return 0
    if not is_ours(words):
        others = foreign_entry_points()
        if others:
            status = others[0].load()()
            return status if isinstance(status, int) else 0
        from blindsr.cli.training.config_errors import did_you_mean
        from blindsr.errors import ConfigError

        from .terminal import print_error

        error = ConfigError(
            words[0],
            found="unknown command",
            expected="one of " + ", ".join(OURS),
            fix=did_you_mean(words[0], OURS),
        )
        return print_error(error, "lightning")
    from blindsr.cli.configs import located
    from blindsr.errors import BlindSRError

    try:
        located(words)  # what is missing is told before anything heavy is loaded
    except BlindSRError as error:
        from .terminal import print_error

        return print_error(error)
    from blindsr.cli.training.loaded import training_main

    return training_main(words, ends=args is None)(words)


def run() -> None:
    """Entry point of the console script."""
    try:
        status = main()
    except KeyboardInterrupt:  # while libraries are loaded
        sys.stderr.write("blindsr: stopped\n")
        status = 130
    leave(status)


if __name__ == "__main__":
    run()
