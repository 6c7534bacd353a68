"""Blur that is meant to stay, with stand-ins for estimators and networks."""

from functools import cache

import cv2
import numpy as np
import pytest
import torch
from tests.helpers.told_blur import WIDEST, ToldBlur, inverting, texturing

import blindsr.restore
from blindsr.data.scenes.leaves.samples import defocused_scene, leaf_scene
from blindsr.errors import ConfigError, WeightsError
from blindsr.imaging.resize import upsample
from blindsr.imaging.tiling import RollingRows
from blindsr.inference.blur import in_box as box
from blindsr.inference.blur.kept import DEFAULT_KEEP_BLUR, kept, threshold
from blindsr.inference.open_model import engine_parts
from blindsr.inference.tiles import plan
from blindsr.networks import CMOS, BlindSR, BlurUNet
from blindsr.networks.blur_sr import BlurSR
from blindsr.weights.export import save_safetensors
from blindsr.weights.network_file import NetworkFile


@pytest.fixture
def told(monkeypatch):
    """What stands in for the estimator in the box."""
    stand_in = ToldBlur(1)
    monkeypatch.setattr(plan, "blur_in_box", lambda *_: stand_in.estimator())
    monkeypatch.setattr(blindsr.restore, "default_keep_blur", lambda: DEFAULT_KEEP_BLUR)
    return stand_in


def picture(height=40, width=50, blue=None, seed=0):
    """(H, W, 3) float32, with a blue channel that says sigma / 8."""
    image = np.random.default_rng(seed).random((height, width, 3), np.float32)
    image[..., 2] = np.linspace(0, 0.5, width) if blue is None else blue
    return image


def bicubic(model, image):
    return np.clip(upsample(image, model.scale, phase=model.phase), 0, 1)


def result_of_network(image, scale=2):
    return np.clip(1 - image.repeat(scale, axis=0).repeat(scale, axis=1), 0, 1)


def test_keeping_nothing_is_the_network_itself(told):
    image = picture()
    found = inverting().upscale(image, keep_blur=0)
    np.testing.assert_array_equal(found, result_of_network(image))
    assert told.looks == 0


def test_without_strength_the_result_is_the_bicubic_enlargement_exactly(told):
    model = inverting()
    for image in (picture(), np.rint(picture() * 255).astype(np.uint8)):
        peak = np.float32(255 if image.dtype == np.uint8 else 1)
        expected = np.clip(upsample(image, 2, phase=model.phase) / peak, 0, 1)
        found = model.upscale(image, strength=0)
        if peak > 1:
            expected = np.rint(expected * peak).astype(np.uint8)
        np.testing.assert_array_equal(found, expected)


def test_strength_goes_straight_from_one_to_the_other(told):
    model, image = inverting(), picture()
    low, high = bicubic(model, image), result_of_network(image)
    for strength in (0.25, 0.5, 1):
        found = model.upscale(image, strength=strength, keep_blur=0)
        np.testing.assert_allclose(found, low + strength * (high - low), atol=1e-6)


def test_wide_blur_is_the_enlargement_and_what_is_sharp_the_network(told):
    blue = np.zeros(60, np.float32)
    blue[30:] = 4 / WIDEST
    model, image = inverting(), picture(40, 60, blue)
    found = model.upscale(image)
    np.testing.assert_array_equal(found[:, :58], result_of_network(image)[:, :58])
    np.testing.assert_array_equal(found[:, 62:], bicubic(model, image)[:, 62:])


def test_between_them_the_share_follows_the_threshold(told):
    model, image = inverting(), picture(12, 400)
    image[..., :2] = 0.1
    low, high = bicubic(model, image), result_of_network(image)
    sigma = image[0, :, 2].repeat(2) * WIDEST
    for keep in (0.1, 0.3, 1.0):
        found = model.upscale(image, keep_blur=keep)
        middle = ((found - low)[..., 0] / (high - low)[..., 0])[8]
        assert abs(sigma[np.abs(middle - 0.5).argmin()] - 0.25 / keep) < 0.05
        assert (np.diff(middle) < 1e-4).all()  # falls only
        assert np.abs(np.diff(middle)).max() < 0.2  # without a step


@pytest.mark.parametrize("keep", [0, 0.3])
@pytest.mark.parametrize("strength", [0.4, 1])
def test_tiles_change_nothing(told, keep, strength):
    model, image = inverting(), picture(150, 131)
    whole = model.upscale(image, tile=0, keep_blur=keep, strength=strength)
    for tile in (1, 24):
        found = model.upscale(image, tile=tile, keep_blur=keep, strength=strength)
        assert np.abs(found - whole).max() < 1e-5


