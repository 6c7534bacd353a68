"""``blindsr estimate`` with an estimator that measures blur, in-process."""

import cv2
import numpy as np
import pytest
import torch
from tests.helpers.fake_estimator import FakeEstimator, half_blurred

import blindsr
from blindsr.cli import app
from blindsr.cli.pictures.estimate_picture import decided_mask
from blindsr.cli.pictures.records import INDEX
from blindsr.data.files.masks import mask_from_sigma, read_mask, read_sigma_mask
from blindsr.drawing.page import Page, Words
from blindsr.errors import ConfigError
from blindsr.imaging.files import read_array, read_png_text, write_png
from blindsr.networks import CMOS
from blindsr.weights.export import save_safetensors
from blindsr.weights.network_file import NetworkFile

SHARP, BLURRED = (slice(30, -30), slice(30, 190)), (slice(30, -30), slice(286, -30))


@pytest.fixture
def model(monkeypatch):
    fake = FakeEstimator()
    monkeypatch.setattr("blindsr.cli.estimate.open_estimator", lambda *_: fake)
    return fake


@pytest.fixture
def photo(tmp_path):
    """Sharp on the left, 6 pixels of blur on the right."""
    path = tmp_path / "photo.png"
    write_png(path, half_blurred(6.0, height=256))
    return path


def run(*words):
    return app.main(["estimate", "any.ckpt", *(str(word) for word in words)])


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != INDEX)


def test_maps_without_a_pyramid_are_in_hr_pixels(model, photo, tmp_path, capsys):
    assert run(photo, "-o", tmp_path / "out", "--npy") == 0
    assert "photo_sigma.png, photo_classes.png, photo_preview.png" in capsys.readouterr().out
    stored = read_array(tmp_path / "out" / "photo_sigma.png")
    text = read_png_text(tmp_path / "out" / "photo_sigma.png")
    assert stored.shape == (4 * 256, 4 * 512)
    assert (text["unit"], text["scale"], text["sigma_max"]) == ("HR pixels", "4", "5")
    assert "levels" not in text
    assert stored[1000, 1900] == 5000  # saturated
    sigma = np.load(tmp_path / "out" / "photo_sigma.npy")
    assert sigma.dtype == np.float32
    np.testing.assert_allclose(stored / 1000, sigma, atol=6e-4)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["photo.png"], "CKPT: photo.png, a picture, expected a file of weights before the"),
        (["photo.png", "photo.png"], "CKPT: photo.png, a picture"),
        (["nowhere.jpg"], "CKPT: nowhere.jpg, a picture"),
        (["folder"], "CKPT: folder, a folder"),
        (["any.ckpt"], "IMAGE: nothing after any.ckpt, expected pictures or folders"),
    ],
)
def test_a_forgotten_checkpoint_or_picture_is_told(words, line, photo, monkeypatch, capsys):
    monkeypatch.chdir(photo.parent)
    (photo.parent / "folder").mkdir()
    assert app.main(["estimate", *words, "-o", "out"]) == 2
    assert line in capsys.readouterr().err


def test_a_pyramid_is_in_pixels_of_the_input(model, photo, tmp_path):
    out = tmp_path / "out"
    assert run(photo, "-o", out, "--npy", "--pyramid", "4") == 0
    assert model.sizes == [(256, 512), (128, 256), (64, 128), (32, 64)]
    text = read_png_text(out / "photo_sigma.png")
    assert text["unit"] == "input pixels"
    assert (text["scale"], text["input_reduced"]) == ("1", "1")
    assert (text["levels"], text["sigma_max"]) == ("1 2 4 8", "10")
    stored = read_array(out / "photo_sigma.png") / float(text["steps_per_unit"])
    assert stored.shape == (256, 512)
    assert np.median(stored[BLURRED]) == pytest.approx(6, rel=0.25)
    assert stored[SHARP].max() < 0.3
    np.testing.assert_allclose(stored, np.load(out / "photo_sigma.npy"), atol=6e-4)
    assert read_array(out / "photo_classes.png").shape == (256, 512)
    assert read_array(out / "photo_preview.png").std() > 10


def test_levels_follow_the_size(model, photo, tmp_path):
    assert run(photo, "-o", tmp_path / "a", "--pyramid") == 0
    assert model.sizes == [(256, 512), (128, 256), (64, 128)]
    model.sizes.clear()
    assert run(photo, "-o", tmp_path / "b", "--reduce", "2", "--pyramid", "2") == 0
    assert model.sizes == [(128, 256), (64, 128)]
    assert read_array(tmp_path / "b" / "photo_sigma.png").shape == (256, 512)
    assert read_png_text(tmp_path / "b" / "photo_sigma.png")["levels"] == "2 4"


