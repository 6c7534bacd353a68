"""What is left out while Lightning is loaded comes back, and only one command is set up."""

import gc
import sys

import pytest

from blindsr.cli.training import loaded
from blindsr.cli.training.command import BlindSRCLI, main


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


def test_a_module_stands_in_for_signals_and_the_real_one_is_there_after(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("scipy.signal")]:
        monkeypatch.delitem(sys.modules, name)
    with loaded._without_signals():
        import scipy.signal as seen

        assert hasattr(seen, "hamming")
    assert "scipy.signal" not in sys.modules
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "scipy.signal", sys)
        with loaded._without_signals():
            assert sys.modules["scipy.signal"] is sys
        assert sys.modules["scipy.signal"] is sys


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
