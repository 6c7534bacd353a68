"""README and guides do what they say: each page is read from above, as a reader would type it.

What needs data, weights or minutes says so on the page (``# needs ...``), and is parsed alone.
"""

import ast
import os
import re
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import REPOSITORY
from tests.helpers.pages import blocks, commands, inline_commands

from blindsr.cli.app import COMMANDS, TRAINING, build_parser, main
from blindsr.degradation import DEGRADATIONS
from blindsr.metrics import METRICS
from blindsr.networks import kinds

PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs" / "guides").glob("*.md")),
    *sorted((REPOSITORY / "docs" / "methods").glob("*.md")),
]
NAMES = [path.relative_to(REPOSITORY).as_posix() for path in PAGES]


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A folder with some pictures; what pages add to our tables is taken out again."""
    rng = np.random.default_rng(0)
    pictures = ["holiday.jpg", "photo.jpg", "portrait.jpg", "photos/a.png", "scans/b.tif"]
    pictures += ["results/c.png", "ground_truth/c.png", "sharp/d.png", "sharp/e.png", "sharp/f.png"]
    for name in pictures:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (9, 10, 3), dtype=np.uint8))
        small.resize((80, 72), Image.Resampling.BICUBIC).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*(folder for folder in sys.path if folder), str(tmp_path)])
    tables = [(table, dict(table)) for table in (METRICS, DEGRADATIONS)]
    known, modules = set(kinds.names()), set(sys.modules)
    yield tmp_path
    for table, before in tables:
        table.clear()
        table.update(before)
    for name in set(kinds.names()) - known:
        kinds.remove(name)
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def run(command):
    """Status of one of our commands."""
    words = [os.path.expanduser(word) for word in command.words]  # noqa: PTH111 - as a shell does
    return main(words[1:])  # `lightning fit` is `blindsr fit`


def check_training(words):
    """Parse the words of a training, without data and checkpoints."""
    files = {"--ckpt_path"} | {a for a, b in pairwise(words) if b.endswith(".ckpt")}
    kept = [word for word in words if word not in files and not word.endswith(".ckpt")]
    assert main([*(word for word in kept if word != "last"), "--print_config"]) == 0


def check(command):
    """Parse a command whose files the reader has not got here."""
    program, *words = command.words
    if program == "srun":
        program, *words = words
    if program in ("blindsr", "lightning") and words[0] in TRAINING:
        check_training(words)
    elif program == "blindsr":
        build_parser(words[0]).parse_args(words[1:] if words[0] not in COMMANDS else words)
    else:
        check_other(program, words)


def check_other(program, words):
    """What we can know of a program that is not ours."""
    if program == "make":
        targets = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
        for word in words:
            assert "=" in word or re.search(rf"^{re.escape(word)}:", targets, re.MULTILINE), word
        return
    for word in words:
        for extra in re.findall(r"\[([\w,]+)\]", word):
            project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
            assert set(extra.split(",")) <= set(project["optional-dependencies"]), word
        if word.endswith((".txt", ".yml", ".yaml")) and not Path(word).exists():
            assert (REPOSITORY / word).exists() or (REPOSITORY / "experiments" / word).exists()


def follow(block):
    """Do what a block says."""
    if block.file:
        Path(block.file).write_text(block.text, encoding="utf-8")
    elif block.language == "python":
        code = compile(block.text, f"line {block.line}", "exec")
        if not block.text.startswith("# needs "):
            exec(code, {"__name__": "page"})
    for command in commands(block):
        if command.needs or command.words[0] not in ("blindsr", "lightning"):
            check(command)
        else:
            assert run(command) == (2 if command.wrong else 0), command.name


@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_works_from_above(page, reader, capsys):
    for block in blocks(page):
        follow(block)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_within_sentences_are_ours(page):
    for typed in inline_commands(page):
        program, name, *words = typed.split()
        if name.strip(".|…") == "" or "|" in name or name.startswith("-"):
            continue  # `lightning ...`, `blindsr fit|test`
        assert name in (*COMMANDS, *TRAINING), typed
        if program == "lightning" or name in TRAINING:
            continue
        parser = build_parser(name)
        (command,) = (part for part in parser.parts() if part.prog.split()[-1] == name)
        known = {word for part in (command, *command.parts()) for word in part.options()}
        options = {re.split(r"[=,.|)]", word)[0] for word in words if word.startswith("-")}
        assert options <= known | {"--"}, typed


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_of_a_page_is_python(page):
    for block in blocks(page):
        if block.language == "python":
            ast.parse(block.text)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_of_pages_outside_the_site_hold(name):
    """Those inside it are checked when it is built."""
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert links
    assert not [link for link in links if not (REPOSITORY / link).exists()]
