"""``blindsr serve``: arguments, refusals, and where it listens; the page is in test_page."""

import socket
import types

import pytest

from blindsr.cli import app
from blindsr.cli.serve import command
from blindsr.cli.serve.loopback import address, listen


@pytest.fixture
def gradio(monkeypatch):
    """The command takes it for installed."""
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda _: types.ModuleType("gradio"))


def refused(capsys, *words):
    assert app.main(["serve", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_without_gradio_the_line_says_how_to_install_it(capsys, monkeypatch):
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda _: None)
    assert "Type: uv pip install 'blindsr[serve]'." in refused(capsys)


def test_a_port_that_another_program_has_is_refused_before_the_model_loads(capsys, gradio):
    with listen(0) as taken:
        port = str(taken.getsockname()[1])
        line = refused(capsys, "--port", port)
    assert line == (
        f"blindsr: error: --port: {port}, which another program uses, expected a free one. Give "
        "another number, or --port 0 for any that is free.\n"
    )


@pytest.mark.parametrize("port", ["70000", "-1", "x", "80.5"])
def test_ports_that_are_none(capsys, port):
    assert "expected a number from 0 to 65535" in refused(capsys, f"--port={port}")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--model", "nowhere.pth"], "nowhere.pth: no such file"),
        (["--modle", "small"], "Did you mean --model?"),
        (["photo.jpg"], "unrecognized arguments: photo.jpg"),
    ],
)
def test_other_refusals(capsys, gradio, words, part):
    assert part in refused(capsys, *words)


def test_only_this_computer_reaches_the_port():
    with listen(0) as taken, socket.socket() as other:
        host, port = taken.getsockname()
        assert (host, address(taken)) == ("127.0.0.1", f"http://127.0.0.1:{port}")
        other.settimeout(5)
        with pytest.raises(OSError, match="refused"):  # all of 127.x.x.x is this computer
            other.connect(("127.0.0.2", port))


def test_what_starts_it_and_what_ends_it(capsys, gradio, monkeypatch, tmp_path):
    """One line with the address, the browser where asked for, 130 at Ctrl-C, no file left."""
    opened, seen = [], []

    def serve(application, taken):
        seen.extend(tmp_path.iterdir())
        raise KeyboardInterrupt

    page = types.ModuleType("page")
    page.application = lambda restoring: restoring
    monkeypatch.setitem(command.sys.modules, "blindsr.cli.serve.page", page)
    monkeypatch.setattr(command, "serve", serve)
    monkeypatch.setattr(command.webbrowser, "open", opened.append)
    monkeypatch.setattr(command.tempfile, "tempdir", str(tmp_path))
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED"):
        monkeypatch.setenv(name, "")  # set by the command; put back by this
    assert app.main(["serve", "--port", "0", "--open", "--device", "cpu"]) == 130
    out, err = capsys.readouterr()
    model, line = out.splitlines()
    assert model.startswith("model: ")
    assert line == f"Open {opened[0]} in a browser of this computer; Ctrl-C ends it"
    assert err == "blindsr: stopped\n"
    assert len(seen) == 1
    assert list(tmp_path.iterdir()) == []
