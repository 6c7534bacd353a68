"""Reads README and guides: their code blocks, and the commands in them.

A block of ``python`` or ``yaml`` whose first line is a comment with a file name is that file. Other
blocks hold commands if a line begins with a program; where some begin with ``$``, only those do,
and the rest is what they print. ``# needs WHAT`` behind a command says that the reader must have
something first, alone on a line that all lines below it do; ``# ends in one line`` that they are
wrong on purpose.
"""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

PROGRAMS = ("blindsr", "lightning", "make", "uv", "pip", "conda", "wandb", "jupyter", "srun")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"# ([\w/]+\.(?:py|yaml))\n")
_INLINE = re.compile(r"`((?:blindsr|lightning) [^`]+)`")


class Block(NamedTuple):
    """One fenced block."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """Name of the file that the block is."""
        found = _NAME.match(self.text)
        return found[1] if found and self.language in ("python", "yaml") else None


class Command(NamedTuple):
    """One command of a page."""

    words: list[str]
    needs: str
    """What the reader must have first; empty for one that works at once."""
    wrong: bool
    """It is there to show an error."""

    @property
    def name(self) -> str:
        """As typed."""
        return shlex.join(self.words)


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start()) + 2)
        for found in _FENCE.finditer(text)
    ]


def commands(block: Block) -> list[Command]:
    """The commands of a block, in order."""
    if block.language not in ("", "bash", "console"):
        return []
    lines = block.text.replace("\\\n", " ").splitlines()
    transcript = any(line.startswith("$ ") for line in lines)
    found, above, wrong = [], "", False
    for line in lines:
        if line.startswith("# needs "):
            above = line[len("# needs ") :]
        wrong = wrong or line == "# ends in one line"
        if transcript and not line.startswith("$ "):
            continue
        typed, _, behind = line.removeprefix("$ ").partition("  # needs ")
        words = shlex.split(typed, comments=True)
        if words and words[0] in PROGRAMS:
            found.append(Command(words, behind.strip() or above, wrong))
    return found


def inline_commands(page: Path) -> list[str]:
    """Commands within sentences and tables, as typed; they may leave arguments out."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [" ".join(found.split()) for found in _INLINE.findall(text)]
