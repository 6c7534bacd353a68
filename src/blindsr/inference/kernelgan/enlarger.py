"""ZSSR: learn to enlarge one image from smaller versions of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from blindsr.imaging.resize import upsample
from blindsr.networks.kernelgan import ZSSRNet

from .crops import loss_map
from .resizing import reduced

CROP = 128
"""Side of the crops that are learnt from, where the image is large enough."""
_RATE, _LEAST_RATE = 1e-3, 9e-6
_MEASURED_EVERY, _JUDGED_EVERY, _WINDOW = 50, 60, 256
_MEASURED_SIDE = 512  # of the part that errors are measured on; a multiple of every scale
_SURE = 1.5  # standard errors that progress must be sure by
Tell = Callable[[int, int], None]


@dataclass
class EnlargementLearner:
    """One image at one scale.

    Args:
        network: is trained.
        lr: (1, 3, h, w) in [0, 1].
        kernel: (n, n) of reducing it by ``scale``, centred for ``phase``.
        scale: s.
        phase: where reduced pixel 0 lies.
        noise: standard deviation of noise on the reduced crops, for photographs that have some.
        seed: of crops and noise.
    """

    network: ZSSRNet
    lr: Tensor
    kernel: Tensor
    scale: int
    phase: float
    noise: float = 0.0
    seed: int = 0
    rate: float = _RATE
    errors: list[float] = field(default_factory=list)
    _changed: int = 0

    def __post_init__(self) -> None:
        height, width = (side // self.scale * self.scale for side in self.lr.shape[-2:])
        self.image = self.lr[..., :height, :width].float()
        values = self.image[0].permute(1, 2, 0).double().cpu().numpy()
        self.weights = torch.from_numpy(loss_map(values)).to(self.image)
        self.side = min(CROP, height, width) // self.scale * self.scale
        self.draw = np.random.default_rng(self.seed)
        self.random = torch.Generator(self.image.device).manual_seed(self.seed)
        self.optimiser = torch.optim.Adam(self.network.parameters(), self.rate)

    def remade(self, father: Tensor) -> Tensor:
        """A picture from its own reduced version, by the network."""
        son = reduced(father, self.kernel, self.scale).clamp(0, 1)
        if self.noise:
            drawn = torch.randn(son.shape, generator=self.random, device=son.device)
            son = (son + self.noise * drawn).clamp(0, 1)
        return self.network(upsample(son, self.scale, phase=self.phase, method="bicubic"))

    def step(self) -> None:
        """Learn from one crop."""
        row, column = (
            int(self.draw.integers(0, length - self.side + 1)) for length in self.image.shape[-2:]
        )
        place = (..., slice(row, row + self.side), slice(column, column + self.side))
        father = self.image[place]
        difference = (self.remade(father) - father).abs()
        loss = (difference * self.weights[place]).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()

    @torch.no_grad()
    def error(self) -> float:
        """Mean square error of the image remade from its reduced version, or of its middle."""
        start = [max(0, (side - _MEASURED_SIDE) // 2) for side in self.image.shape[-2:]]
        rows, columns = (slice(at, at + _MEASURED_SIDE) for at in start)
        seen = self.image[..., rows, columns]
        return float((self.remade(seen).clamp(0, 1) - seen).square().mean())

    def judge(self, index: int) -> bool:
        """Lower the rate where errors no longer fall; whether to go on."""
        if index % _MEASURED_EVERY == 0:
            self.errors.append(self.error())
        count = _WINDOW // _MEASURED_EVERY
        waited = index - self._changed > _WINDOW and len(self.errors) >= count
        if index % _JUDGED_EVERY == 0 and waited and not _falls(self.errors[-count:]):
            self.rate, self._changed = self.rate / 10, index
            self.optimiser.param_groups[0]["lr"] = self.rate
        return self.rate >= _LEAST_RATE


def fit_enlargement(learner: EnlargementLearner, steps: int, tell: Tell | None = None) -> None:
    """Train its network, in at most so many steps."""
    for index in range(steps):
        learner.step()
        if tell is not None:
            tell(index + 1, steps)
        if not learner.judge(index):
            return


def _falls(errors: list[float]) -> bool:
    """Whether a line through them falls by more than what its slope is unsure by."""
    places = np.arange(len(errors), dtype=np.float64)
    places -= places.mean()
    values = np.asarray(errors) - np.mean(errors)
    spread = float(places @ places)
    slope = float(places @ values) / spread
    rest = values - slope * places
    unsure = np.sqrt(float(rest @ rest) / (len(errors) - 2) / spread)
    return bool(-_SURE * slope >= unsure)
