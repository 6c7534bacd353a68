"""What a model makes of pictures whose blur is known: embedded scenes and a photograph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blindsr.drawing.crops import choose_boxes, crop_side
from blindsr.drawing.grid import Row, Tile, draw_grid
from blindsr.drawing.page import GAP, MARGIN, Boxes, Page, box_colour
from blindsr.drawing.palette import ERROR_COLORMAP, blur_to_rgb, colour_scale
from blindsr.imaging.files import to_uint8
from blindsr.imaging.resize import downsample, phase, upsample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from blindsr.restore import Restorer

Image = NDArray[np.float32]
SCALE, SIGMA_MAX = 4, 8.0  # sigma in HR pixels: 2 pixels of the picture given
SIZE = (320, 416)
BICUBIC, NO_MAP, ESTIMATED, TRUE = "bicubic", "no map", "estimated map", "true map"
METHODS = (BICUBIC, NO_MAP, ESTIMATED, TRUE)
_LEAVES_SEED = 6
_ROOM, _FOCUS_RANK = (7, 1_000_004), 0.05
_FACE, _FACE_RADIUS, _SLOPE = (0.2, 0.44), 0.13, 16.0  # in widths of the picture, HR px per width
_ERROR_END = SIGMA_MAX / 2
_TILE = 256


@dataclass(frozen=True)
class Case:
    """A picture whose blur is known.

    Attributes:
        name: of the picture.
        lr: (h, w, 3) in [0, 1], 8 bit.
        hr: (4h, 4w, 3) sharp.
        blur: (4h, 4w) true sigma in HR pixels.
    """

    name: str
    lr: Image
    hr: Image
    blur: Image


@dataclass(frozen=True)
class Look:
    """What a model makes of a case.

    Attributes:
        case: which.
        blur: estimated sigma, HR pixels.
        blur_scale: Laplace scale of its error, or ``None``.
        results: of :data:`METHODS`.
        psnr: of each in dB, on luma.
    """

    case: Case
    blur: Image
    blur_scale: Image | None
    results: dict[str, Image]
    psnr: dict[str, float]

    @property
    def correlation(self) -> float:
        """Of estimated and true sigma."""
        return float(np.corrcoef(self.blur.ravel(), self.case.blur.ravel())[0, 1])


def cases() -> list[Case]:
    """scikit-image's `astronaut` (CC0), overlapping leaves and a room; no training saw them."""
    from blindsr.data.scenes.leaves.samples import defocused_scene, leaf_scene

    rng = np.random.default_rng(_LEAVES_SEED)
    leaves = defocused_scene(leaf_scene(rng, *SIZE, held_out=True), rng, SIGMA_MAX, with_sharp=True)
    assert leaves.sharp is not None
    return [
        _photograph(),
        _case("dead leaves", leaves.sharp, leaves.picture, leaves.blur),
        _room(),
    ]


def _photograph() -> Case:
    """Sharp at the face, and the softer the farther from it."""
    from blindsr.data.scenes.photographs import photograph
    from blindsr.degradation.gather import gather_blur

    hr = photograph("astronaut")[:416].astype(np.float32) / np.float32(255)
    rows, columns = np.mgrid[: hr.shape[0], : hr.shape[1]] / np.float32(hr.shape[1])
    away = np.hypot(rows - _FACE[0], columns - _FACE[1])
    blur = np.clip(_SLOPE * (away - _FACE_RADIUS), 0, SIGMA_MAX).astype(np.float32)
    return _case("astronaut", hr, gather_blur(hr, blur, sigma_max=SIGMA_MAX), blur)


def _room() -> Case:
    """In focus in front, with exact occlusion."""
    from blindsr.data.scenes.render import render_scene
    from blindsr.degradation.defocus import sigma_from_depth
    from blindsr.degradation.layered import layered_blur

    frame = render_scene(*_ROOM, SIZE)
    sharp = frame.rgb.astype(np.float32) / np.float32(255)
    blur = sigma_from_depth(frame.depth, sigma_max=SIGMA_MAX, focus_rank=_FOCUS_RANK)
    blur = np.round(blur * 8) / np.float32(8)  # few layers
    wide = 2 * SIGMA_MAX  # a window that cuts nothing off
    blurred = layered_blur(sharp, blur, frame.depth, sigma_max=wide, merge_coc=0.5)
    return _case("room", sharp, blurred, blur)


def _case(name: str, hr: Image, blurred: Image, blur: Image) -> Case:
    lr = to_uint8(downsample(blurred, SCALE, "bicubic"))
    return Case(name, lr.astype(np.float32) / np.float32(255), hr, blur)


