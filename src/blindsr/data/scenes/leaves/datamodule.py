"""Embedded occlusion scenes for Lightning: everything that an estimator of blur learns from."""

from __future__ import annotations

from typing import Any

from blindsr.data.files.source_values import whole
from blindsr.data.loading.checked_options import LARGEST_SIDE, check_number, check_whole
from blindsr.data.loading.datamodule import PairedDataModule
from blindsr.data.scenes.leaves.dataset import BlurredPictures
from blindsr.data.scenes.leaves.samples import SIGMA_MAX
from blindsr.errors import ConfigError

_MULTIPLE = 16


class LeafScenes(PairedDataModule):
    """Dead leaves, photographs and rooms out of focus, nothing to download.

    Batches hold ``lr`` and ``blur`` of the same size: sigma is in pixels of the picture (scale 1),
    true standard deviations from 0 to 10. There is no HR picture.

    Args:
        count: pictures of one epoch; every epoch has new ones.
        val_count: held-out pictures, of scenes and a photograph that no training sees.
        size: of the square pictures, a multiple of 16.
        scenes: different scenes of leaves; each is seen with many focus planes.
        reduced: share of the training pictures that are reduced by 4 as the LR pictures of
            :class:`~blindsr.data.RestorationScenes`: they show more on each pixel.
        reduced_pictures: different ones of these; 1.7 MB each in every worker at 128 pixels.
        options: see the base class.

    Raises:
        ConfigError: an argument is out of range.
    """

    sigma_max = SIGMA_MAX

    def __init__(
        self,
        *,
        count: int = 6000,
        val_count: int = 60,
        size: int = 160,
        scenes: int = 600,
        reduced: float = 0.0,
        reduced_pictures: int = 600,
        batch_size: int = 3,
        num_workers: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(scale=1, batch_size=batch_size, num_workers=num_workers, **options)
        self.hparams.pop("scale", None)  # no argument of this class; absent on the command line
        for name, value in (
            ("count", count),
            ("val_count", val_count),
            ("scenes", scenes),
            ("reduced_pictures", reduced_pictures),
        ):
            check_whole(name, value, least=1, most=10**9)
        check_number("reduced", reduced, most=1)
        if not whole(size, least=_MULTIPLE, most=LARGEST_SIDE) or size % _MULTIPLE:
            raise ConfigError("size", found=str(size), expected=f"a multiple of {_MULTIPLE}")
        self.count, self.val_count, self.size, self.scenes = count, val_count, size, scenes
        self.reduced, self.reduced_pictures = float(reduced), reduced_pictures

    def setup(self, stage: str | None = None) -> None:
        """Make the data sets; pictures are drawn when they are asked for."""
        if stage in (None, "fit"):
            self.train_set = BlurredPictures(
                seed=self.seed,
                count=self.count,
                size=self.size,
                scenes=self.scenes,
                reduced=self.reduced,
                reduced_pictures=self.reduced_pictures,
            )
        self.val_set = self._held_out(1, self.val_count)
        self.test_sets = [self._held_out(2, self.val_count)]

    def _held_out(self, series: int, count: int) -> BlurredPictures:
        return BlurredPictures(
            seed=self.seed + series,
            count=count,
            size=self.size,
            scenes=count,
            held_out=True,
        )
