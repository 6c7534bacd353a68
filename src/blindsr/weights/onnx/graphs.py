"""Our networks with plain tensors as inputs and outputs, as an ONNX graph needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from blindsr.networks import kinds
from blindsr.networks.blocks.windows import pad_to_windows

if TYPE_CHECKING:
    from blindsr.networks import BlindSR
    from blindsr.networks.roles import EstimatorNetwork, JointNetwork, RestorerNetwork
    from blindsr.types import Estimate


class Graph(nn.Module):
    """Base: ``forward(*inputs)`` gives one tensor per output.

    Attributes:
        inputs: names of the tensors that go in, ``"lr"`` first.
        outputs: names of those that come out.
        scale: s.
        minimum: smallest h and w.
        tolerance: by which share of the largest value of an output float rounding may change it.
            Below 1e-5 was measured of trained networks; 2e-4 of a CMOS with random running
            statistics, whose flows are large.
    """

    inputs: tuple[str, ...] = ("lr",)
    outputs: tuple[str, ...] = ("sr",)
    scale: int
    minimum: int = 1
    tolerance: float = 1e-3

    def restored(self, lr: Tensor, maps: dict[str, Tensor]) -> Tensor | None:  # noqa: ARG002
        """``sr`` of the network with maps that it did not estimate itself, if it estimates any."""
        return None


class EstimatorGraph(Graph):
    """An estimator: ``lr`` -> the maps it estimates.

    ``blur`` (n, 1, s*h, s*w), and ``seg`` (n, s*h, s*w), the arg-max of the logits.
    """

    def __init__(self, network: EstimatorNetwork) -> None:
        super().__init__()
        self.network, self.scale = network, network.scale
        self.minimum = kinds.tile_needs(network).minimum
        self.outputs = _outputs(network)

    def forward(self, lr: Tensor) -> tuple[Tensor, ...]:
        """(n, 3, h, w) -> the maps."""
        return _maps(self.network.estimate(lr))


class BlindGraph(Graph):
    """:class:`~blindsr.networks.BlindSR`: ``lr`` -> ``sr`` and the maps it was restored with."""

    def __init__(self, network: BlindSR) -> None:
        super().__init__()
        self.network, self.scale = network, network.restorer.scale
        self.minimum = kinds.tile_needs(network.estimator).minimum
        self.outputs = ("sr", *_outputs(network.estimator))

    def forward(self, lr: Tensor) -> tuple[Tensor, ...]:
        """(n, 3, h, w) -> (n, 3, s*h, s*w) and the maps."""
        sr, estimate = self.network(lr)
        return (sr, *_maps(estimate))

    def restored(self, lr: Tensor, maps: dict[str, Tensor]) -> Tensor | None:
        """``sr`` of the restorer with the given ``blur`` and ``seg``."""
        own = self.network.estimate(lr)
        told = own._replace(blur=maps.get("blur"), kernels=None)
        return self.network.restore(lr, told, maps.get("seg"))


class JointGraph(Graph):
    """A network that restores from ``lr`` alone -> ``sr`` and the maps that it found."""

    def __init__(self, network: JointNetwork) -> None:
        super().__init__()
        self.network, self.scale = network, network.scale
        self.minimum = kinds.tile_needs(network).minimum
        self.outputs = ("sr", *_outputs(network))

    def forward(self, lr: Tensor) -> tuple[Tensor, ...]:
        """(n, 3, h, w) -> (n, 3, s*h, s*w) and the maps."""
        sr, estimate = self.network.restore(lr)
        return (sr, *_maps(estimate))


class RestorerGraph(Graph):
    """A restorer: ``lr`` and the maps it needs, no others -> ``sr``."""

    def __init__(self, network: RestorerNetwork) -> None:
        super().__init__()
        self.network, self.scale = network, network.scale
        self.inputs = ("lr", *network.needs)

    def forward(self, lr: Tensor, *maps: Tensor) -> Tensor:
        """(n, 3, h, w), ``blur`` (n, 1, s*h, s*w), ``seg`` (n, s*h, s*w) -> (n, 3, s*h, s*w)."""
        return self.network(lr, **dict(zip(self.inputs[1:], maps, strict=True)))


class PlainGraph(Graph):
    """Any network from ``lr`` to ``sr``; sizes that it does not take are mirrored to one it does.

    Args:
        network: (n, 3, h, w) -> (n, 3, s*h, s*w).
        scale: s.
        multiple: h and w that it takes are multiples of it.
        minimum: smallest h and w.
    """

    tolerance = 1e-4  # a size recorded as a constant was 2e-4 in an untrained SwinIR

    def __init__(self, network: nn.Module, scale: int, multiple: int = 1, minimum: int = 1) -> None:
        super().__init__()
        self.network, self.scale, self.multiple = network, scale, multiple
        self.minimum = minimum

    def forward(self, lr: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, 3, s*h, s*w)."""
        if self.multiple == 1:
            return self.network(lr)
        height, width = self.scale * lr.shape[2], self.scale * lr.shape[3]
        return self.network(pad_to_windows(lr, (self.multiple,) * 2))[:, :, :height, :width]


def _outputs(estimator: EstimatorNetwork | JointNetwork) -> tuple[str, ...]:
    return tuple(name for name in ("blur", "seg") if name in estimator.estimates)


GRAPHS: dict[kinds.Role, Any] = {
    "estimator": EstimatorGraph,
    "restorer": RestorerGraph,
    "joint": JointGraph,
    "pipeline": BlindGraph,
}
"""Role of a network -> its graph."""


def _maps(estimate: Estimate) -> tuple[Tensor, ...]:
    seg = None if estimate.seg_logits is None else estimate.seg_logits.argmax(dim=1)
    return tuple(found for found in (estimate.blur, seg) if found is not None)
