"""The contract between data, networks and tasks: what one sample, one batch and one estimate hold.

Data sets produce :class:`Sample`, loaders collate it to :class:`Batch`, tasks consume batches and
networks that look at an LR image return :class:`Estimate`. A DataModule says once, in
:class:`DataFacts`, what holds for all its samples. Nothing else passes between the layers.
HR is ``scale`` times LR in both axes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypedDict, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Downsampler = Literal["sfold", "bicubic", "area"]
"""How LR is taken from the blurred HR, see :mod:`blindsr.imaging.resize`."""
IGNORE_INDEX = 255
"""Class index of pixels without a label; losses and mIoU leave them out."""


class Sample(TypedDict, total=False):
    """One training or test example. A key is absent where the data set has no such thing."""

    lr: Tensor
    """(3, h, w) float32, sRGB in [0, 1]."""
    hr: Tensor
    """(3, s*h, s*w) float32, sRGB in [0, 1]."""
    blur: Tensor
    """(1, s*h, s*w) float32, nominal sigma of an isotropic Gaussian in HR pixels, >= 0."""
    blurred: Tensor
    """(3, s*h, s*w) float32, the HR picture out of focus and seen through a camera."""
    seg: Tensor
    """(s*h, s*w) int64, class index 0..C-1, 255 = no label."""
    mask: Tensor
    """(1, s*h, s*w) float32, 1 = sharp, 0 = blurred (PBaSR)."""
    depth: Tensor
    """(1, s*h, s*w) float32, > 0, ``inf`` allowed (sky): metres, or relative where
    :attr:`DataFacts.metric_depth` says so. Only where it is asked for (``deliver``)."""
    name: str
    """Relative stem of the file or index of the scene; unique within a group."""
    group: str
    """Test group, for instance ``Group1``."""
    repeat: bool
    """True for a sample that only fills up a rank in distributed evaluation; left out of the
    scores."""


PICTURES: tuple[Literal["lr", "hr"], ...] = ("lr", "hr")
"""The images of a :class:`Sample`."""


class Batch(TypedDict, total=False):
    """Collated samples: the tensors of :class:`Sample` with a leading batch axis N."""

    lr: Tensor
    hr: Tensor
    blur: Tensor
    blurred: Tensor
    seg: Tensor
    mask: Tensor
    depth: Tensor
    name: list[str]
    group: list[str]
    repeat: Tensor
    """(N,) bool."""


class TwoStreamBatch(TypedDict):
    """Training batch of PBaSR: as many samples of each stream."""

    general: Batch
    """Any pictures: ``lr`` and ``hr``."""
    blur: Batch
    """Pictures with intended blur, with their ``mask``."""


@dataclass(frozen=True)
class DataFacts:
    """What holds for all samples of a DataModule, its attribute ``facts``.

    A task takes them once, refuses what does not fit it, and stores them with its weights.

    Attributes:
        scale: HR size over LR size.
        phase: HR position of LR pixel 0, so that LR pixel i lies at ``scale * i + phase``: 0 for
            s-fold, (scale - 1) / 2 for area and bicubic.
        downsampler: how LR is taken from the blurred HR: ``"sfold"``, ``"bicubic"`` or ``"area"``.
        sigma_max: largest sigma of ``blur`` in HR pixels, 0 where there is no ``blur``.
        window_taps: side of the blur's window in HR pixels, 1 where there is no ``blur``.
        num_classes: of ``seg``, 0 where there is none.
        class_names: their names, one per class, or none.
        metric_depth: depth is in metres (True) or relative (False); ``None`` where there is none.
    """

    scale: int
    phase: float
    downsampler: Downsampler
    sigma_max: float
    window_taps: int
    num_classes: int = 0
    class_names: tuple[str, ...] = ()
    metric_depth: bool | None = None

    def plain(self) -> dict[str, Any]:
        """As values of JSON, which files of weights keep."""
        return {**asdict(self), "class_names": list(self.class_names)}


@runtime_checkable
class HasFacts(Protocol):
    """A DataModule that the tasks of this library can be trained with."""

    facts: DataFacts


@runtime_checkable
class HasTestGroups(Protocol):
    """A DataModule whose test samples have a ``group``; of others all belong to ``test``."""

    @property
    def group_names(self) -> tuple[str, ...]:
        """All groups, after ``setup``: each process must know those of the others."""


@runtime_checkable
class HasValidationGroups(Protocol):
    """A DataModule whose validation samples have a ``group``."""

    @property
    def val_group_names(self) -> tuple[str, ...]:
        """All groups, after ``setup``."""


def counted(batch: Batch) -> list[int]:
    """Positions of the samples that count: those that only fill up a rank do not."""
    repeat = batch.get("repeat")
    size = len(batch["lr"])
    return [i for i in range(size) if repeat is None or not bool(repeat[i])]


class Estimate(NamedTuple):
    """Output of an estimator for an LR image: maps at HR size (N, ., s*h, s*w).

    A part that a network was built without (single task, no auxiliary supervision) is ``None``.
    """

    blur: Tensor | None = None
    """(N, 1, s*h, s*w) sigma in HR pixels; unconstrained sign."""
    seg_logits: Tensor | None = None
    """(N, C, s*h, s*w) class logits."""
    aux_blur: Tensor | None = None
    """(N, 1, s*h, s*w) sigma map of the finest head, for auxiliary supervision."""
    aux_seg_logits: Tensor | None = None
    """(N, C, s*h, s*w) logits of the finest head, for auxiliary supervision."""
    blur_scale: Tensor | None = None
    """(N, 1, s*h, s*w) estimated Laplace scale of sigma's error in HR pixels (uncertainty)."""
    kernels: Tensor | None = None
    """(N, k*k, h, w) blur kernels at LR size."""


class PictureSample(TypedDict, total=False):
    """Arrays of one sample for drawing, at HR size. A key is absent where the sample has none."""

    name: str
    lr: NDArray[np.float32]
    """(H, W, 3) in [0, 1], LR enlarged in the phase of its down-sampler."""
    blur: NDArray[np.float32]
    """(H, W) true sigma in HR pixels."""
    blur_estimate: NDArray[np.float32]
    seg: NDArray[np.int64]
    """(H, W) true classes, 255 = no label."""
    seg_estimate: NDArray[np.int64]
    images: dict[str, NDArray[np.float32]]
    """Of a restorer, (H, W, 3) in [0, 1] by the name of their column: ``LR``, the methods, ``HR``;
    crops of them are compared."""
    scores: dict[str, str]
    """Texts by the name of their column."""
    boxes: list[tuple[int, int]]
    """Row and column of the upper left corner of each crop; chosen where absent."""
    sigma_max: float
    """End of the sigma scale in HR pixels; needed where there is a sigma map."""
    class_names: list[str]
    """For the legend of class maps."""


@runtime_checkable
class DrawsSamples(Protocol):
    """A task whose validation samples can be drawn.

    :class:`blindsr.callbacks.Pictures` calls it and draws the result with
    :func:`blindsr.drawing.samples.save_samples`.
    """

    def picture_sample(self, batch: Batch, outputs: Any, index: int) -> PictureSample:
        """What to draw of one sample.

        Args:
            batch: of the validation.
            outputs: what the task's ``validation_step`` returned for it.
            index: of the sample in the batch.
        """
        ...
