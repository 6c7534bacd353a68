"""Pictures that are a function of their number, of which scenes are kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from torch.utils.data import Dataset

from blindsr.data.loading.samplers import Draw
from blindsr.data.scenes.leaves.samples import leaf_scene
from blindsr.data.scenes.leaves.scene import LeafScene
from blindsr.types import Sample


class NumberedPictures(Dataset[Sample]):
    """Base of the embedded pictures: their random numbers and their scenes of leaves.

    Picture ``i`` depends on the seed and ``i`` alone (and on the seed of a
    :class:`~blindsr.data.loading.samplers.Draw`), not on the number of workers.

    Args:
        seed: of the series.
        count: number of pictures.
        size: height and width.
        held_out: no scene and no photograph that a training sees.
    """

    series: int
    """Tells the scenes of one subclass from those of another."""
    kept: int
    """Scenes in memory."""

    def __init__(self, *, seed: int, count: int, size: int, held_out: bool) -> None:
        self.seed, self.count, self.size, self.held_out = seed, count, size, held_out
        self._remember()

    def __len__(self) -> int:
        return self.count

    def numbered(self, index: int | Draw) -> tuple[int, np.random.Generator]:
        """Position of a picture and its random numbers.

        Raises:
            IndexError: there is no such picture.
        """
        position, *epoch = index if isinstance(index, Draw) else (index,)
        if not 0 <= position < self.count:
            message = f"picture {position} of {self.count}"
            raise IndexError(message)
        return position, self.random(position, *epoch)

    def random(self, *numbers: int) -> np.random.Generator:
        """Random numbers of this series alone."""
        return np.random.default_rng([self.seed, int(self.held_out), *numbers])

    def _draw_scene(self, number: int) -> LeafScene:
        rng = self.random(number, self.series)
        return leaf_scene(rng, self.size, self.size, held_out=self.held_out)

    def _remember(self) -> None:
        self._scene: Callable[[int], LeafScene] = lru_cache(maxsize=self.kept)(self._draw_scene)

    def __getstate__(self) -> dict[str, object]:
        """A worker starts with an empty memory."""
        return {k: v for k, v in vars(self).items() if not hasattr(v, "cache_info")}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._remember()