@pytest.mark.parametrize("options", [[], ["--pyramid"], ["--reduce", "2"]])
def test_masks_are_read_back_at_the_size_of_the_input(model, tmp_path, options):
    photo, out = tmp_path / "photo.png", tmp_path / "out"
    write_png(photo, half_blurred(6.0, height=256)[:251, :509])
    assert run(photo, "-o", out, "--mask", "1", *options) == 0
    stored = read_array(out / "photo_mask.png")
    assert stored.dtype == np.uint8
    assert set(np.unique(stored)) == {0, 255}
    mask = read_mask(out / "photo_mask.png")
    assert mask.shape == (251, 509)
    assert mask[SHARP].all()
    assert not mask[BLURRED].any()
    text = read_png_text(out / "photo_mask.png")
    assert (text["threshold"], text["unit"]) == ("1", "input pixels")
    # The reader of ReBlurSR makes the same of the sigma map.
    again = read_sigma_mask(out / "photo_sigma.png", photo, (251, 509), threshold=1.0)
    assert (again == mask).mean() > 0.995


def test_a_pyramid_tells_large_blurs_apart(model, photo, tmp_path):
    out = tmp_path / "out"
    assert run(photo, "-o", out, "--mask", "3.5", "--pyramid", "--npy") == 0
    mask = read_mask(out / "photo_mask.png")
    assert not mask[BLURRED].any()
    sigma = np.load(out / "photo_sigma.npy")
    np.testing.assert_array_equal(mask, mask_from_sigma(sigma, threshold=3.5))


