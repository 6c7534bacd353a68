"""``blindsr upscale`` and what is the user's: nothing of it is lost."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest
from PIL import Image
from tests.helpers.upscale_command import fake_for_any_name, flat, names, run

from blindsr.cli.pictures.records import INDEX
from blindsr.imaging.files import read_array, write_png


@pytest.fixture
def model(monkeypatch):
    return fake_for_any_name(monkeypatch)


def test_overwrite_replaces_no_other_picture(model, tmp_path, capsys):
    folder = tmp_path / "ow"
    write_png(folder / "a.png", flat(9))
    Image.fromarray(flat(80)).save(folder / "a.jpg")
    write_png(folder / "b.bmp", flat(7))
    before = (folder / "a.png").read_bytes()
    words = (folder / "a.jpg", folder / "b.bmp", "-o", folder)
    for more in ([], ["--overwrite"], ["--overwrite", "--format", "png"]):
        assert run(*words, *more) == 1
        assert (folder / "a.png").read_bytes() == before
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert f"{folder}/a.png: exists and was not made from {folder}/a.jpg" in err
        assert "choose another folder with -o" in err
    assert read_array(folder / "b.png").shape[:2] == (32, 40)


@pytest.mark.parametrize("extra", ["sigma", "classes", "preview", "compare"])
def test_extra_files_are_guarded_too(model, tmp_path, capsys, extra):
    write_png(tmp_path / "a.png", flat(9, 64, 64))
    out = tmp_path / "out"
    out.mkdir()
    (out / f"a_{extra}.png").write_text("mine")
    assert run(tmp_path / "a.png", "-o", out, "--save-maps", "--compare", "--overwrite") == 2
    assert f"a_{extra}.png: exists and was not made from" in capsys.readouterr().err
    assert names(out) == [f"a_{extra}.png"]
    assert (out / f"a_{extra}.png").read_text() == "mine"


def test_a_result_that_was_changed_is_the_users(model, tmp_path, capsys):
    write_png(tmp_path / "a.png", flat(9))
    out = tmp_path / "out"
    assert run(tmp_path / "a.png", "-o", out) == 0
    write_png(out / "a.png", flat(200, 32, 40))
    mine = (out / "a.png").read_bytes()
    for more in ([], ["--overwrite"]):
        capsys.readouterr()
        assert run(tmp_path / "a.png", "-o", out, *more) == 2
        assert "a.png: was changed after it was made" in capsys.readouterr().err
        assert (out / "a.png").read_bytes() == mine
    (out / "a.png").rename(out / "retouched.png")
    assert run(tmp_path / "a.png", "-o", out) == 0


def test_copies_and_moves_are_still_known(model, tmp_path, capsys):
    """A copy has another time of change; a moved picture another place."""
    write_png(tmp_path / "a.png", flat(9))
    out = tmp_path / "out"
    assert run(tmp_path / "a.png", "-o", out) == 0
    os.utime(out / "a.png", (1, 1))
    (tmp_path / "moved").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "moved" / "a.png")
    capsys.readouterr()
    assert run(tmp_path / "moved" / "a.png", "-o", out) == 0
    assert "1 skipped: there already" in capsys.readouterr().out


def test_a_picture_that_changed_is_made_again_when_told(model, tmp_path, capsys):
    write_png(tmp_path / "a.png", flat(9))
    out = tmp_path / "out"
    assert run(tmp_path / "a.png", "-o", out) == 0
    write_png(tmp_path / "a.png", flat(90, 18))
    assert run(tmp_path / "a.png", "-o", out) == 2
    assert "--overwrite makes it again" in capsys.readouterr().err
    assert run(tmp_path / "a.png", "-o", out, "--overwrite") == 0
    assert read_array(out / "a.png").shape[0] == 36
    assert run(tmp_path / "a.png", "-o", out) == 0


def test_results_of_another_folder_with_the_same_names(model, tmp_path, capsys):
    for name, level in (("x", 9), ("y", 90)):
        write_png(tmp_path / name / "a.png", flat(level))
    out = tmp_path / "out"
    assert run(tmp_path / "x", "-o", out) == 0
    before = (out / "a.png").read_bytes()
    assert run(tmp_path / "y", "-o", out, "--overwrite") == 2
    assert f"but from {tmp_path}/x/a.png" in capsys.readouterr().err
    assert (out / "a.png").read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"results": {"a.png": {"was": 3}}}', "[" * 99999])
def test_a_damaged_index_makes_nothing_ours(model, tmp_path, text, capsys):
    write_png(tmp_path / "a.png", flat(9))
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_text("mine")
    (out / INDEX).write_text(text)
    assert run(tmp_path / "a.png", "-o", out, "--overwrite") == 2
    assert (out / "a.png").read_text() == "mine"


@pytest.mark.parametrize("turn", [1, -1])
def test_equal_stems_get_distinct_names_in_any_order(model, tmp_path, turn):
    Image.fromarray(flat(9)).save(tmp_path / "photo.jpg")
    write_png(tmp_path / "photo.png", flat(90))
    write_png(tmp_path / "other.png", flat(90))
    write_png(tmp_path / "deep" / "other.png", flat(50))
    words = [tmp_path / name for name in ("photo.jpg", "photo.png", "other.png", "deep/other.png")]
    out = tmp_path / "out"
    assert run(*words[::turn], "-o", out) == 0
    above = f"{tmp_path.name}_other_png.png"
    expected = sorted(["photo_jpg.png", "photo_png.png", "deep_other_png.png", above])
    assert names(out) == expected
    assert read_array(out / "photo_png.png")[0, 0, 0] == 90
    assert read_array(out / "deep_other_png.png")[0, 0, 0] == 50


def test_names_of_extra_files_are_distinct_too(model, tmp_path):
    write_png(tmp_path / "a.png", flat(9))
    write_png(tmp_path / "a_sigma.png", flat(90))
    assert run(tmp_path, "-o", tmp_path / "out", "--save-maps") == 0
    assert {"a_png.png", "a_png_sigma.png", "a_sigma_png.png"} <= set(names(tmp_path / "out"))


def test_results_in_the_folder_of_the_pictures_are_no_pictures(model, tmp_path, capsys):
    Image.fromarray(flat(9)).save(tmp_path / "a.jpg")
    assert run(tmp_path, "-o", tmp_path) == 0
    capsys.readouterr()
    assert run(tmp_path, "-o", tmp_path) == 0
    out = capsys.readouterr().out
    assert "1 file skipped: 1 result of an earlier run" in out
    assert "0 of 1 done, 1 skipped" in out
    assert names(tmp_path) == ["a.jpg", "a.png"]


def test_the_index_says_which_input_made_what(model, tmp_path):
    write_png(tmp_path / "a.png", flat(9))
    assert run(tmp_path / "a.png", "-o", tmp_path / "out", "--save-maps") == 0
    index = json.loads((tmp_path / "out" / INDEX).read_text())
    made = ["a.png", "a_classes.png", "a_preview.png", "a_sigma.png"]
    assert sorted(index["results"]) == made
    assert {entry["input"] for entry in index["results"].values()} == {str(tmp_path / "a.png")}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it_with_their_status(model, tmp_path, capsys, monkeypatch, number):
    for name in ("a.png", "b.png", "c.png"):
        write_png(tmp_path / "in" / name, flat(9, 20 if name == "b.png" else 16))
    strips = model.strips

    def signalled(image, **options):
        for strip in strips(image, **options):
            if image.shape[0] == 20:
                os.kill(os.getpid(), number)
            yield strip

    before = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    signal.signal(number, before)  # under nohup SIGHUP is ignored, and stays so
    monkeypatch.setattr(model, "strips", signalled)
    out = tmp_path / "out"
    assert run(tmp_path / "in", "-o", out, "--format", "webp", "--compare") == 128 + number
    assert signal.getsignal(number) == before
    line = "blindsr: stopped; 1 of 3 done. The same line again does the rest.\n"
    assert capsys.readouterr().err == line
    assert names(out) == ["a.webp", "a_compare.png"]
    monkeypatch.setattr(model, "strips", strips)
    assert run(tmp_path / "in", "-o", out, "--format", "webp", "--compare") == 0
    assert capsys.readouterr().out.count("2 of 3 done, 1 skipped") == 1


@pytest.mark.parametrize("moment", ["records", "result", "sheet"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_kill_while_results_are_moved_is_made_good(
    model, tmp_path, monkeypatch, moment, overwrite
):
    """The index is written first, so that no result is taken for a file of the user's."""
    from blindsr.cli.pictures import results

    write_png(tmp_path / "a.png", flat(9, 64, 64))
    out = tmp_path / "out"
    words = (tmp_path / "a.png", "-o", out, "--compare")
    if overwrite:
        assert run(*words) == 0
    replace = Path.replace

    def dying(self, target):
        last = {"records": INDEX, "result": "a.png", "sheet": "a_compare.png"}[moment]
        replace(self, target)
        if Path(target).name == last:
            raise SystemExit(9)

    monkeypatch.setattr(Path, "replace", dying)
    run(*words, *(["--overwrite"] if overwrite else []))
    monkeypatch.setattr(Path, "replace", replace)
    assert run(*words) == 0
    assert run(*words) == 0
    assert names(out) == ["a.png", "a_compare.png"]
    (one, two) = results.read_records(out).values()
    assert len(one.results) == len(two.results) == 1


def test_runs_that_write_into_one_folder_keep_each_others_records(tmp_path):
    from blindsr.cli.pictures.records import read_records
    from blindsr.cli.pictures.results import Results
    from blindsr.cli.pictures.stopping import StopSignals

    out = tmp_path / "out"

    def work(name):
        write_png(tmp_path / name, flat(9))
        with Results(tmp_path / name, [out / name], replace_earlier=False).staged(
            StopSignals()
        ) as stage:
            write_png(stage / name, flat(7))

    threads = [threading.Thread(target=work, args=(f"{index}.png",)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_records(out)) == names(out) == [f"{index}.png" for index in range(8)]


def test_a_file_that_came_while_the_picture_was_made_stays(model, tmp_path, capsys, monkeypatch):
    write_png(tmp_path / "a.png", flat(9))
    strips = model.strips

    def slow(image, **options):
        yield from strips(image, **options)
        (tmp_path / "out" / "a.png").write_text("mine")

    monkeypatch.setattr(model, "strips", slow)
    assert run(tmp_path / "a.png", "-o", tmp_path / "out") == 2
    assert "exists and was not made from" in capsys.readouterr().err
    assert (tmp_path / "out" / "a.png").read_text() == "mine"
