"""Restore pictures and estimate their blur: :func:`blindsr.load` and what it returns.

>>> import blindsr
>>> model = blindsr.load("weights.safetensors")  # doctest: +SKIP
>>> sharp = model.upscale(image)  # doctest: +SKIP
>>> blur, seg = model.estimate(image)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import Downsampler, upsample
from blindsr.inference import abilities
from blindsr.inference.blur.consistency import Consistency, ConsistencyMeter
from blindsr.inference.blur.in_box import default_keep_blur
from blindsr.inference.blur.kept import Blend, check_share
from blindsr.inference.eightfold import turned_runs
from blindsr.inference.hub_model import HubModel
from blindsr.inference.model import Precision
from blindsr.inference.open_model import open_model, pick_device, pick_precision
from blindsr.inference.phase_probe import find_phase, phase_pattern
from blindsr.inference.pictures import Picture, read_pictures
from blindsr.inference.results import Maps, Strip
from blindsr.inference.tiles.plan import plan_run, smallest_side
from blindsr.inference.tiles.progress import Progress
from blindsr.inference.tiles.sizes import TileChoice

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from blindsr.inference.sampling import SampledRun
    from blindsr.networks.cost import Cost
    from blindsr.types import DataFacts

__all__ = ["Consistency", "Maps", "Restorer", "Strip", "load"]


def load(
    source: str | Path | None = None,
    *,
    device: str | torch.device = "auto",
    precision: Precision = "auto",
    layout: Literal["fixed", "legacy"] | None = None,
) -> Restorer:
    """Load a model that is ready to restore pictures.

    Args:
        source: a checkpoint of ``lightning fit``, an export of ``blindsr convert``, an official
            ``.pth``, any network that spandrel reads (ESRGAN, SwinIR, HAT and so on), or
            ``"small"``, the network that comes with the package, which is the default; another
            name that ``blindsr models`` lists; or ``"hf:owner/name"``, a model of the Hugging Face
            Hub in safetensors. Nothing in a file is run.
        device: ``"auto"`` (the accelerator, if there is one), ``"cpu"``, ``"cuda:1"`` and so on.
        precision: ``"float32"``, ``"bf16"`` or ``"fp16"``; ``"auto"`` is float32, but
            bfloat16 for a restorer that loses less than 0.05 dB by it (BlurSR, which is in the
            model in the box) on a CPU that computes with it.
        layout: how official files put back their windows, see
            :func:`~blindsr.weights.load_official`; other files say it themselves.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it cannot be read, or holds an unknown network.
        ConfigError: if an option has an unknown value.
    """
    return Restorer(open_model(source, pick_device(device), pick_precision(precision), layout))


class Restorer(HubModel):
    """A loaded model; made by :func:`load`. It keeps no state, so threads may share it.

    Large pictures are computed in tiles that overlap, are blended, and lie on the windows of the
    attention; means over the picture are those of the whole picture. Memory follows the tile, not
    the picture.
    """

    def without_estimator(self) -> Restorer:
        """The restorer alone, which is told what it needs: ``upscale(image, blur=...)``.

        Raises:
            ConfigError: if there is none.
        """
        abilities.require_upscaler(self._model, None, None)
        upscaler = self._model.upscaler
        alone = None if upscaler is None else upscaler.told or upscaler
        return Restorer(replace(self._model, estimator=None, upscaler=alone))

    @property
    def title(self) -> str:
        """Name of the architecture."""
        return self._model.title

    @property
    def scale(self) -> int:
        """Size of the result over size of the picture."""
        return self._model.scale

    @property
    def device(self) -> torch.device:
        """Device it runs on."""
        return self._model.device

    @property
    def sigma_max(self) -> float | None:
        """Largest sigma of its training data in HR pixels, where it is known."""
        return self._model.sigma_max

    @property
    def num_classes(self) -> int | None:
        """Classes of its class map, if it has one."""
        return self._model.num_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Their names; empty where the file has none."""
        return self._model.class_names

    @property
    def facts(self) -> DataFacts | None:
        """What its training data were: phase, window and so on; ``None`` where not known."""
        return self._model.facts

    @property
    def can_upscale(self) -> bool:
        """Whether :meth:`upscale` works."""
        return self._model.upscaler is not None

    @property
    def can_estimate(self) -> bool:
        """Whether :meth:`estimate` works: not if its file says that its maps are wrong."""
        return abilities.can_estimate(self._model)

    @property
    def shows_maps(self) -> bool:
        """Whether :meth:`strips` gives maps: its own, or those of the estimator in the box."""
        return self.can_estimate or abilities.may_look(self._model)

    @property
    def needs_maps(self) -> bool:
        """Whether :meth:`upscale` needs ``blur`` or ``seg``: a restorer without its estimator."""
        return abilities.needs_maps(self._model)

    @cached_property
    def phase(self) -> float:
        """Where it puts LR pixels, see :func:`blindsr.imaging.resize.phase`.

        Taken from the facts of its training data, else measured on a small pattern.
        """
        if self.facts is not None and self.facts.scale == self.scale:
            return self.facts.phase
        pattern = phase_pattern()
        (picture,) = read_pictures(pattern, smallest_side(self._model)).items
        strips = plan_run(self._model, picture, "auto").strips(maps=False)
        parts = [strip.sr for strip in strips if strip.sr is not None]
        return find_phase(pattern, np.concatenate(parts), self.scale)

    @property
    def downsampler(self) -> Downsampler:
        """Down-sampler of its training data; guessed from the phase where unknown."""
        if self.facts is not None and self.facts.scale == self.scale:
            return self.facts.downsampler
        return "bicubic" if self.phase else "sfold"

    @property
    def trained_for(self) -> str:
        """What its file says that it was trained for; empty if it says nothing."""
        return self._model.trained_for

    def describe(self) -> str:
        """One line: which model, from where, trained for what."""
        return abilities.describe(self._model)

    def __repr__(self) -> str:
        return f"<{self.describe()}, on {self.device}>"

    def _repr_html_(self) -> str:
        """For Jupyter: what the model is and for, in words."""
        name, _, more = self.describe().partition("; ")
        return f"<b>{escape(name)}</b><br>{escape(more)}<br>on {escape(str(self.device))}"

    def draw(self, samples: int = 1, seed: int = 0, caution: float | None = None) -> None:
        """Choose how many samples the model draws of each picture; its result is their mean.

        Args:
            samples: 1 to 100.
            seed: of their noise, 0 or more.
            caution: share of the estimated sigma that is removed, 0 to 1; ``None`` for that of the
                file.

        Raises:
            ConfigError: if the model draws none, or a number is out of range.
        """
        drawn = self._samples
        if drawn is None:
            raise ConfigError(
                "samples, seed, caution",
                found=f"{self._model.title}, which draws no samples",
                expected="an SSR model",
                fix="Leave them out, or choose another --model.",
            )
        for name, value, most in (("samples", samples, 100), ("seed", seed, 2**32 - 1)):
            least = 1 if name == "samples" else 0
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise ConfigError(name, found=repr(value), expected=f"{least} to {most}")
        caution = None if caution is None else check_share("caution", caution)
        drawn.samples, drawn.seed, drawn.caution = samples, seed, caution

    @property
    def draws_samples(self) -> bool:
        """Whether :meth:`draw` works."""
        return self._samples is not None

    @property
    def _samples(self) -> SampledRun | None:
        return None if self._model.upscaler is None else self._model.upscaler.samples

    @property
    def spread(self) -> NDArray[np.float32] | None:
        """(s*H, s*W) standard deviation of the samples of the last picture; ``None`` for none."""
        strips = list(self.spread_strips())
        return np.concatenate(strips) if strips else None

    def spread_strips(self) -> Iterator[NDArray[np.float32]]:
        """The same in strips (n, s*W) from the top; none where there is none."""
        if self._samples is not None:
            yield from self._samples.spread_strips()

    def upscale(
        self,
        image: Any,
        *,
        tile: TileChoice = "auto",
        blur: float | NDArray[np.floating] | None = None,
        seg: int | NDArray[np.integer] | None = None,
        keep_blur: float | None = None,
        strength: float = 1.0,
        tta: bool = False,
        consistency: bool = False,
    ) -> Any:
        """Restore a picture at ``scale`` times its size.

        Args:
            image: (H, W, 3) array of uint8, uint16 or float32 in [0, 1]; PIL image, upright or with
                its orientation in EXIF, whose transparency, colour profile and resolution stay; or
                floating-point tensor (3, H, W) or (N, 3, H, W) in [0, 1]; or the path of a
                picture, whose result is a PIL image.
            tile: rows and columns from one tile to the next in pixels of ``image``, rounded up to
                what the network needs; 0 computes the picture whole; ``"auto"`` keeps to about
                0.8 GB on a CPU, and to the free memory elsewhere.
            blur: for a restorer without an estimator: sigma in HR pixels, one number or a map
                (s*H, s*W).
            seg: for a restorer without an estimator: the class, one index or a map (s*H, s*W).
            keep_blur: how much of the blur stays, from 0 (none) to 1 (all that can be seen): where
                sigma is above ``0.25 / keep_blur`` pixels of ``image``, the result is the bicubic
                enlargement. ``None``: 0.3, or 0 where ``blur`` says what is to be removed.
            strength: share of the model's result, from 0 (bicubic enlargement) to 1.
            tta: mean of the results for ``image`` in its eight positions (flipped, turned): a bit
                more exact, eight times slower, and the result is held in memory as a whole.
            consistency: also measure how well the result gives back ``image``.

        Returns:
            The same kind of image: type, range and device as ``image`` has them. With
            ``consistency`` a pair: the image, and :class:`Consistency`, of a tensor
            (N, 3, H, W) a tuple of N.

        Raises:
            DataError: if the image has another shape, type or range, or a map does not fit.
            ConfigError: if the model cannot restore, needs maps, or an option is wrong.
        """
        abilities.require_upscaler(self._model, blur, seg)
        if keep_blur is None and blur is not None:
            keep_blur = 0.0
        pictures = read_pictures(image, smallest_side(self._model))
        blend = self._blend(keep_blur, strength, report=consistency)
        if tta and any(np.ndim(map_) for map_ in (blur, seg) if map_ is not None):
            raise ConfigError("tta", found="a map of yours", expected="one number, or no tta")
        runs = [
            (one, self._strips(one, tta, False, tile=tile, maps=(blur, seg), blend=blend))
            for one in pictures.items
        ]
        found: list[Consistency] = []
        strips = (self._watched(*run, found if consistency else None) for run in runs)
        result = pictures.give_back(strips, self._enlarge)
        if not consistency:
            return result
        several = pictures.kind == "tensor" and image.ndim == 4
        return result, tuple(found) if several else found[0]

    def cost(self, height: int = 180, width: int = 320) -> Cost:
        """Parameters, and FLOPs of one LR picture, as it is restored or its maps estimated.

        Of a picture of which no blur is kept: what is kept may cost less.

        Args:
            height: of the picture.
            width: of the picture.
        """
        from blindsr.networks.cost import cost_of

        picture = np.full((height, width, 3), 127, np.uint8)
        if not self.can_upscale:
            return cost_of(lambda: self.estimate(picture))
        # the estimator that decides looks, as by default, but at no sigma is anything kept
        keep = min(default_keep_blur(), 1e-9)
        return cost_of(lambda: self.upscale(picture, keep_blur=keep))

    def estimate(self, image: Any, *, tile: TileChoice = "auto") -> Maps:
        """Estimate sigma and classes of every HR pixel of a picture.

        Args:
            image: as in :meth:`upscale`.
            tile: as in :meth:`upscale`.

        Returns:
            Maps (s*H, s*W), for a tensor (N, 3, H, W) with N in front.

        Raises:
            DataError: if the image has another shape, type or range.
            ConfigError: if the model has no estimator, or ``tile`` is wrong.
        """
        abilities.require_estimator(self._model)
        pictures = read_pictures(image, smallest_side(self._model))
        found: dict[str, list[NDArray[Any]]] = {"blur": [], "seg": [], "blur_scale": []}
        for picture in pictures.items:
            strips = list(plan_run(self._model, picture, tile, upscale=False).strips(maps=True))
            for name, maps in found.items():
                parts = [getattr(strip, name) for strip in strips]
                if parts[0] is not None:
                    maps.append(np.concatenate(parts))
        whole = {name: pictures.give_maps(maps) for name, maps in found.items() if maps}
        return Maps(**{name: whole.get(name) for name in found})

    def strips(
        self,
        image: Any,
        *,
        tile: TileChoice = "auto",
        maps: bool = False,
        keep_blur: float | None = None,
        strength: float = 1.0,
        tta: bool = False,
        removed: bool = False,
        on_progress: Progress | None = None,
    ) -> Iterator[Strip]:
        """Restore one picture in strips from top to bottom, for results too large to hold.

        An estimator alone gives strips of maps, with ``maps``.

        Args:
            image: one picture as in :meth:`upscale`.
            tile: as in :meth:`upscale`.
            maps: keep the maps beside the SR image; of a model that estimates none, sigma as the
                estimator in the box sees it.
            keep_blur: as in :meth:`upscale`.
            strength: as in :meth:`upscale`.
            tta: as in :meth:`upscale`.
            removed: also return the blur that was removed, which a :class:`ConsistencyMeter` needs.
            on_progress: called with tiles done and tiles in all after every tile.

        Raises:
            DataError, ConfigError: as :meth:`upscale` and :meth:`estimate`, at once.
        """
        borrowed = maps and abilities.may_look(self._model)
        if maps and not borrowed:
            abilities.require_estimator(self._model)
        if not (maps and not self.can_upscale):
            abilities.require_upscaler(self._model, None, None)
        pictures = read_pictures(image, smallest_side(self._model))
        if len(pictures.items) != 1:
            found = f"{len(pictures.items)} pictures"
            raise DataError("image", found=found, expected="one at a time")
        blend = None
        if self.can_upscale:
            blend = self._blend(keep_blur, strength, report=removed or borrowed)
        (picture,) = pictures.items
        whole = tta and self.can_upscale
        return self._strips(picture, whole, maps, tile=tile, blend=blend, on_progress=on_progress)

    def _strips(self, picture: Picture, tta: bool, shown: bool, **plan: Any) -> Iterator[Strip]:
        """Strips of one picture, or of the mean over its positions; ``shown`` with their maps."""
        if tta:
            return turned_runs(self._model, picture, self.phase, shown, **plan)
        return plan_run(self._model, picture, **plan).strips(maps=shown)

    def _enlarge(self, alpha: NDArray[Any]) -> NDArray[np.floating]:
        return upsample(alpha, self.scale, phase=self.phase)

    def _blend(self, keep_blur: float | None, strength: float, *, report: bool) -> Blend | None:
        """How the model's result is blended with the bicubic enlargement; ``None`` if it is not."""
        keep = check_share("keep_blur", default_keep_blur() if keep_blur is None else keep_blur)
        share = check_share("strength", strength)
        if not (keep or share < 1 or report):
            return None
        return Blend(keep, share, self.scale, self.phase, tells=report)

    def _watched(
        self, picture: Picture, strips: Iterator[Strip], found: list[Consistency] | None
    ) -> Iterator[NDArray[np.float32]]:
        """SR strips of a picture; appends the consistency to ``found`` after the last one."""
        if found is None:
            yield from (strip.sr for strip in strips if strip.sr is not None)
            return
        height, width = picture.size
        lr = picture.pixels[:height, :width]
        meter = ConsistencyMeter(lr, self.scale, self.downsampler)
        errors = []
        for strip in strips:
            assert strip.sr is not None
            errors.append(meter.add(strip.sr, strip.removed))
            yield strip.sr
        found.append(Consistency(meter.decibels, np.concatenate(errors)))
