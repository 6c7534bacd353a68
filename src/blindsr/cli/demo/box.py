"""What a model makes of pictures whose blur is known: embedded scenes and a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blindsr.data.scenes.known_blur import SCALE, SIGMA_MAX, Case
from blindsr.drawing.crops import choose_boxes, crop_side
from blindsr.drawing.grid import Row, Tile, draw_grid
from blindsr.drawing.page import GAP, MARGIN, Boxes, Page, box_colour
from blindsr.drawing.palette import ERROR_COLORMAP, blur_to_rgb, colour_scale
from blindsr.drawing.scales import draw_bar, draw_sigma_bar
from blindsr.imaging.files import to_uint8
from blindsr.imaging.resize import phase, upsample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from blindsr.restore import Restorer

Image = NDArray[np.float32]
BICUBIC, NO_MAP, ESTIMATED, TRUE = "bicubic", "no map", "estimated map", "true map"
METHODS = (BICUBIC, NO_MAP, ESTIMATED, TRUE)
_ERROR_END = SIGMA_MAX / 2
_TILE = 256


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


def look(model: Restorer, case: Case) -> Look:
    """Estimate, and restore with the model's own map, with the truth and as if nothing blurred."""
    told = model.without_estimator()
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
    draw_sigma_bar(page, left, below, width, (one.case.blur, one.blur), end=SIGMA_MAX)
    if one.blur_scale is not None:
        left, width = grid.span(3, 3)
        label = "expected error of sigma [HR px]"
        draw_bar(
            page,
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
