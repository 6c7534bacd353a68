"""Base classes of networks: estimators look at an LR image, restorers enlarge it, some do both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from torch import Tensor, nn

if TYPE_CHECKING:
    from blindsr.types import Estimate

Role = Literal["estimator", "restorer", "joint", "pipeline"]


class EstimatorNetwork(nn.Module):
    """Base: ``forward(lr) -> Estimate``, maps ``scale`` times the size of ``lr``.

    A subclass whose ``forward`` gives what its paper names writes ``estimate`` as well, which is
    what pipelines, tasks and commands call.

    Attributes:
        scale: HR size over LR size; 1 for maps in the size and the pixels of ``lr``.
        estimates: the parts that this network gives, of ``blur``, ``seg``, ``blur_scale`` and
            ``kernels``, see :class:`~blindsr.types.Estimate`.
        gives_kernels: its ``kernels`` lie in the data's windows, their taps an HR pixel apart, so
            that a restorer which takes kernels can be told them.
        num_classes: of ``seg``, 0 without it.
        limits: argument of the constructor -> least and largest value that a file may set;
            only those that :data:`blindsr.networks.settings.checked.LIMITS` does not name.
        without_classes: argument of the constructor -> value with which ``num_classes`` may be 0.
    """

    role: ClassVar[Role] = "estimator"
    scale: int
    estimates: tuple[str, ...]
    gives_kernels: bool = False
    __call__: Callable[..., Estimate]
    num_classes: int = 0
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {}
    without_classes: ClassVar[Mapping[str, object]] = {}

    def estimate(self, lr: Tensor) -> Estimate:
        """As ``forward``; a pipeline has it too."""
        return self(lr)


class RestorerNetwork(nn.Module):
    """Base: ``forward(lr, blur, seg) -> sr``; a map that it does not need may be ``None``.

    One that needs ``blur_scale`` takes it by this name.

    Attributes:
        scale: HR size over LR size.
        needs: the maps that this network must be told, of ``blur``, ``seg`` and ``blur_scale``, in
            this order.
        takes_kernels: where the estimator gives kernels, ``forward(lr, kernels)`` is called.
        num_classes: of ``seg``, where it matters.
        started_without: argument of the constructor -> value of files from which a training may
            start with another value: what they lack begins as in a new network.
        limits, without_classes: as in :class:`EstimatorNetwork`.
    """

    role: ClassVar[Role] = "restorer"
    scale: int
    needs: tuple[str, ...]
    takes_kernels: bool = False
    started_without: ClassVar[Mapping[str, object]] = {}
    __call__: Callable[..., Tensor]
    num_classes: int = 0
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {}
    without_classes: ClassVar[Mapping[str, object]] = {}

    def encode(self, blur: Tensor | None, seg: Tensor | None) -> Tensor | None:
        """Part of the network that takes means over the whole picture, if it has one."""
        raise NotImplementedError


class JointNetwork(nn.Module):
    """Base: restores an LR image without being told its blur, and says which blur it found.

    ``forward(lr)`` returns what the paper of the method names, ``restore`` the same in the words of
    all methods; a subclass writes both.

    Attributes:
        scale: HR size over LR size.
        estimates, num_classes, limits, without_classes: as in :class:`EstimatorNetwork`.
    """

    role: ClassVar[Role] = "joint"
    scale: int
    estimates: tuple[str, ...]
    num_classes: int = 0
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {}
    without_classes: ClassVar[Mapping[str, object]] = {}

    def restore(self, lr: Tensor) -> tuple[Tensor, Estimate]:
        """(N, 3, h, w) in [0, 1] -> SR (N, 3, s*h, s*w), not clipped, and the blur behind it."""
        raise NotImplementedError

    def estimate(self, lr: Tensor) -> Estimate:
        """The blur alone; where SR is not needed for it, a subclass leaves SR out."""
        return self.restore(lr)[1]