def look(model: Restorer, case: Case) -> Look:
    """Estimate, and restore with the model's own map, with the truth and as if nothing blurred."""
    from blindsr.restore import Restorer

    told = Restorer(replace(model._model, estimator=None))
    maps = model.estimate(case.lr)
    results = {
        BICUBIC: upsample(case.lr, SCALE, phase=phase("bicubic", SCALE)),
        NO_MAP: told.upscale(case.lr, blur=0.0),
        ESTIMATED: model.upscale(case.lr, keep_blur=0.0),
        TRUE: told.upscale(case.lr, blur=case.blur),
    }
    results = {name: np.clip(image, 0, 1) for name, image in results.items()}
    scores = {name: _psnr(image, case.hr) for name, image in results.items()}
    return Look(case, np.maximum(maps.blur, 0), maps.blur_scale, results, scores)


def _psnr(image: Image, hr: Image) -> float:
    import torch

    from blindsr.metrics import psnr_y

    one, other = (
        torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None] for x in (image, hr)
    )
    return float(psnr_y(one, other))


def as_table(looks: Sequence[Look]) -> Table:
    """PSNR of every method, and how the estimated sigma follows the truth."""
    from rich.table import Table

    table = Table(title="The model in the box: PSNR in dB", title_justify="left")
    for name in ("picture", *METHODS, "correlation of sigma"):
        table.add_column(name, justify="left" if name == "picture" else "right")
    for one in looks:
        scores = [f"{one.psnr[name]:.2f}" for name in METHODS]
        table.add_row(one.case.name, *scores, f"{one.correlation:+.2f}")
    means = [f"{np.mean([one.psnr[name] for one in looks]):.2f}" for name in METHODS]
    table.add_row("mean", *means, f"{np.mean([one.correlation for one in looks]):+.2f}")
    return table


def box_page(looks: Sequence[Look], title: str) -> Page:
    """Draw, for every case, the picture and its maps, and below them what each method made.

    Args:
        looks: at least one.
        title: a line above.
    """
    page = Page(title)
    for one in looks:
        _draw_maps(page, one)
        _draw_crops(page, one)
    return page


def _draw_maps(page: Page, one: Look) -> None:
    tiles = {
        f"{one.case.name}: LR": Tile(to_uint8(one.case.lr), _boxes(one, 1 / SCALE)),
        "true sigma": Tile(blur_to_rgb(one.case.blur, SIGMA_MAX)),
        "estimated sigma": Tile(
            blur_to_rgb(one.blur, SIGMA_MAX), note=f"correlation {one.correlation:.2f}"
        ),
    }
    if one.blur_scale is not None:
        share = one.blur_scale / np.float32(_ERROR_END)
        tiles["uncertainty"] = Tile(colour_scale(share, ERROR_COLORMAP))
    tiles["restored"] = Tile(to_uint8(one.results[ESTIMATED]), _boxes(one))
    top = page.bottom + (2 * GAP if page.items else 0)
    grid = draw_grid(page, MARGIN, top, _TILE, list(tiles), [Row(list(tiles.values()))])
    left, width = grid.span(1, 2)
    below = grid.bottom + GAP // 2
    page.bar(left, below, width, end=SIGMA_MAX, label="sigma [HR px]")
    if one.blur_scale is not None:
        left, width = grid.span(3, 3)
        label = "expected error of sigma [HR px]"
        page.bar(
            *(left, below, width),
            colormap=ERROR_COLORMAP,
            end=_ERROR_END,
            label=label,
            open_end=True,
        )


def _draw_crops(page: Page, one: Look) -> None:
    """Crops of every method in the frames that are marked above."""
    images = {**one.results, "HR": one.case.hr}
    headings = [f"{name}, {one.psnr[name]:.2f} dB" if name in one.psnr else name for name in images]
    side = _side(one)
    rows = [
        Row(
            [
                Tile(to_uint8(image[y : y + side, x : x + side]), frame=box_colour(index))
                for image in images.values()
            ]
        )
        for index, (y, x) in enumerate(_corners(one))
    ]
    draw_grid(page, MARGIN, page.bottom + GAP, _TILE, headings, rows)


def _side(one: Look) -> int:
    return crop_side(*one.case.hr.shape[:2])


def _corners(one: Look) -> list[tuple[int, int]]:
    bicubic, restored = (one.results[name] for name in (BICUBIC, ESTIMATED))
    return choose_boxes(bicubic, [restored], reference=one.case.hr, count=2, side=_side(one))


def _boxes(one: Look, share: float = 1.0) -> Boxes:
    side = _side(one) * share
    return Boxes([(y * share, x * share) for y, x in _corners(one)], (side, side))
