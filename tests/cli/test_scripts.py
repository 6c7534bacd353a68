"""The two console scripts: dispatch, help, and one-line errors."""

from types import SimpleNamespace

import pytest

from blindsr.cli import app, lightning_script


def entry(function):
    return SimpleNamespace(load=lambda: function)


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        ([], True),
        (["fit", "-c", "x.yaml"], True),
        (["--help"], True),
        (["-c", "x.yaml", "fit"], True),
        (["run", "app"], False),
    ],
)
def test_lightning_knows_its_own_words(words, ours):
    assert lightning_script.is_ours(words) is ours


def test_foreign_words_go_to_the_other_distribution(monkeypatch):
    monkeypatch.setattr(lightning_script, "foreign_entry_points", lambda: [entry(lambda: 7)])
    assert lightning_script.main(["login"]) == 7


def test_a_mistyped_word_is_one_line_with_a_suggestion(monkeypatch, capsys):
    monkeypatch.setattr(lightning_script, "foreign_entry_points", list)
    assert lightning_script.main(["fitt"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "fitt" in error
    assert "Did you mean fit?" in error


def test_our_own_script_is_not_foreign():
    assert all(e.dist.name != "blindsr" for e in lightning_script.foreign_entry_points())


@pytest.mark.parametrize("main", [app.main, lightning_script.main])
def test_help_exits_with_zero(main, capsys):
    assert main(["--help"]) == 0
    assert "usage:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["estmate"], "Did you mean estimate?"),
        ([], "required"),
        (["doctor", "--verbos"], "--verbos"),
    ],
)
def test_blindsr_refuses_wrong_words_in_one_line(words, part, capsys):
    assert app.main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert part in error


def test_version(capsys):
    import blindsr

    assert app.main(["--version"]) == 0
    assert blindsr.__version__ in capsys.readouterr().out


def test_doctor_lists_versions_and_the_owner_of_the_script(capsys):
    assert app.main(["doctor"]) in (0, 1)
    out = capsys.readouterr().out
    assert "torchvision import" in out
    assert "lightning` script" in out