def test_strips_are_the_picture_and_tell_what_was_removed(told):
    image, calls = picture(150, 60), []
    model = inverting()
    strips = list(
        model.strips(image, tile=24, removed=True, on_progress=lambda *n: calls.append(n))
    )
    assert len(strips) > 2
    assert calls[-1][0] == calls[-1][1] == len(calls)
    np.testing.assert_allclose(
        np.concatenate([strip.sr for strip in strips]), model.upscale(image), atol=1e-5
    )
    removed = np.concatenate([strip.removed for strip in strips])
    blue = upsample(image[..., 2], 2, phase=model.phase, method="bilinear")
    sigma = 2 * WIDEST * blue
    wide, sharp = sigma > 2 * 1.2, sigma < 2 * 0.5
    assert (removed[wide] == 0).all()
    np.testing.assert_allclose(removed[sharp], sigma[sharp], rtol=1e-5)
    assert next(model.strips(image, tile=24)).removed is None


def test_an_unsure_estimate_keeps_more():
    sigma = np.full(3, 0.5, np.float32)
    shares = kept(sigma, np.array([0, 0.3, 2], np.float32), DEFAULT_KEEP_BLUR)
    assert (np.diff(shares) > 0).all()
    assert kept(np.float32([4]), np.float32([3]), DEFAULT_KEEP_BLUR) == 1
    assert threshold(0) == np.inf


def test_a_model_that_sees_blur_uses_its_own_map_and_looks_once(told):
    own, image = ToldBlur(2), picture()
    model = inverting(estimator=own.estimator(), uses=("blur",))
    assert model.phase == 0  # looks at a pattern, once
    own.looks = 0
    found = model.upscale(image, consistency=True)[0]
    assert (own.looks, told.looks) == (1, 0)
    assert not np.array_equal(found, result_of_network(image))


def test_of_a_model_whose_map_is_not_fit_for_it_the_box_decides(told):
    own = ToldBlur(2)
    model = inverting(estimator=own.estimator(sees_blur=False), uses=("blur",))
    assert model.phase == 0
    own.looks = 0
    model.upscale(picture())
    assert (own.looks, told.looks) == (1, 1)


def test_a_map_that_is_told_decides_and_is_removed_unasked(told):
    model, image = inverting(uses=("blur",)), picture()
    np.testing.assert_array_equal(model.upscale(image, blur=8.0), result_of_network(image))
    found = model.upscale(image, blur=8.0, keep_blur=0.3)
    np.testing.assert_array_equal(found, bicubic(model, image))
    assert told.looks == 0


@pytest.mark.parametrize("option", ["keep_blur", "strength"])
@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), "much", True])
def test_a_wrong_share_is_refused_by_name(told, option, value):
    with pytest.raises(ConfigError, match=f"{option}: .*, expected a number from 0 to 1"):
        inverting().upscale(picture(), **{option: value})


def test_without_the_estimator_only_what_needs_it_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(box, "FILE", tmp_path / "blur.safetensors")
    box.blur_in_box.cache_clear()
    model, image = inverting(), picture()
    np.testing.assert_array_equal(model.upscale(image, keep_blur=0), result_of_network(image))
    with pytest.raises(WeightsError, match="no estimator of blur in this installation"):
        model.upscale(image, keep_blur=0.5)


def energy(image, where):
    laplacian = cv2.Laplacian(image.mean(axis=2, dtype=np.float32), cv2.CV_32F)
    return float(np.square(laplacian)[where].mean())


@cache
def sharp_scene(seed, side):
    rng = np.random.default_rng(seed)
    return defocused_scene(leaf_scene(rng, side, side), rng, with_sharp=True).sharp


