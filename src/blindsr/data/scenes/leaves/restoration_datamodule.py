"""Sharp and defocused embedded pictures for Lightning: what the restorer in the box learns from."""

from __future__ import annotations

from typing import Any

from blindsr.data.files.source_values import LARGEST_SIGMA, whole
from blindsr.data.loading.checked_options import (
    LARGEST_SIDE,
    check_choice,
    check_flags,
    check_number,
    check_whole,
)
from blindsr.data.loading.datamodule import PairedDataModule
from blindsr.data.scenes.leaves.restoration import RestorationPictures
from blindsr.data.scenes.leaves.samples import Widths
from blindsr.errors import ConfigError
from blindsr.imaging.resize import DOWNSAMPLERS, Downsampler


class RestorationScenes(PairedDataModule):
    """Dead leaves, photographs and rooms as LR and sharp HR pairs, nothing to download.

    Training batches hold ``lr`` with the noise and JPEG of a camera, ``hr`` and ``blur`` in HR
    pixels (true standard deviations). Validation and test pictures are whole and clean, of scenes
    and a photograph that no training sees.

    Args:
        count: samples of one epoch; every epoch has new ones.
        pictures: different pictures that samples are crops of; 1.3 MB each in every worker.
        val_count: held-out pictures.
        size: of the square pictures in HR pixels, a multiple of ``scale``.
        crop: of the square samples in LR pixels.
        downsampler: how LR is taken from the blurred picture.
        sigma_max: largest sigma in HR pixels.
        sharp: share of the training samples that are not blurred at all.
        mixed: training samples come from ``area`` and ``bicubic`` reduction by turns; validation
            and test pictures from ``downsampler``.
        widths: how the largest sigma of a training picture is drawn: ``octaves``, as often from 1
            to 2 as from 4 to 8, or ``even``, which gives wider blur.
        blurred: training samples hold ``blurred``, too: the HR picture out of focus, for an
            estimator that learns with the restorer and must not forget wide blur.
        options: see the base class.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        count: int = 6000,
        pictures: int = 600,
        val_count: int = 24,
        size: int = 384,
        crop: int = 64,
        downsampler: Downsampler = "area",
        sigma_max: float = 8.0,
        sharp: float = 0.0,
        mixed: bool = False,
        widths: Widths = "octaves",
        blurred: bool = False,
        batch_size: int = 3,
        num_workers: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, **options)
        for name, value in (("count", count), ("val_count", val_count), ("pictures", pictures)):
            check_whole(name, value, least=1, most=10**9)
        check_choice("downsampler", downsampler, DOWNSAMPLERS)
        check_number("sigma_max", sigma_max, most=LARGEST_SIGMA)
        if not whole(size, least=self.scale, most=LARGEST_SIDE) or size % self.scale:
            raise ConfigError("size", found=str(size), expected=f"a multiple of {self.scale}")
        check_whole("crop", crop, least=1, most=size // self.scale)
        self.downsampler, self.sigma_max = downsampler, float(sigma_max)
        self.count, self.pictures, self.val_count = count, pictures, val_count
        check_number("sharp", sharp, most=1)
        self.size, self.crop = size, crop
        check_flags(mixed=mixed, blurred=blurred)
        check_choice("widths", widths, ("octaves", "even"))
        self.widths: Widths = widths
        self.sharp, self.mixed, self.blurred = float(sharp), mixed, blurred

    def setup(self, stage: str | None = None) -> None:
        """Make the data sets; pictures are drawn when they are asked for."""
        if stage in (None, "fit"):
            self.train_set = self._pictures(0, self.count, self.pictures, crop=self.crop)
        self.val_set = self._pictures(1, self.val_count, self.val_count)
        self.test_sets = [self._pictures(2, self.val_count, self.val_count)]

    def _pictures(
        self, series: int, count: int, pictures: int, *, crop: int | None = None
    ) -> RestorationPictures:
        """Pictures for a training; without a crop held-out ones, whole and of one downsampler."""
        held_out = crop is None
        return self._made(
            held_out=held_out,
            clean=held_out,
            seed=self.seed + series,
            count=count,
            scale=self.scale,
            downsampler=self.downsampler,
            sigma_max=self.sigma_max,
            pictures=pictures,
            size=self.size,
            crop=crop,
            sharp=0.0 if held_out else self.sharp,
            mixed=self.mixed and not held_out,
            widths="octaves" if held_out else self.widths,
            blurred=self.blurred and not held_out,
        )

    def _made(self, *, held_out: bool, clean: bool, **options: Any) -> RestorationPictures:
        """What another source of pictures writes anew."""
        return RestorationPictures(held_out=held_out, clean=clean, **options)
