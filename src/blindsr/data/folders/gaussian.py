"""Data module of HR pictures without depth, blurred by Gaussian kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from blindsr.data.files.source_values import LARGEST_SIGMA
from blindsr.data.loading.checked_options import (
    LARGEST_SIDE,
    check_choice,
    check_number,
    check_whole,
    is_list,
)
from blindsr.data.pbasr.hr_folder import HRFolder
from blindsr.degradation.random.by_name import Degradation
from blindsr.degradation.random.gaussian import (
    MANET_TAPS,
    GaussianBlur,
    KernelKind,
    Placement,
    Variation,
)
from blindsr.errors import ConfigError
from blindsr.imaging.resize import DOWNSAMPLERS, Downsampler

_LOW, _HIGH = 0.175, 2.5  # of MANet, times the scale: 0.7 to 10 for x4


class GaussianFolder(HRFolder):
    """Random patches of HR pictures under random Gaussian kernels: ``lr``, ``hr``, ``blur``.

    ``blur`` is sigma in HR pixels; of an anisotropic kernel that of the isotropic one of equal
    variance.

    Args:
        folders: of HR pictures, searched as :func:`blindsr.data.pbasr.hr_files.find_hr` says.
        kernel: "isotropic" or "anisotropic" (elliptic, at any angle).
        sigma: smallest and largest standard deviation of isotropic kernels in HR pixels; None is
            MANet's range, [0.7, 10] for x4.
        variance: the same of both axes of anisotropic kernels, but the *variance*, as MANet draws;
            the shorter axis is drawn below the longer one.
        vary: "uniform" draws one kernel for each patch (and each picture of a test), "tiles" one
            for each tile of it.
        tile: side of tiles in HR pixels.
        downsampler: how LR is taken from the blurred HR.
        placement: "centred", or "manet" for LR that is shifted as that of MANet's release.
        options: see the base classes.

    Raises:
        ConfigError: an argument is out of range, or has no effect on this kind of kernel.
        FileError: in ``setup``: a folder is missing.
        DataError: in ``setup``: a folder holds no picture, one too small, or one without partner.
    """

    def __init__(
        self,
        folders: Sequence[str] = ("data/DIV2K", "data/Flickr2K"),
        *,
        kernel: KernelKind = "isotropic",
        sigma: list[float] | None = None,
        variance: list[float] | None = None,
        vary: Variation = "uniform",
        tile: int = 40,
        downsampler: Downsampler = "sfold",
        placement: Placement = "centred",
        **options: Any,
    ) -> None:
        super().__init__(folders, degradation="sfold", sharpen=False, **options)
        check_choice("kernel", kernel, get_args(KernelKind))
        check_choice("vary", vary, get_args(Variation))
        check_choice("placement", placement, get_args(Placement))
        check_choice("downsampler", downsampler, DOWNSAMPLERS)
        check_whole("tile", tile, least=1, most=LARGEST_SIDE)
        isotropic = kernel == "isotropic"
        name, other = ("sigma", "variance") if isotropic else ("variance", "sigma")
        wanted, unused = (sigma, variance) if isotropic else (variance, sigma)
        if unused is not None:
            raise ConfigError(other, found=f"a range for {kernel} kernels", expected=f"{name}")
        if placement == "manet":
            self._check_placement(downsampler)
        low, high = self._range(name, wanted)
        self.kernels = GaussianBlur(kernel, low, high, vary, tile, downsampler, placement)
        self.sigma_max, self.downsampler = self.kernels.sigma_max, downsampler
        self.degradation = Degradation(downsampler, make_blurred=self.kernels)
        self.patch.degradation = self.degradation

    @property
    def phase(self) -> float:
        """HR position of LR pixel 0; MANet's LR lies half a pixel up and left of the middle."""
        return -(self.scale - 1) / 2 if self.kernels.placement == "manet" else super().phase

    def _range(self, name: str, wanted: list[float] | None) -> tuple[float, float]:
        if wanted is None:
            return _LOW * self.scale, _HIGH * self.scale
        if not is_list(wanted) or len(wanted) != 2:
            raise ConfigError(name, found=repr(wanted), expected="two numbers, such as [0.7, 10]")
        most = LARGEST_SIGMA if name == "sigma" else LARGEST_SIGMA**2
        for value in wanted:
            check_number(name, value, most=most, above=True)
        if wanted[0] > wanted[1]:
            raise ConfigError(name, found=str(list(wanted)), expected="the smaller one first")
        return float(wanted[0]), float(wanted[1])

    def _check_placement(self, downsampler: str) -> None:
        if downsampler != "sfold":
            raise ConfigError(
                "placement", found=f"manet with {downsampler}", expected="downsampler: sfold"
            )
        if self.scale >= MANET_TAPS:
            raise ConfigError("scale", found=str(self.scale), expected=f"below {MANET_TAPS}")
