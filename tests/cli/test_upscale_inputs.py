"""``blindsr upscale`` and inputs of all kinds: pipes, folders, strange names; none ends a batch."""

import os
import socket

import pytest
from PIL import Image
from tests.helpers.upscale_command import fake_for_any_name, flat, names, run

from blindsr.imaging.files import read_array, write_png


@pytest.fixture
def model(monkeypatch):
    return fake_for_any_name(monkeypatch)


def test_pipes_devices_and_sockets_are_refused_unread(model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "zz.png", flat(9))
    os.mkfifo("pipe.png")
    (tmp_path / "link.png").symlink_to("pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        words = ["pipe.png", "link.png", "socket.png", "/dev/zero", "zz.png"]
        assert run(*words, "-o", "out") == 1
    lines = capsys.readouterr().err.splitlines()
    kinds = ("a named pipe", "a named pipe", "a socket", "a device")
    for word, line, kind in zip(words, lines, kinds, strict=False):
        assert f"{word}: {kind}, expected an ordinary file" in line
    assert names(tmp_path / "out") == ["zz.png"]
    assert run("zz.png", "-o", "pipe.png") == 2
    assert "a named pipe, expected a file or a folder" in capsys.readouterr().err
    os.mkfifo(tmp_path / "out" / "pipe2.png")
    write_png(tmp_path / "pipe2.png", flat(9))
    assert run("pipe2.png", "-o", "out", "--overwrite") == 2
    assert "out/pipe2.png: a named pipe" in capsys.readouterr().err
    assert run(".", "-o", "new") == 0
    assert "2 named pipe" in capsys.readouterr().out


def test_strange_names_are_done_and_printed(model, tmp_path, capfd):
    folder = os.fsencode(tmp_path / "in") + b"/"
    write_png(tmp_path / "in" / "a.png", flat(9, 64, 64))
    strange = [b"no\xffutf8.png", b"new\nline.png", b"$\\frac$.png", "ä–中.png".encode(), b"%s.png"]
    for name in strange:
        os.link(folder + b"a.png", folder + name)
    (tmp_path / "in" / "a.png").unlink()
    (tmp_path / "in" / "bad\nname.png").write_text("no picture")
    assert run(tmp_path / "in", "-o", tmp_path / "out", "--compare", "--save-maps") == 1
    captured = capfd.readouterr()
    assert "no\\udcffutf8.png" in captured.out
    assert "new\\nline.png" in captured.out
    assert "bad\\nname.png: not an image" in captured.err
    assert captured.err.count("\n") == 1
    assert {os.fsencode(path.name) for path in (tmp_path / "out").iterdir()} >= set(strange)


def test_the_longest_names(model, tmp_path, capsys):
    longest = "x" * 251 + ".png"
    write_png(tmp_path / longest, flat(9))
    assert run(tmp_path / longest, "-o", tmp_path / "out") == 0
    assert names(tmp_path / "out") == [longest]
    write_png(tmp_path / "in" / longest, flat(9))
    write_png(tmp_path / "in" / "a.png", flat(9))
    assert run(tmp_path / "in", "-o", tmp_path / "more", "--save-maps") == 1
    err = capsys.readouterr().err
    assert "file name too long). Give a shorter name" in err
    assert err.count("\n") == 1
    assert "a_sigma.png" in names(tmp_path / "more")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "memory ran out"),
        (RecursionError("deep"), "too deeply nested"),
        (OSError(5, "no"), "cannot be used (input/output error)"),
        (ValueError("a\nb"), "cannot be done (ValueError: a\\nb)"),
        (KeyError("x"), "BLINDSR_DEBUG=1 tells where"),
        (OverflowError("x"), "OverflowError"),
        (Image.DecompressionBombError("large"), "DecompressionBombError"),
    ],
)
def test_whatever_happens_while_reading_is_one_line(
    model, tmp_path, capsys, monkeypatch, error, said
):
    from blindsr.cli.pictures import upscale_picture

    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, flat(9))
    read = upscale_picture.read_photo

    def failing(path):
        if path.name == "a.png":
            raise error
        return read(path)

    monkeypatch.setattr(upscale_picture, "read_photo", failing)
    assert run(tmp_path, "-o", tmp_path / "out") == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"{tmp_path}/a.png: {said}" in err or ("a.png: " in err and said in err)
    assert names(tmp_path / "out") == ["b.png"]
    monkeypatch.setenv("BLINDSR_DEBUG", "1")
    run(tmp_path, "-o", tmp_path / "out")
    unexpected = isinstance(error, (ValueError, KeyError, OverflowError, RecursionError))
    assert ("Traceback" in capsys.readouterr().err) >= unexpected


