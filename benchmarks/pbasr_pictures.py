"""Makes the pictures of `experiments/tables/pbasr.yaml`: sharp ones and strongly blurred ones.

    python benchmarks/pbasr_pictures.py FOLDER -o data/pbasr_small

FOLDER holds ``photos/``, ``rgbd/``, ``sr/set5`` and ``camvid_cityscapes/``. Writes ``general``,
``blur/{HR,mask}`` for training and ``general_test``, ``blur_test/{HR,mask}`` for the test, of other
scenes. Pictures are reduced first and blurred afterwards, by a disc (out of focus) or a line
(motion) of sigma 8 to 20 pixels; masks are made at that final size, and trainings take patches at
it (``random_resize: false``), so no mask says "blurred" of what reduction has made sharp again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blindsr.imaging.files import read_rgb, to_uint8, write_png

BLURRED_PHOTOS = ("LadyBird", "YellowFlower", "TwoWings", "RainDrops", "FreshFlower", "cuhk")
"""Photographs with intended blur are no sharp ones."""
SIGMA = (8.0, 20.0)
BLURRED_SHARE = (0.35, 0.65)
TRAIN_SIDE, TEST_SIDE = 256, 128
CROPS = 10
"""Training pictures of each photograph and stream."""
FRAMES = 60
"""Training frames of CamVid for each stream; all of its test frames that the test takes: 13."""
TEST_FRAMES = 13
FRAME_WIDTH = 400
"""CamVid's frames are reduced to it: their own pixels are soft."""
Picture = NDArray[np.float32]


def sharp_photographs(folder: Path) -> list[Path]:
    """All photographs without intended blur."""
    return [
        path
        for path in sorted((folder / "photos").iterdir())
        if path.suffix in (".jpg", ".png") and not any(word in path.name for word in BLURRED_PHOTOS)
    ]


def training(folder: Path) -> Iterator[tuple[str, Picture]]:
    """Sharp pictures of :data:`TRAIN_SIDE`, the ones with an even number for the general stream."""
    rng = np.random.default_rng(0)
    for path in sharp_photographs(folder):
        photo = read_rgb(path)
        for number in range(2 * CROPS):
            short = rng.uniform(1.2, 2.5) * TRAIN_SIDE
            yield f"{path.stem}_{number:02d}", cut(reduced(photo, short), TRAIN_SIDE, rng)
    for number, path in enumerate(frames(folder, "train", 2 * FRAMES)):
        picture = reduced(read_rgb(path), FRAME_WIDTH * 3 / 4)
        yield f"{path.stem}_{number:03d}", cut(picture, TRAIN_SIDE, rng)


def testing(folder: Path) -> Iterator[tuple[str, Picture]]:
    """Sharp pictures of :data:`TEST_SIDE`, one of every scene."""
    rng = np.random.default_rng(1)
    for path in (*sorted((folder / "rgbd/rgb").iterdir()), *sorted((folder / "sr/set5").iterdir())):
        yield path.stem, cut(reduced(read_rgb(path), 1.9 * TEST_SIDE), TEST_SIDE, rng)
    for path in frames(folder, "test", TEST_FRAMES):
        yield path.stem, cut(reduced(read_rgb(path), FRAME_WIDTH * 3 / 4), TEST_SIDE, rng)


def frames(folder: Path, split: str, count: int) -> list[Path]:
    """Frames of CamVid, evenly spaced."""
    found = sorted((folder / "camvid_cityscapes/leftImg8bit" / split).rglob("*.png"))
    return [found[int(at)] for at in np.linspace(0, len(found) - 1, count)]


def reduced(picture: Picture, short: float) -> Picture:
    """Made smaller until its shorter side has ``short`` pixels; never larger."""
    factor = short / min(picture.shape[:2])
    if factor >= 1:
        return picture
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    return np.clip(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), 0, 1)


def cut(picture: Picture, side: int, rng: np.random.Generator) -> Picture:
    """A square of the picture."""
    top, left = (int(rng.integers(length - side + 1)) for length in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def disc(sigma: float) -> NDArray[np.float32]:
    """Kernel of an aperture, whose radius is twice its standard deviation, with a soft edge."""
    radius = 2 * sigma
    axis = np.arange(-int(radius) - 1, int(radius) + 2)
    away = np.hypot(*np.meshgrid(axis, axis))
    kernel = np.clip(radius + 0.5 - away, 0, 1)
    return (kernel / kernel.sum()).astype(np.float32)


def line(sigma: float, angle: float) -> NDArray[np.float32]:
    """Kernel of a steady motion, whose length is the root of 12 times its standard deviation."""
    half = np.sqrt(12) * sigma / 2
    reach = int(half) + 2
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for step in np.arange(-half, half + 0.125, 0.25):
        shift = np.float32([[1, 0, step * np.cos(angle)], [0, 1, step * np.sin(angle)]])
        point = np.zeros_like(kernel)
        point[reach, reach] = 1
        kernel += cv2.warpAffine(point, shift, kernel.shape[::-1])
    return kernel / kernel.sum()


def with_blur(sharp: Picture, rng: np.random.Generator, *, motion: bool) -> tuple[Picture, NDArray]:
    """A sharp subject before a blurred ground, and its mask (1 sharp).

    The ground is blurred without the subject, whose colours would leave a halo in it.
    """
    height, width = sharp.shape[:2]
    knots = rng.standard_normal((4, 4)).astype(np.float32)
    shape = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    subject = shape > np.quantile(shape, rng.uniform(*BLURRED_SHARE))
    sigma = rng.uniform(*SIGMA)
    kernel = line(sigma, rng.uniform(0, np.pi)) if motion else disc(sigma)
    ground = (~subject).astype(np.float32)
    weight = cv2.filter2D(ground, -1, kernel, borderType=cv2.BORDER_REFLECT)
    blurred = cv2.filter2D(sharp * ground[..., None], -1, kernel, borderType=cv2.BORDER_REFLECT)
    blurred /= np.maximum(weight, 1e-4)[..., None]
    return np.where(subject[..., None], sharp, blurred).clip(0, 1), subject.astype(np.uint8)


def write_blurred(out: Path, name: str, picture: Picture, number: int) -> None:
    """Write a picture with blur and its mask; every second one moves."""
    made, mask = with_blur(picture, np.random.default_rng([number, 2]), motion=bool(number % 2))
    write_png(out / "HR" / f"{name}.png", to_uint8(made))
    write_png(out / "mask" / f"{name}.png", mask * 255)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path("data/pbasr_small"))
    arguments = parser.parse_args()
    for number, (name, picture) in enumerate(training(arguments.folder)):
        if number % 2 == 0:
            write_png(arguments.out / "general" / f"{name}.png", to_uint8(picture))
        else:
            write_blurred(arguments.out / "blur", name, picture, number // 2)
    for number, (name, picture) in enumerate(testing(arguments.folder)):
        write_blurred(arguments.out / "blur_test", name, picture, number)
        if number % 4 == 0:
            write_png(arguments.out / "general_test" / f"{name}.png", to_uint8(picture))


if __name__ == "__main__":
    main()
