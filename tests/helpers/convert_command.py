"""``blindsr convert`` in this process, and what it refuses."""

from blindsr.cli import app


def convert(*words):
    return app.main(["convert", *(str(word) for word in words)])


def refused(capsys, *words):
    """The one line that a refused conversion prints."""
    assert convert(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("blindsr: error: ")
    return captured.err