def test_a_missing_picture_among_others(model, tmp_path, capsys):
    write_png(tmp_path / "a.png", flat(9))
    words = [tmp_path / "nowhere.png", tmp_path / "a.png", tmp_path / "none*.png"]
    assert run(*words, "-o", tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert "nowhere.png: no such file or folder" in captured.err
    assert "none*.png: matches nothing" in captured.err
    assert captured.out.endswith("1 of 3 done\n")
    assert run(words[0], words[2], "-o", tmp_path / "out") == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_paths_that_the_system_refuses(model, tmp_path, capsys):
    write_png(tmp_path / "a.png", flat(9))
    (tmp_path / "loop.png").symlink_to("loop.png")
    words = [tmp_path / "loop.png", "a\0b.png", "y" * 300 + ".png", tmp_path / "a.png" / "b.png"]
    assert run(*words, tmp_path / "a.png", "-o", tmp_path / "out") == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 4
    for part in ("links lead in a circle", "a\\x00b.png", "shorter name", "a part of the path"):
        assert part.lower() in err.lower()
    assert run(tmp_path / "a.png", "-o", tmp_path / "a.png" / "deep") == 2
    assert "a part of the path is a file" in capsys.readouterr().err.lower()


def test_folders_links_and_brackets(model, tmp_path, capsys):
    photos = tmp_path / "photos[1]"
    for name in ("a.png", "deep/b[2].png", "deep/c.png"):
        write_png(photos / name, flat(9))
    write_png(tmp_path / "else" / "d.png", flat(9))
    (photos / "deep" / "up").symlink_to(photos)
    (photos / "deep" / "self").symlink_to("self")
    (photos / "linked").symlink_to(tmp_path / "else")
    (photos / "again").symlink_to(photos / "deep")
    (photos / "gone.png").symlink_to("nowhere.png")
    for name in ("x.txt", "y.txt", "z.mov", "README"):
        (photos / name).write_text("no picture")
    assert run(photos, "-o", tmp_path / "all", "--recursive") == 0
    assert names(tmp_path / "all") == ["a.png", "deep/b[2].png", "deep/c.png", "linked/d.png"]
    out = capsys.readouterr().out
    assert "6 files skipped: 1 .mov, 2 .txt, 2 broken link, 1 without a suffix" in out
    assert run(photos / "deep" / "b[2].png", "-o", tmp_path / "one") == 0
    assert run(photos / "deep" / "*.png", "-o", tmp_path / "some") == 0
    assert names(tmp_path / "some") == ["b[2].png", "c.png"]
    assert run(photos / "[a-d]*" / "[bc]*.png", "-o", tmp_path / "parts") == 0
    assert names(tmp_path / "parts") == ["b[2].png", "c.png"]
    assert run(tmp_path / "p*" / "**" / "c.png", "-o", tmp_path / "stars") == 0
    assert names(tmp_path / "stars") == ["c.png"]


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".bmp", ".avif", ".jp2", ".gif"])
def test_kinds_that_folders_hold(model, tmp_path, capsys, suffix):
    kind = {".jfif": "JPEG", ".jpe": "JPEG", ".jp2": "JPEG2000"}.get(suffix, suffix[1:].upper())
    (tmp_path / "in").mkdir()
    Image.fromarray(flat(90)).save(tmp_path / "in" / f"a{suffix}", kind)
    assert run(tmp_path / "in", "-o", tmp_path / "out") == 0
    assert names(tmp_path / "out") == ["a.png"]
    assert abs(int(read_array(tmp_path / "out" / "a.png")[0, 0, 0]) - 90) < 6
    capsys.readouterr()
    assert run(tmp_path / "in", "-o", tmp_path / "same", "--format", "same") == 0
    jpeg = kind == "JPEG"
    assert names(tmp_path / "same") == ["a.jpg" if jpeg else "a.png"]
    assert (f"as PNG, since {suffix} is not written" in capsys.readouterr().out) != jpeg
