"""From the options of a DataModule to what happens to its training samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from blindsr.data.augment.on_the_fly import Regenerate
from blindsr.data.augment.paired import FlipAlignment, PairedTransform
from blindsr.data.augment.zoom import RandomZoom, Zoom
from blindsr.data.loading.checked_options import check_choice, check_flags, check_number
from blindsr.degradation.paired import Operator
from blindsr.errors import ConfigError
from blindsr.imaging.resize import Downsampler, phase


def training_transform(
    *,
    scale: int,
    sigma_max: float,
    downsampler: Downsampler,
    operator: Operator,
    iva: float,
    crop: Sequence[int] | None,
    flip: bool | Literal["paper"],
    vertical_flip: bool,
    transpose: bool,
    zoom: Zoom | None,
    zoom_factors: Sequence[float],
    wraparound: bool,
    on_the_fly: bool,
    photometric: float,
) -> PairedTransform | Regenerate:
    """Return the transform of frozen pairs, or of sharp pictures if ``on_the_fly``.

    Raises:
        ConfigError: options that exclude each other.
    """
    check_choice("flip", flip, (True, False, "paper"))
    check_choice("operator", operator, get_args(Operator))
    check_number("photometric", photometric, most=1)
    check_flags(
        vertical_flip=vertical_flip,
        transpose=transpose,
        wraparound=wraparound,
        on_the_fly=on_the_fly,
    )
    if on_the_fly:
        _check_on_the_fly(flip, zoom, wraparound)
        return Regenerate(
            scale=scale,
            sigma_max=sigma_max,
            downsampler=downsampler,
            operator=operator,
            iva=iva,
            crop=crop,
            horizontal=bool(flip),
            vertical=vertical_flip,
            transpose=transpose,
            zoom_factors=zoom_factors if zoom else (1.0,),
            photometric=photometric,
        )
    if photometric:
        raise ConfigError(
            "photometric",
            found=f"{photometric:g} for LR pictures that are already made",
            expected="0, or on_the_fly: true",
        )
    if wraparound and zoom is None:
        raise ConfigError("wraparound", found="true without zoom", expected="zoom: paper")
    position = phase(downsampler, scale)
    alignment: FlipAlignment = "paper" if flip == "paper" else "exact"
    return PairedTransform(
        scale=scale,
        phase=position,
        crop=crop,
        horizontal=bool(flip),
        vertical=vertical_flip,
        transpose=transpose,
        alignment=alignment,
        zoom=None
        if zoom is None
        else RandomZoom(
            zoom,
            scale=scale,
            phase=position,
            sigma_max=sigma_max,
            factors=zoom_factors,
            wraparound=wraparound,
        ),
    )


def _check_on_the_fly(flip: bool | str, zoom: str | None, wraparound: bool) -> None:
    """Refuse what only frozen pairs have."""
    for key, wrong, allowed in (
        ("flip", flip == "paper", "true or false"),
        ("zoom", zoom not in (None, "physical"), "physical or null"),
        ("wraparound", wraparound, "false"),
    ):
        if wrong:
            found = {"flip": flip, "zoom": zoom, "wraparound": wraparound}[key]
            raise ConfigError(
                key, found=f"{found!r} with on_the_fly", expected=f"{allowed}: blur is made anew"
            )
