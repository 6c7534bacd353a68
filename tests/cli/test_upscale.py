"""``blindsr upscale`` as a user types it, in-process, with a model that interpolates."""

import io

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms
from tests.helpers.fake_model import FakeModel
from tests.helpers.upscale_command import fake_for_any_name, names, picture, run

from blindsr.cli import upscale
from blindsr.cli.pictures.inputs import find_pictures
from blindsr.imaging.files import read_array, read_png_text, write_png
from blindsr.imaging.photo import read_photo
from blindsr.imaging.resize import upsample
from blindsr.photo.prefilter import PREFILTERS

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def model(monkeypatch):
    return fake_for_any_name(monkeypatch)


def expected(array, model):
    """What the model makes of (H, W[, C]) integers, in levels of 0..peak."""
    peak = np.iinfo(array.dtype).max
    enlarged = upsample(array / np.float32(peak), model.scale, phase=model.phase)
    return np.clip(enlarged, 0, 1) * peak


def test_one_picture_to_a_file(model, tmp_path, capsys):
    write_png(tmp_path / "a.png", picture())
    assert run(tmp_path / "a.png", "-o", tmp_path / "new" / "large.png", "--tile", "64") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "model: Fake x2, trained for nothing (the default; --model chooses another)"
    assert out[1].startswith(f"{tmp_path}/a.png -> {tmp_path}/new/large.png: 26x20 -> 52x40, 8 bit")
    assert out[2:] == ["1 of 1 done"]
    result = read_array(tmp_path / "new" / "large.png")
    np.testing.assert_allclose(result, expected(picture(), model), atol=0.51)
    assert model.loaded[0][0] is None
    assert model.loaded[0][1]["precision"] == "auto"
    assert model.calls[-1] == ((20, 26, 3), np.uint8, 64, False)


def test_a_named_model_with_its_options(model, tmp_path, capsys):
    write_png(tmp_path / "a.png", picture())
    (tmp_path / "m.pth").touch()
    options = [
        "--model",
        tmp_path / "m.pth",
        "--layout",
        "legacy",
        "--device",
        "cpu",
        "--precision",
        "bf16",
    ]
    assert run(tmp_path / "a.png", "-o", tmp_path / "out", *options) == 0
    assert "default" not in capsys.readouterr().out
    source, given = model.loaded[0]
    assert source == str(tmp_path / "m.pth")
    assert given == {"device": torch.device("cpu"), "precision": "bf16", "layout": "legacy"}
    assert names(tmp_path / "out") == ["a.png"]


@pytest.mark.parametrize("form", ["png", "tiff"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "RGB16", "L16", "P"])
def test_depth_and_channels_follow_the_input(model, tmp_path, form, mode):
    colours, alpha = picture(), picture(seed=1)[..., 0]
    deep = colours.astype(np.uint16) * 257 + 3
    source = tmp_path / "a.png"
    if mode.endswith("16"):
        write_png(source, deep if mode == "RGB16" else deep[..., 1])
    elif mode == "P":
        Image.fromarray(colours).quantize(7).save(source)
        colours = read_photo(source).color
    else:
        image = Image.fromarray(np.dstack([colours, alpha]))
        (image if mode == "RGBA" else image.convert(mode)).save(source)
    assert run(source, "-o", tmp_path / "out", "--format", form) == 0
    result = read_photo(tmp_path / "out" / f"a.{form}")
    original = read_photo(source)
    assert result.bits == original.bits == (16 if mode.endswith("16") else 8)
    # Grey with alpha is RGBA in TIFF, because few programs read it otherwise.
    assert result.grey == (mode in ("L", "L16") or (mode == "LA" and form == "png"))
    color = result.color[..., 0] if original.grey and not result.grey else result.color
    tolerance = 0.51 if result.bits == 8 else 2  # float32
    np.testing.assert_allclose(color, expected(original.color, model), atol=tolerance)
    if mode in ("RGBA", "LA"):
        np.testing.assert_allclose(result.alpha, expected(alpha, model), atol=0.51)
    else:
        assert result.alpha is None


@pytest.mark.parametrize("form", ["jpg", "webp"])
def test_what_a_format_cannot_hold_is_said(model, tmp_path, capsys, form):
    deep = np.dstack([picture(), picture(seed=1)[..., :1]]).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", extrasamples=["unassalpha"])
    words = ["--format", form, "--quality", "98"]
    assert run(tmp_path / "a.tif", "-o", tmp_path / "out", *words) == 0
    out = capsys.readouterr().out
    assert "; 8 bit, as " in out
    assert ("; alpha dropped, as JPEG has none" in out) == (form == "jpg")
    result = read_photo(tmp_path / "out" / f"a.{form}")
    assert (result.alpha is None) == (form == "jpg")
    if form == "jpg":
        error = np.abs(result.color - expected(picture(), model))
        assert error.mean() < 3


