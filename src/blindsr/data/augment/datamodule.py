"""Base of the data modules with blur and seg: arguments of the augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from blindsr.data.augment.blur_draw import IVA_SHARE
from blindsr.data.augment.on_the_fly import Regenerate
from blindsr.data.augment.paired import PairedTransform
from blindsr.data.augment.zoom import ZOOM_FACTORS, RandomZoom, Zoom
from blindsr.data.files.source_values import LARGEST_SIGMA
from blindsr.data.loading.checked_options import check_choice, check_flags, check_number, is_list
from blindsr.data.loading.datamodule import PairedDataModule
from blindsr.degradation.paired import Operator
from blindsr.errors import ConfigError
from blindsr.imaging.resize import DOWNSAMPLERS, Downsampler


class AugmentedDataModule(PairedDataModule):
    """Makes ``transform``, which turns a picture into a training sample.

    Args:
        sigma_max: largest sigma in HR pixels.
        downsampler: how LR is taken from the blurred HR.
        operator: blur that varies across the picture: "gather" (fast) or "layered" (with
            occlusion), see :func:`blindsr.degradation.paired.degrade`.
        crop: LR height and width of random training crops; None trains on whole pictures.
        flip: mirror left-right: True keeps LR and HR aligned, "paper" mirrors as the released
            code does (HR off by ``scale - 1`` pixels), False is off.
        vertical_flip: mirror top-bottom as well.
        transpose: swap the axes at random; needs a square ``crop``.
        zoom: enlarge samples at random by ``zoom_factors``. "physical" multiplies sigma by the
            factor and leaves out factors that would exceed ``sigma_max``; "paper" is the released
            code's arithmetic, which divides sigma; None is off. See
            :class:`blindsr.data.augment.zoom.RandomZoom`.
        zoom_factors: drawn from with equal probability.
        wraparound: with ``zoom: paper``, wrap overshoot around in 8 bit as the released code does.
        on_the_fly: draw focus, sigma, zoom and crop of every training sample anew in every epoch
            and blur the sharp picture again.
        photometric: with ``on_the_fly``, strength 0..1 of changes of colour before the blur.
        deliver: what samples hold besides pictures, blur and classes: ``depth`` or nothing.
        iva_only: train on invariantly blurred pictures alone (an ablation).

    Raises:
        ConfigError: an argument is out of range, or two exclude each other.
    """

    iva: float = 1 / IVA_SHARE
    """Share of pictures with one sigma everywhere. A subclass may set it before this class makes
    the transform."""

    def __init__(
        self,
        *,
        sigma_max: float = 5.0,
        downsampler: Downsampler = "sfold",
        operator: Operator = "gather",
        crop: list[int] | None = None,
        flip: bool | Literal["paper"] = True,
        vertical_flip: bool = False,
        transpose: bool = False,
        zoom: Zoom | None = None,
        zoom_factors: Sequence[float] = ZOOM_FACTORS,
        wraparound: bool = False,
        on_the_fly: bool = False,
        photometric: float = 0.0,
        deliver: Sequence[str] = (),
        iva_only: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_number("sigma_max", sigma_max, most=LARGEST_SIGMA, above=True)
        check_choice("flip", flip, (True, False, "paper"))
        check_choice("downsampler", downsampler, DOWNSAMPLERS)
        check_choice("operator", operator, get_args(Operator))
        check_number("photometric", photometric, most=1)
        check_flags(
            vertical_flip=vertical_flip,
            transpose=transpose,
            wraparound=wraparound,
            on_the_fly=on_the_fly,
            iva_only=iva_only,
        )
        if not is_list(deliver) or not set(deliver) <= {"depth"}:
            raise ConfigError("deliver", found=repr(deliver), expected="[depth] or []")
        self.with_depth = "depth" in deliver
        self.sigma_max, self.iva_only = sigma_max, iva_only
        self.downsampler: Downsampler = downsampler
        self.operator: Operator = operator
        flips = {"horizontal": bool(flip), "vertical": vertical_flip, "transpose": transpose}
        if on_the_fly:
            _check_on_the_fly(flip=flip, zoom=zoom, wraparound=wraparound)
            self.transform: PairedTransform | Regenerate = Regenerate(
                scale=self.scale,
                sigma_max=sigma_max,
                downsampler=downsampler,
                operator=operator,
                iva=1.0 if iva_only else self.iva,
                crop=crop,
                zoom_factors=zoom_factors if zoom else (1.0,),
                photometric=photometric,
                depth=self.with_depth,
                **flips,
            )
            return
        _check_frozen(photometric=photometric, zoom=zoom, wraparound=wraparound)
        self.transform = PairedTransform(
            scale=self.scale,
            phase=self.phase,
            crop=crop,
            alignment="paper" if flip == "paper" else "exact",
            zoom=None
            if zoom is None
            else RandomZoom(
                zoom,
                scale=self.scale,
                phase=self.phase,
                sigma_max=sigma_max,
                factors=zoom_factors,
                wraparound=wraparound,
            ),
            **flips,
        )


def _check_on_the_fly(*, flip: bool | str, zoom: str | None, wraparound: bool) -> None:
    """Refuse what only pictures with fixed blur have."""
    for key, found, allowed in (
        ("flip", flip == "paper" and flip, "true or false"),
        ("zoom", zoom != "physical" and zoom, "physical or null"),
        ("wraparound", wraparound, "false"),
    ):
        if found:
            raise ConfigError(
                key, found=f"{found!r} with on_the_fly", expected=f"{allowed}: blur is made anew"
            )


def _check_frozen(*, photometric: float, zoom: str | None, wraparound: bool) -> None:
    """Refuse what has no effect on pictures with fixed blur."""
    if photometric:
        raise ConfigError(
            "photometric",
            found=f"{photometric:g} for LR pictures that are already made",
            expected="0, or on_the_fly: true",
        )
    if wraparound and zoom is None:
        raise ConfigError("wraparound", found="true without zoom", expected="zoom: paper")
