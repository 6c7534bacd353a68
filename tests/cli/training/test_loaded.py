"""What is left out while Lightning is loaded comes back, and only one command is set up."""

import gc
import re
import subprocess
import sys
from importlib import import_module

import pytest

from blindsr.cli.training import loaded
from blindsr.cli.training.command import BlindSRCLI, main
from blindsr.cli.training.hollow import HollowModule, hollow


def test_the_collector_rests_during_imports_and_goes_on_after():
    assert gc.isenabled()
    with loaded._collecting_nothing():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        with loaded._collecting_nothing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_hollow_modules_have_what_is_asked_and_are_gone_after():
    with hollow(["no_such_library"]):
        import no_such_library
        from no_such_library.inner import Base, decorator

        class Derived(Base):
            pass

        assert Derived() is not None
        decorator(print)
        assert no_such_library.__version__
        assert not hasattr(no_such_library, "__wrapped__")
    assert not [name for name in sys.modules if name.startswith("no_such_library")]
    with pytest.raises(ModuleNotFoundError):
        import_module("no_such_library")


def test_a_library_that_is_loaded_already_stays_itself():
    with hollow(["tests"]):
        assert import_module("tests.helpers.one_line").__file__


def test_a_hollow_library_can_be_loaded_after(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("scipy.signal")]:
        monkeypatch.delitem(sys.modules, name)
    with hollow(loaded.NEEDLESS):
        assert isinstance(import_module("scipy.signal"), HollowModule)
        assert hasattr(import_module("scipy.signal"), "hamming")
    assert "scipy.signal" not in sys.modules


@pytest.mark.parametrize(
    ("words", "helped"),
    [
        (["fit", "--help"], True),
        (["test", "-h"], True),
        (["fit", "--model.help", "CMOSTask"], True),
        (["fit", "-c", "help"], False),
        (["fit", "--print_config"], False),
    ],
)
def test_which_words_ask_for_help(words, helped):
    assert loaded.asks_for_help(words) is helped


TOLD = """
import atexit, sys
from blindsr.cli.lightning_script import run
heavy = ("torch._dynamo", "torchmetrics", "matplotlib", "sympy")
atexit.register(lambda: sys.stderr.write(str([name for name in heavy if name in sys.modules])))
sys.argv = ["pytest", "fit", "--help"]
run()
"""


def test_help_is_the_same_without_what_computes(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    done = subprocess.run(
        [sys.executable, "-c", TOLD], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stderr == "[]"
    assert main(["fit", "--help"]) == 0
    whole = capsys.readouterr().out
    options = [re.findall(r"^  (?:-\w, )?(--\S+)", text, re.M) for text in (done.stdout, whole)]
    assert options[0] == options[1]
    assert len(options[0]) > 50


def test_help_starts_again_where_a_release_needs_more(monkeypatch):
    def start(*words):
        raise SystemExit(str(words))

    monkeypatch.setattr(loaded, "hollow", lambda _names: 1 / 0)
    monkeypatch.setattr(loaded.os, "execv", start)
    monkeypatch.setattr(loaded.gc, "disable", lambda: None)
    monkeypatch.setenv(loaded.WHOLE, "")
    with pytest.raises(SystemExit) as end:
        loaded.training_main(["fit", "--help"], ends=True)
    assert str(end.value) == str((sys.executable, sys.orig_argv))
    with monkeypatch.context() as patch:
        patch.setattr(loaded, "hollow", hollow)
        assert loaded.training_main(["fit", "--help"], ends=True) is main


@pytest.mark.parametrize("command", ["fit", "predict"])
def test_one_command_is_set_up(command, monkeypatch, capsys):
    made, prepare = [], BlindSRCLI._prepare_subcommand_parser
    monkeypatch.setattr(
        BlindSRCLI,
        "_prepare_subcommand_parser",
        lambda self, klass, name, **more: made.append(name) or prepare(self, klass, name, **more),
    )
    assert main([command, "--help"]) == 0
    assert made == [command]
    assert "--trainer.max_epochs" in capsys.readouterr().out


def test_all_are_set_up_where_the_command_comes_later(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("fit", "validate", "test", "predict"))