def test_profile_and_exif_are_kept_and_the_orientation_is_applied(model, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "me"
    Image.fromarray(picture()).save(tmp_path / "a.png", exif=exif, icc_profile=SRGB)
    for form in ("png", "jpg", "webp", "tiff"):
        assert run(tmp_path / "a.png", "-o", tmp_path / "out", "--format", form) == 0
        result = read_photo(tmp_path / "out" / f"a.{form}")
        assert result.icc == SRGB
        assert result.color.shape == (52, 40, 3)  # turned by a quarter
        if form == "tiff":
            continue
        with Image.open(tmp_path / "out" / f"a.{form}") as image:
            found = image.getexif()
            assert (found[0x0112], found[0x013B]) == (1, "me")


def test_folders_patterns_and_what_is_in_them(model, tmp_path, capsys):
    photos = tmp_path / "photos"
    for name in ("b.png", "a.png", "deep/c.png", "deep/.hidden.png"):
        write_png(photos / name, picture())
    (photos / "notes.txt").write_text("no picture")
    assert run(photos, "-o", tmp_path / "flat") == 0
    assert names(tmp_path / "flat") == ["a.png", "b.png"]
    assert run(photos, "-o", tmp_path / "deep", "--recursive", "--format", "tiff") == 0
    assert names(tmp_path / "deep") == ["a.tiff", "b.tiff", "deep/c.tiff"]
    assert run(photos / "**" / "*", "-o", tmp_path / "glob") == 0
    assert names(tmp_path / "glob") == ["a.png", "b.png", "c.png"]
    capsys.readouterr()
    # The same file twice is one picture; outputs inside the input folder are no inputs.
    words = [photos, photos / "a.png", "-o", photos / "large", "--recursive"]
    assert run(*words) == 0
    assert capsys.readouterr().out.endswith("3 of 3 done\n")
    assert run(*words, "--overwrite") == 0
    assert capsys.readouterr().out.endswith("3 of 3 done\n")


def test_a_name_with_brackets_is_a_name(tmp_path):
    write_png(tmp_path / "a[1].png", picture())
    (found,) = find_pictures([str(tmp_path / "a[1].png")])
    assert found.relative.name == "a[1].png"


def test_format_same_keeps_the_suffix(model, tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.JPEG")
    Image.fromarray(picture()).save(tmp_path / "a.webp")
    out = tmp_path / "out"
    assert run(tmp_path / "a.JPEG", tmp_path / "a.webp", "-o", out, "--format", "same") == 0
    assert names(out) == ["a.JPEG", "a.webp"]
    assert read_photo(out / "a.JPEG").format == "JPEG"


def test_a_bad_file_among_good_ones(model, tmp_path, capsys):
    for name in ("a.png", "c.png"):
        write_png(tmp_path / name, picture())
    (tmp_path / "b.png").write_text("no picture")
    assert run(tmp_path, "-o", tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert captured.err == (
        f"blindsr: error: {tmp_path}/b.png: not an image, expected PNG, JPEG, WebP or TIFF. "
        "Replace the file\n"
    )
    assert captured.out.endswith("2 of 3 done\n")
    assert names(tmp_path / "out") == ["a.png", "c.png"]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory: 9 bytes")])
def test_one_picture_too_many_for_the_memory(model, tmp_path, capsys, monkeypatch, error):
    write_png(tmp_path / "a.png", picture())
    write_png(tmp_path / "b.png", picture(24))
    strips = model.strips

    def limited(image, **options):
        yield from strips(image, **options)
        if image.shape[0] == 24:
            raise error

    monkeypatch.setattr(model, "strips", limited)
    assert run(tmp_path, "-o", tmp_path / "out", "--save-maps", "--compare") == 1
    assert "b.png: memory ran out. Choose smaller tiles" in capsys.readouterr().err
    assert {name[0] for name in names(tmp_path / "out")} == {"a"}


def test_values_that_are_no_numbers_are_refused(model, tmp_path, capsys, monkeypatch):
    write_png(tmp_path / "a.png", picture(21))
    strips = model.strips

    def broken(image, **options):
        for strip in strips(image, **options):
            yield strip._replace(sr=strip.sr * (np.nan if image.shape[0] == 21 else 1))

    monkeypatch.setattr(model, "strips", broken)
    assert run(tmp_path / "a.png", "-o", tmp_path / "out") == 2
    assert "--precision float32" in capsys.readouterr().err
    assert names(tmp_path / "out") == []


def test_an_interruption_leaves_nothing_half_written(model, tmp_path, capsys, monkeypatch):
    write_png(tmp_path / "a.png", picture(21))
    strips = model.strips

    def interrupted(image, **options):
        yield from strips(image, **options)
        if image.shape[0] == 21:
            raise KeyboardInterrupt

    monkeypatch.setattr(model, "strips", interrupted)
    for form in ("png", "jpg", "tiff"):
        words = ["--format", form, "--save-maps", "--compare"]
        assert run(tmp_path / "a.png", "-o", tmp_path / "out", *words) == 130
    assert names(tmp_path / "out") == []
    line = "blindsr: stopped; 0 of 1 done. The same line again does the rest.\n"
    assert capsys.readouterr().err == line * 3


def test_existing_outputs_are_skipped_unless_told(model, tmp_path, capsys):
    for name in ("a.png", "b.png"):
        write_png(tmp_path / "in" / name, picture())
    out = tmp_path / "out"
    assert run(tmp_path / "in" / "a.png", "-o", out) == 0
    before = (out / "a.png").stat()
    capsys.readouterr()
    assert run(tmp_path / "in", "-o", out) == 0
    end = "1 of 2 done, 1 skipped: there already (--overwrite does them again)\n"
    assert capsys.readouterr().out.endswith(end)
    assert (out / "a.png").stat().st_mtime_ns == before.st_mtime_ns
    assert len(model.loaded) == 2
    assert run(tmp_path / "in", "-o", out) == 0
    assert len(model.loaded) == 2  # nothing to do: no model is loaded
    assert run(tmp_path / "in", "-o", out, "--overwrite") == 0
    assert (out / "a.png").stat().st_mtime_ns > before.st_mtime_ns
    # What was asked for in addition is made, though the picture is there.
    assert run(tmp_path / "in", "-o", out, "--compare") == 0
    assert (out / "b_compare.png").is_file()


def test_maps_and_comparison_are_written(model, tmp_path, capsys):
    Image.fromarray(picture(70, 90)).save(tmp_path / "a.jpg", quality=95)
    out = tmp_path / "out"
    assert run(tmp_path / "a.jpg", "-o", out, "--save-maps", "--compare") == 0
    kinds = ("classes", "compare", "preview", "sigma")
    assert names(out) == ["a.png", *(f"a_{kind}.png" for kind in kinds)]
    sigma = read_array(out / "a_sigma.png")
    assert sigma.dtype == np.uint16
    ramp = np.linspace(0, 5000, 140 * 180).reshape(140, 180)
    np.testing.assert_allclose(sigma, ramp, atol=0.51)
    text = read_png_text(out / "a_sigma.png")
    assert (text["steps_per_unit"], text["sigma_max"], text["scale"]) == ("1000", "5", "2")
    assert set(np.unique(read_array(out / "a_classes.png"))) == {0, 1, 2}
    for kind in ("compare", "preview"):
        assert read_array(out / f"a_{kind}.png").std() > 30
    assert "a_sigma.png, a_classes.png, a_preview.png, a_compare.png" in capsys.readouterr().out


def test_a_comparison_without_maps_has_two_columns(monkeypatch, tmp_path):
    write_png(tmp_path / "a.png", picture(64, 64))
    widths = []
    for can_estimate in (True, False):
        fake = FakeModel(can_estimate=can_estimate)
        monkeypatch.setattr("blindsr.restore.load", lambda *_, fake=fake, **__: fake)
        assert run(tmp_path / "a.png", "-o", tmp_path / "out", "--compare", "--overwrite") == 0
        widths.append(read_array(tmp_path / "out" / "a_compare.png").shape[1])
        assert fake.calls[-1][3] is can_estimate
    assert 1.3 < widths[0] / widths[1] < 1.6


@pytest.mark.parametrize("size", [(16, 16), (16, 900), (1500, 16)])
def test_small_and_narrow_pictures(model, tmp_path, size):
    write_png(tmp_path / "a.png", picture(*size)[..., 0])
    assert run(tmp_path / "a.png", "-o", tmp_path / "out", "--compare", "--save-maps") == 0
    assert read_array(tmp_path / "out" / "a.png").shape == (2 * size[0], 2 * size[1])
    assert read_array(tmp_path / "out" / "a_compare.png").std() > 10


def test_no_hint_at_prefilters_for_a_model_that_learnt_with_jpeg(tmp_path, capsys):
    Image.fromarray(picture(32, 32)).save(tmp_path / "a.jpg", quality=60)
    assert run(tmp_path / "a.jpg", "-o", tmp_path / "out", "--model", "small") == 0
    printed = capsys.readouterr().out
    assert "JPEG" in printed
    assert "note:" not in printed


def test_prefilters(model, tmp_path, capsys):
    assert upscale.PREFILTERS == PREFILTERS
    Image.fromarray(picture(64, 64)).save(tmp_path / "a.jpg", quality=30)
    results = {}
    for name in PREFILTERS:
        out = tmp_path / name
        assert run(tmp_path / "a.jpg", "-o", out, "--prefilter", name) == 0
        results[name] = read_array(out / "a.png").astype(float)
        said = "note: 1 of 1 are JPEG" in capsys.readouterr().out
        assert said == (name == "none")
    sharp = expected(picture(64, 64), model)
    errors = {name: np.mean((result - sharp) ** 2) for name, result in results.items()}
    assert errors["deblock"] < errors["none"]
    assert not np.array_equal(results["denoise"], results["none"])


def test_progress_is_drawn_at_a_terminal(model, tmp_path):
    from rich.console import Console

    from blindsr.cli.terminal import track_parts

    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100)
    paths = [tmp_path / "first.png", tmp_path / "second.png"]
    for index, tell in track_parts(paths, console, "pictures"):
        tell(1, 4)
        assert paths[index].name in text.getvalue() or index == 0
    assert "pictures" in text.getvalue()
    assert "2/2" in text.getvalue()