def test_thresholds_beyond_what_the_model_tells(model, photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(photo, "-o", out, "--mask", "1.25") == 2
    error = capsys.readouterr().err
    assert "--mask: 1.25 input pixels, expected less than 1.25" in error
    assert "--pyramid reaches further" in error
    assert run(photo, "-o", out, "--mask", "5", "--pyramid") == 2
    assert "expected less than 5, where this model is saturated" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--mask", "0"], "'0', expected a sigma above 0, in input pixels"),
        (["--mask", "nan"], "expected a sigma above 0"),
        (["--pyramid", "0"], "'0', expected a number of levels"),
        (["--pyramid", "photo.png"], "write a bare --pyramid after the pictures"),
    ],
)
def test_wrong_words_are_one_line(words, part, photo, tmp_path, capsys):
    assert run("-o", tmp_path / "out", photo, *words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert part in error
    assert not (tmp_path / "out").exists()


def test_a_model_without_sigma_makes_no_mask(model, photo, tmp_path, capsys, monkeypatch):
    strips = model.strips
    monkeypatch.setattr(
        model, "strips", lambda *a, **k: (s._replace(blur=None) for s in strips(*a, **k))
    )
    assert run(photo, "-o", tmp_path / "out", "--npy") == 0
    assert names(tmp_path / "out") == ["photo_classes.png", "photo_preview.png"]
    (tmp_path / "not").mkdir()
    for option in ("--mask=1", "--pyramid"):
        assert run(photo, "-o", tmp_path / "not", option) == 2
        assert "estimates no sigma" in capsys.readouterr().err
    assert not names(tmp_path / "not")


def test_large_and_deep_and_grey_pictures(model, tmp_path):
    """More than the one and a half megapixels that were the limit once."""
    model.scale = 1
    deep = half_blurred(2.0, height=64, width=128)[..., 0].astype(np.uint16) * 257
    write_png(tmp_path / "deep.png", deep)
    wide = cv2.resize(half_blurred(2.0, height=64, width=128), (1600, 1000))
    cv2.imwrite(str(tmp_path / "large.jpg"), wide)
    out = tmp_path / "out"
    assert run(tmp_path / "deep.png", tmp_path / "large.jpg", "-o", out, "--pyramid", "2") == 0
    assert read_array(out / "deep_sigma.png").shape == (64, 128)
    assert read_array(out / "large_sigma.png").shape == (1000, 1600)
    assert run(tmp_path / "large.jpg", "-o", out) == 0
    assert read_array(out / "large_sigma.png").shape == (1000, 1600)


def test_only_maps_of_this_picture_are_replaced(model, photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(photo, "-o", out) == 0
    before = (out / "photo_sigma.png").read_bytes()
    assert run(photo, "-o", out, "--pyramid", "1") == 0
    assert (out / "photo_sigma.png").read_bytes() != before
    other = tmp_path / "other" / "photo.png"
    write_png(other, half_blurred(3.0, height=256))
    (out / "photo_mask.png").write_text("mine")
    kept = {path: path.read_bytes() for path in out.iterdir()}
    good = tmp_path / "good.png"
    write_png(good, half_blurred(3.0, height=128))
    capsys.readouterr()
    assert run(other, good, "-o", out) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "photo_sigma.png: exists and was not made from" in err
    assert run(photo, "-o", out, "--mask", "1") == 2
    assert "photo_mask.png: exists and was not made from" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in kept if path.name != INDEX} == {
        path: content for path, content in kept.items() if path.name != INDEX
    }
    assert "good_sigma.png" in names(out)


def test_equal_stems_folders_and_bad_pictures(model, tmp_path, capsys):
    write_png(tmp_path / "in" / "a.png", half_blurred(3.0, height=64, width=96))
    cv2.imwrite(str(tmp_path / "in" / "a.jpg"), half_blurred(3.0, height=64, width=96))
    (tmp_path / "in" / "b.png").write_text("no picture")
    (tmp_path / "in" / "b.txt").write_text("no picture")
    out = tmp_path / "out"
    assert run(tmp_path / "in", tmp_path / "nowhere.png", "-o", out) == 1
    captured = capsys.readouterr()
    assert "1 file skipped: 1 .txt" in captured.out
    assert captured.out.endswith("2 of 4 done\n")
    assert captured.err.count("\n") == 2
    assert {"a_png_sigma.png", "a_jpg_sigma.png"} <= set(names(out))
    assert run(tmp_path / "in" / "a.png", "-o", tmp_path / "in" / "b.txt") == 2
    assert "b.txt, a file, expected a folder" in capsys.readouterr().err


def test_memory_that_runs_out_and_ctrl_c(model, photo, tmp_path, capsys, monkeypatch):
    for error, status, said in (
        (MemoryError(), 2, "memory ran out. --reduce 2"),
        (KeyboardInterrupt(), 130, "blindsr: stopped; 0 of 1 done. The same line again begins"),
    ):

        def failing(*_, error=error, **__):
            raise error

        monkeypatch.setattr(model, "strips", failing)
        assert run(photo, "-o", tmp_path / "out", "--npy") == status
        assert said in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


class Unsure(FakeEstimator):
    """Knows its error: little on the left half, three pixels of the input on the right."""

    def strips(self, image, **options):
        for strip in super().strips(image, **options):
            scale = np.full_like(strip.blur, 0.01)
            scale[:, scale.shape[1] // 2 :] = 3.0 * self.scale
            yield strip._replace(blur_scale=scale)


def test_uncertainty_is_written_drawn_and_leaves_the_mask_open(photo, tmp_path, monkeypatch):
    monkeypatch.setattr("blindsr.cli.estimate.open_estimator", lambda *_: Unsure())
    out = tmp_path / "out"
    assert run(photo, "-o", out, "--mask", "0.6") == 0
    text = read_png_text(out / "photo_uncertainty.png")
    assert "error of sigma" in text["quantity"]
    assert text["unit"] == "HR pixels"
    assert read_array(out / "photo_uncertainty.png")[500, 1900] == 12000
    mask = read_array(out / "photo_mask.png")
    assert set(np.unique(mask[SHARP])) == {255}
    assert set(np.unique(mask[BLURRED])) == {127}  # neither sharp nor blurred
    assert not read_mask(out / "photo_mask.png")[BLURRED].any()
    plain = tmp_path / "plain"
    monkeypatch.setattr("blindsr.cli.estimate.open_estimator", lambda *_: FakeEstimator())
    assert run(photo, "-o", plain) == 0
    wide, narrow = (read_array(f / "photo_preview.png").shape[1] for f in (out, plain))
    assert wide > narrow
    assert not (plain / "photo_uncertainty.png").exists()


@pytest.mark.parametrize("options", [(), ("--pyramid",)])
def test_the_picture_of_a_user_is_called_input(model, photo, tmp_path, monkeypatch, options):
    pages = []
    save = Page.save
    monkeypatch.setattr(Page, "save", lambda page, path: (pages.append(page), save(page, path)))
    assert run(photo, "-o", tmp_path / "out", *options) == 0
    (page,) = pages
    words = [item.text for item in page.items if isinstance(item, Words)]
    assert words[:2] == ["input", "estimated sigma"]
    assert "LR" not in words


def test_what_is_wrong_more_often_than_once_in_four_is_unsure():
    sigma = np.array([[1.0, 2.0, 1.4, 1.6, 1.4]], np.float32)
    error = np.array([[0.5, 0.5, 0.5, 0.5, 0.1]], np.float32)
    assert decided_mask(sigma, error, 1.5).tolist() == [[255, 0, 127, 127, 255]]
    assert decided_mask(sigma, None, 1.5).tolist() == [[255, 0, 255, 0, 255]]


def test_no_map_of_a_model_is_shown_whose_card_says_that_it_is_wrong(photo, tmp_path, capsys):
    torch.manual_seed(0)
    estimator = CMOS(3, backbone="pyramid_small", tasks="blur", gia_parts="")
    settings = {"num_classes": 3, "backbone": "pyramid_small", "tasks": "blur", "gia_parts": ""}
    path = tmp_path / "constant.safetensors"
    file = NetworkFile(str(path), "cmos", settings, estimator.state_dict())
    save_safetensors(path, file, untrusted_maps="says 1.8 of everything")
    assert app.main(["estimate", str(path), str(photo), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "not to be trusted (says 1.8 of everything)" in error
    assert not (tmp_path / "out").exists()
    model = blindsr.load(path)
    assert not model.can_estimate
    with pytest.raises(ConfigError, match="not to be trusted"):
        model.estimate(read_array(photo))
