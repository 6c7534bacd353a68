"""The contract between data, networks and tasks: what one sample, one batch and one estimate hold.

Data sets produce :class:`Sample`, loaders collate it to :class:`Batch`, tasks consume batches and
networks that look at an LR image return :class:`Estimate`. Nothing else passes between the layers.
HR is ``scale`` times LR in both axes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypedDict

if TYPE_CHECKING:
    from torch import Tensor

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
    seg: Tensor
    """(s*h, s*w) int64, class index 0..C-1, 255 = no label."""
    mask: Tensor
    """(1, s*h, s*w) float32, 1 = sharp, 0 = blurred (PBaSR)."""
    name: str
    """Relative stem of the file or index of the scene; unique within a group."""
    group: str
    """Test group, for instance ``Group1``."""
    repeat: bool
    """True for a sample that only fills up a rank in distributed evaluation; left out of the
    scores."""


class Batch(TypedDict, total=False):
    """Collated samples: the tensors of :class:`Sample` with a leading batch axis N."""

    lr: Tensor
    hr: Tensor
    blur: Tensor
    seg: Tensor
    mask: Tensor
    name: list[str]
    group: list[str]
    repeat: Tensor
    """(N,) bool."""


class Estimate(NamedTuple):
    """What an estimator says about an LR image, all maps at HR size (N, ., s*h, s*w).

    A part that a network was built without (single task, no auxiliary supervision) is ``None``.
    """

    blur: Tensor | None
    """(N, 1, s*h, s*w) sigma in HR pixels; unconstrained sign."""
    seg_logits: Tensor | None
    """(N, C, s*h, s*w) class logits."""
    aux_blur: Tensor | None
    """(N, 1, s*h, s*w) sigma map of the finest head, for auxiliary supervision."""
    aux_seg_logits: Tensor | None
    """(N, C, s*h, s*w) logits of the finest head, for auxiliary supervision."""
