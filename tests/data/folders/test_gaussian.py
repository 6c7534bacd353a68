"""HR folders under Gaussian kernels: labels, tiles, both kinds, MANet's kernels, a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.golden import recipe

from blindsr.cli.training.command import main as lightning
from blindsr.data import GaussianFolder
from blindsr.data.loading.samplers import Draw
from blindsr.degradation import degrade
from blindsr.degradation.kernel_basis import principal_components
from blindsr.degradation.random.gaussian import Ellipse, GaussianBlur, manet_kernel
from blindsr.degradation.random.kernel_shapes import gaussian_kernel
from blindsr.errors import ConfigError
from blindsr.imaging.files import write_png


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hr")
    rng = np.random.default_rng(0)
    for number in range(6):
        small = rng.integers(0, 256, (24, 28, 3), dtype=np.uint8)
        write_png(root / f"{number}.png", cv2.resize(small, (112, 96)))
    return root


def module(pictures: Path, **options: Any) -> GaussianFolder:
    base: dict[str, Any] = {"crop": 48, "holdout": 2, "num_workers": 0, "val_crop": 64}
    data = GaussianFolder([str(pictures)], **{**base, **options})
    data.setup("fit")
    return data


def arrays(sample: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lr, hr = (sample[key].permute(1, 2, 0).numpy() for key in ("lr", "hr"))
    return lr, hr, sample["blur"][0].numpy()


def test_isotropic_patches_are_what_their_label_says(pictures: Path) -> None:
    data = module(pictures, sigma=[0.5, 4.0])
    seen = set()
    for draw in range(8):
        lr, hr, blur = arrays(data.train_set[Draw(draw % 4, draw)])
        assert blur.shape == (48, 48)
        assert len(np.unique(blur)) == 1
        seen.add(float(blur[0, 0]))
        np.testing.assert_allclose(lr, degrade(hr, blur, scale=4, sigma_max=4.0), atol=1e-6)
    assert len(seen) == 8
    assert 0.5 <= min(seen) < max(seen) <= 4.0
    assert (data.facts.sigma_max, data.facts.phase, data.facts.downsampler) == (4.0, 0.0, "sfold")
    assert module(pictures).facts.sigma_max == 10
    assert module(pictures, scale=2).facts.sigma_max == 5


def test_equal_draws_give_equal_samples_and_validation_stands_still(pictures: Path) -> None:
    one, other = (module(pictures, vary="tiles", tile=16, kernel="anisotropic") for _ in "ab")
    for sample, again in (
        (one.train_set[Draw(1, 7)], other.train_set[Draw(1, 7)]),
        (one.val_set[1], other.val_set[1]),
        (one.val_set[1], one.val_set[1]),
    ):
        for key in ("lr", "hr", "blur"):
            assert (sample[key] == again[key]).all()
    assert one.val_set[0]["blur"].shape == (1, 64, 64)


@pytest.mark.parametrize("kernel", ["isotropic", "anisotropic"])
def test_every_tile_has_a_kernel_of_its_own(pictures: Path, kernel: str) -> None:
    data = module(pictures, vary="tiles", tile=16, kernel=kernel)
    _, _, blur = arrays(data.train_set[Draw(0, 3)])
    tiles = blur.reshape(3, 16, 3, 16).swapaxes(1, 2).reshape(9, -1)
    assert (tiles == tiles[:, :1]).all()
    assert len(np.unique(tiles[:, 0])) == 9


def test_a_tile_is_blurred_as_the_whole_picture_would_be() -> None:
    hr = np.random.default_rng(1).random((40, 48, 3)).astype(np.float32)
    blur = GaussianBlur("anisotropic", 1.0, 9.0, "tiles", 20)
    lr, _ = blur(hr, np.random.default_rng(5), scale=4)
    rng = np.random.default_rng(5)
    for top in (0, 20):
        for left in (0, 20, 40):
            kernel = blur.kernel(blur.draw(rng), 4)
            whole = cv2.filter2D(hr, -1, kernel, borderType=cv2.BORDER_REFLECT)[::4, ::4]
            box = np.s_[top // 4 : top // 4 + 5, left // 4 : left // 4 + 5]
            np.testing.assert_allclose(lr[box], whole[box], atol=0.51 / 255)


def test_an_ellipse_lies_as_its_angle_says() -> None:
    """Long axis along x, then turned towards y; second moments are those of the covariance."""
    kernel = GaussianBlur("anisotropic", 0.5, 25.0).kernel(Ellipse(4.0, 1.0, 0.5), 4)
    offsets = np.arange(len(kernel)) - len(kernel) // 2
    x, y = offsets[None, :], offsets[:, None]
    c, q = np.cos(0.5), np.sin(0.5)
    np.testing.assert_allclose((kernel * x * x).sum(), 4 * c * c + q * q, rtol=1e-3)
    np.testing.assert_allclose((kernel * y * y).sum(), 4 * q * q + c * c, rtol=1e-3)
    np.testing.assert_allclose((kernel * x * y).sum(), 3 * c * q, rtol=1e-3)
    assert Ellipse(4.0, 1.0, 0.5).sigma == pytest.approx(2.5**0.5)


def test_draws_are_uniform_in_sigma_or_variance() -> None:
    rng = np.random.default_rng(0)
    round_ = [GaussianBlur("isotropic", 1.0, 3.0).draw(rng) for _ in range(2000)]
    assert np.mean([e.sigma for e in round_]) == pytest.approx(2, abs=0.05)
    long_ = [GaussianBlur("anisotropic", 1.0, 9.0).draw(rng) for _ in range(2000)]
    assert np.mean([e.variance for e in long_]) == pytest.approx(5, abs=0.2)
    assert np.mean([e.across for e in long_]) == pytest.approx(3, abs=0.2)
    assert all(1 <= e.across <= e.variance <= 9 and 0 <= e.theta <= np.pi for e in long_)


def test_manets_placement_is_half_a_pixel_off(pictures: Path) -> None:
    """A ramp tells where LR pixels look: at 4 i - 1.5."""
    blur = GaussianBlur("isotropic", 1.0, 1.0, placement="manet")
    ramp = np.tile(np.arange(96, dtype=np.float32) / 255, (96, 1))[..., None].repeat(3, 2)
    lr, _ = blur(ramp, np.random.default_rng(0), scale=4)
    inside = np.arange(5, 19)
    np.testing.assert_allclose(255 * lr[12, inside, 0], 4 * inside - 1.5, atol=0.5)
    assert module(pictures, placement="manet").facts.phase == -1.5
    centred = gaussian_kernel(21, 1.0, 1.0)
    shifted = manet_kernel(Ellipse(1.0, 1.0, 0.0), 4)
    assert shifted[18:].max() == shifted[:, 18:].max() == 0
    assert abs(shifted - centred).max() > 0.01


def test_golden_kernels_of_manet(shared: Path) -> None:
    values = np.load(shared / "golden/manet_degradation.npz")
    names = json.loads((shared / "golden/manet_degradation.json").read_text())
    for numbers, expected in zip(names["aniso"], values["aniso"], strict=True):
        np.testing.assert_allclose(manet_kernel(Ellipse(*numbers), 4), expected, atol=1e-12)
    for sigma, expected in zip(names["iso"], values["iso"], strict=True):
        found = manet_kernel(Ellipse(sigma**2, sigma**2, 0), 4)
        np.testing.assert_allclose(found, expected, atol=1e-12)
    hr = recipe.image("manet:degrade", (1, 3, 48, 64))[0].permute(1, 2, 0).numpy()
    blur = GaussianBlur("anisotropic", 0.7, 10.0, placement="manet")
    box = (slice(0, 48), slice(0, 64))
    found = blur._filtered(hr, box, blur.kernel(Ellipse(*names["aniso"][0]), 4))[::4, ::4]
    expected = values["lr"][0].transpose(1, 2, 0)
    assert abs(found - expected).max() / expected.std() < 1e-6
    lr, _ = blur(hr, np.random.default_rng(0), scale=4)
    assert lr.shape == expected.shape


def test_golden_principal_components_of_manets_kernels(shared: Path) -> None:
    values = np.load(shared / "golden/manet_degradation.npz")
    kernels = []
    for first, second, angle in np.random.RandomState(3).rand(300, 3):
        wide = 0.7 + 9.3 * first
        shape = Ellipse(wide, 0.7 + (wide - 0.7) * second, np.pi * angle)
        kernels.append(manet_kernel(shape, 4).ravel())
    basis = principal_components(np.array(kernels), 15)
    codes = np.array(kernels[:8]) @ basis
    found = (codes @ basis.T).reshape(
        8, 21, 21
    )  # their signs are arbitrary: subspaces are compared
    np.testing.assert_allclose(found, values["pca_reconstruction"], atol=1e-12)
    np.testing.assert_allclose(codes @ codes.T, values["pca_gram"], atol=1e-12)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"kernel": "round"}, "kernel: 'round', expected one of"),
        ({"vary": "pixels"}, "vary: 'pixels', expected one of"),
        ({"sigma": [3.0, 1.0]}, r"sigma: \[3.0, 1.0\], expected the smaller one first"),
        ({"sigma": [1.0]}, r"sigma: \[1.0\], expected two numbers"),
        ({"sigma": [0.0, 1.0]}, r"sigma: 0.0, expected above 0"),
        ({"variance": [1.0, 2.0]}, "variance: a range for isotropic kernels, expected sigma"),
        ({"tile": 0}, "tile: 0"),
        ({"placement": "manet", "downsampler": "area"}, "placement: manet with area"),
    ],
)
def test_meaningless_options(pictures: Path, options: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        module(pictures, **options)


@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
def test_trains_from_a_file(pictures: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(
        f"""
trainer: {{fast_dev_run: true, accelerator: cpu, logger: false, enable_checkpointing: false}}
model:
  class_path: blindsr.tasks.CMOSTask
  init_args: {{tasks: blur, backbone: pyramid_small}}
data:
  class_path: blindsr.data.GaussianFolder
  init_args:
    folders: ["{pictures}"]
    sigma: [0.7, 5.0]
    vary: tiles
    crop: 64
    val_crop: 64
    holdout: 2
    batch_size: 2
    num_workers: 0
"""
    )
    assert lightning(["fit", "-c", "mine.yaml"]) == 0
