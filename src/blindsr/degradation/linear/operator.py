"""Base of the linear operators y = A x, x a sharp HR picture and y its LR picture without noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blindsr.errors import ConfigError, DataError
from blindsr.imaging.resize import DOWNSAMPLERS, Downsampler, downsample
from blindsr.imaging.rows_on_disk import Picture, mapped

from .downsampling import downsample_adjoint
from .dual import solve_dual

Linear = Callable[[Tensor], Tensor]


class LinearOperator:
    """A = D B: blur B at HR size, then one of our down-samplers D; nothing is rounded or clipped.

    A subclass writes :meth:`blur` and :meth:`blur_adjoint`. The operator is fixed: pictures have
    derivatives of any order, its maps have none (:func:`~blindsr.degradation.gather_blur` has).
    It computes in the precision of its arguments.

    Args:
        shape: N, H and W of the pictures; N = 1 also takes batches of any size.
        scale: LR is this many times smaller.
        downsampler: how LR is taken, see :func:`blindsr.imaging.resize.downsample`.

    Raises:
        ConfigError: scale or down-sampler unknown.
        DataError: a side is no multiple of ``scale``.
    """

    def __init__(
        self, shape: tuple[int, int, int], *, scale: int, downsampler: Downsampler
    ) -> None:
        if downsampler not in DOWNSAMPLERS:
            expected = f"one of {', '.join(DOWNSAMPLERS)}"
            raise ConfigError("downsampler", found=repr(downsampler), expected=expected)
        if int(scale) != scale or scale < 1:
            raise ConfigError("scale", found=repr(scale), expected="an integer of at least 1")
        if shape[1] % scale or shape[2] % scale:
            raise DataError(
                "maps of the operator",
                found=f"{shape[2]} x {shape[1]} pixels",
                expected=f"multiples of {scale}",
                fix="Crop them first",
            )
        self.shape, self.scale, self.downsampler = shape, scale, downsampler

    def blur(self, image: Tensor) -> Tensor:
        """B: (N, C, H, W) -> the same shape; called without gradients."""
        raise NotImplementedError

    def blur_adjoint(self, image: Tensor) -> Tensor:
        """B': (N, C, H, W) -> the same shape; called without gradients."""
        raise NotImplementedError

    def __call__(self, image: Picture) -> Tensor:
        """A x: (N, C, H, W) -> (N, C, h, w)."""
        self._check("image", image, 1)
        result: Tensor = _Apply.apply(image, self._forward, self._backward)
        return result

    def adjoint(self, lr: Tensor) -> Picture:
        """A' y: (N, C, h, w) -> (N, C, H, W), with <A x, y> = <x, A' y>."""
        self._check("lr", lr, self.scale)
        result: Tensor = _Apply.apply(lr, self._backward, self._forward)
        return result

    def prox(
        self, image: Picture, lr: Tensor, weight: Tensor | float, iterations: int = 4
    ) -> Picture:
        """The picture nearest to ``image`` that explains ``lr`` as well as ``weight`` demands.

            argmin_x  sum (A x - lr)^2 / weight + |x - image|^2
              = image + A' (A A' + diag(weight))^-1 (lr - A image)

        It is solved in vectors of the size of LR by conjugate gradients, each picture for itself.
        What A does not see of ``image`` stays as it is.

        Args:
            image: (N, C, H, W) x0.
            lr: (N, C, h, w) measured.
            weight: variance of the noise of ``lr`` over that of ``image``, at least 0: a number, or
                a tensor that broadcasts to ``lr``; pixels of ``inf`` are not used. |A|^2 is
                about 1 / scale^2 (:meth:`norm2`), to which it compares.
            iterations: of conjugate gradients; each costs one A and one A'.

        Returns:
            (N, C, H, W), not clipped.

        Raises:
            DataError: shapes that do not fit, or a weight that is negative or NaN.
            ConfigError: no iteration.
        """
        self._check("image", image, 1)
        self._check("lr", lr, self.scale)
        if iterations < 1:
            raise ConfigError("iterations", found=str(iterations), expected="at least 1")
        weight = _checked_weight(weight, lr)
        dual = solve_dual(
            lambda z: self(self.adjoint(z)),
            lr - self(image),
            weight,
            iterations=iterations,
            diagonal=1 / self.scale**2,
        )
        return mapped(torch.add, image, self.adjoint(dual))

    @torch.no_grad()
    def norm2(self, iterations: int = 20) -> float:
        """|A|^2, the largest eigenvalue of A A', from below: power iteration from a constant."""
        count, height, width = self.shape
        size = (count, 1, height // self.scale, width // self.scale)
        vector, value = torch.ones(size, dtype=torch.float64), torch.zeros(count)
        for _ in range(iterations):
            vector = vector / vector.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
            image = self(self.adjoint(vector))
            value = (vector * image).flatten(1).sum(dim=1)
            vector = image
        return float(value.max())

    def _forward(self, image: Tensor) -> Tensor:
        return downsample(self.blur(image), self.scale, self.downsampler)

    def _backward(self, lr: Tensor) -> Tensor:
        return self.blur_adjoint(downsample_adjoint(lr, self.scale, self.downsampler))

    def _check(self, name: str, tensor: Picture, step: int) -> None:
        count, height, width = self.shape
        size = (height // step, width // step)
        fits = tensor.ndim == 4 and tuple(tensor.shape[2:]) == size
        if not fits or count not in (1, tensor.shape[0]):
            raise DataError(
                name,
                found=f"shape {tuple(tensor.shape)}",
                expected=f"({'N' if count == 1 else count}, C, {size[0]}, {size[1]})",
            )


class _Apply(torch.autograd.Function):
    """A linear map whose derivative is another linear map, its adjoint."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, forward: Linear, adjoint: Linear) -> Tensor:
        ctx.maps = forward, adjoint
        return forward(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        forward, adjoint = ctx.maps
        return _Apply.apply(gradients[0], adjoint, forward), None, None


def _checked_weight(weight: Tensor | float, lr: Tensor) -> Tensor:
    weight = torch.as_tensor(weight, dtype=lr.dtype, device=lr.device)
    try:  # torch's own function would load sympy, for seconds
        fits = np.broadcast_shapes(tuple(weight.shape), tuple(lr.shape)) == tuple(lr.shape)
    except ValueError:
        fits = False
    if not fits:
        raise DataError(
            "weight", found=f"shape {tuple(weight.shape)}", expected=f"{tuple(lr.shape)}, or 1s"
        )
    if not bool((weight >= 0).all()):
        raise DataError("weight", found="negative numbers or NaN", expected="0 or more")
    return weight