def subject_before_defocus(sigma, side=192):
    """A sharp subject in the middle of a background out of focus, and where each is at x4.

    (side, side, 3) uint8; the masks leave out the border between the two.
    """
    background = cv2.GaussianBlur(sharp_scene(3, side), (0, 0), sigma)
    inside = np.zeros((side, side), np.float32)
    cv2.circle(inside, (side // 2, side // 2), side // 4, 1.0, -1, cv2.LINE_AA)
    image = inside[..., None] * sharp_scene(103, side) + (1 - inside[..., None]) * background
    near = cv2.distanceTransform((inside > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    far = cv2.distanceTransform((inside < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    masks = [np.kron(distance > 6, np.ones((4, 4), bool)) for distance in (near, far)]
    return np.rint(image * 255).astype(np.uint8), *masks


def energies(model, sigma):
    """Energy of subject and background over that of the bicubic enlargement; kept, and not."""
    image, subject, background = subject_before_defocus(sigma)
    plain = bicubic(model, image / np.float32(255))
    found = {}
    for name, options in (("kept", {}), ("all", {"keep_blur": 0})):
        result = model.upscale(image / np.float32(255), **options)
        found[name] = [energy(result, at) / energy(plain, at) for at in (subject, background)]
    return found


needs_estimator = pytest.mark.skipif(
    box.default_keep_blur() == 0, reason="the model in the box does not see blur"
)


@needs_estimator
@pytest.mark.parametrize("sigma", [4, 8])
def test_defocus_stays_and_the_subject_is_restored(sigma):
    found = energies(blindsr.load(device="cpu"), sigma)
    subject, background = found["kept"]
    assert background == pytest.approx(1, abs=0.1)
    assert subject > 1.2
    assert subject > 1 + 0.6 * (found["all"][0] - 1)


@needs_estimator
@pytest.mark.parametrize("sigma", [4, 8])
def test_texture_that_a_network_makes_up_does_not_get_into_defocus(sigma):
    image, _, background = subject_before_defocus(sigma)
    own = energy(bicubic(inverting(4), image / np.float32(255)), background)
    found = energies(texturing(amplitude=(20 * own) ** 0.5 / 4), sigma)
    assert found["all"][1] > 20
    assert found["kept"][1] == pytest.approx(1, abs=0.3)


def test_networks_that_say_how_unsure_they_are_are_fit_to_decide():
    device = torch.device("cpu")
    for network, fit in ((BlurUNet(scale=1, width=4), True), (CMOS(num_classes=3), False)):
        estimator, upscaler = engine_parts(network.eval(), device)
        assert estimator.sees_blur == fit
        assert upscaler is None


def test_the_box_tells_blur_in_pixels_of_the_picture(monkeypatch, tmp_path):
    """Whatever scale the file was trained at: only the unit of its maps depends on it."""
    torch.manual_seed(0)
    network = BlurUNet(scale=1, width=4)
    pipeline = BlindSR(network, BlurSR(features=4, blocks=1), phase=1.5)
    file = tmp_path / "box.safetensors"
    settings = {
        "estimator": {"kind": "blur_unet", "scale": 1, "width": 4},
        "restorer": {"kind": "blur_sr", "features": 4, "blocks": 1, "scale": 4, "phase": 1.5},
        "phase": 1.5,
    }
    save_safetensors(file, NetworkFile("made", "blind", settings, pipeline.state_dict()))
    monkeypatch.setattr(box, "FILE", file)
    box.blur_in_box.cache_clear()
    image = torch.rand(1, 3, 40, 50)
    plain = network.eval()(image).blur.detach()
    found = box.blur_in_box(torch.device("cpu")).run(image).blur.detach()
    np.testing.assert_allclose(found, plain, atol=1e-5)
    box.blur_in_box.cache_clear()


@pytest.mark.parametrize("step", [1, 7, 40])
def test_maps_are_enlarged_row_by_row_as_they_would_be_whole(step):
    maps = np.random.default_rng(0).random((20, 9, 2), np.float32)
    pieces = ((top, {"blur": torch.from_numpy(maps[top : top + 6])}) for top in range(0, 20, 6))
    rows = box.EnlargedRows(RollingRows(pieces), (20, 9), 4, 1.5)
    found = [rows.rows(top, min(top + step, 80))["blur"] for top in range(0, 80, step)]
    expected = 4 * upsample(maps, 4, phase=1.5, method="bilinear")
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-5)


@pytest.mark.parametrize("columns", [slice(0, 36), slice(5, 17), slice(30, 36)])
def test_a_part_of_the_columns_is_enlarged_as_it_would_be_in_the_whole(columns):
    maps = np.random.default_rng(0).random((20, 9, 2), np.float32)
    rows = box.EnlargedRows(
        RollingRows(iter([(0, {"blur": torch.from_numpy(maps)})])), (20, 9), 4, 1.5
    )
    expected = 4 * upsample(maps, 4, phase=1.5, method="bilinear")
    found = rows.rows(13, 50, columns)["blur"]
    np.testing.assert_allclose(found, expected[13:50, columns], atol=1e-5)
