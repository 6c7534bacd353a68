"""Other ways to restore with the same weights of SSR: rows of its test, without a training."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from blindsr.degradation.paired import Operator
from blindsr.diffusion.sampler import ConstrainedSampler, Constraint
from blindsr.errors import ConfigError
from blindsr.networks.ssr.constrained import ConstrainedNetwork, cautious, known
from blindsr.networks.ssr.svkr import KernelEstimate
from blindsr.types import Batch

from .depth_targets import relative_inverse_depth

Maps = Literal["estimated", "truth"]
_GRID = 4  # rows and columns of the coarse field that is a map's error
_ROUNDS = 20
_LAPLACE = 2**-0.5  # scale of a Laplace distribution over its standard deviation


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How to restore, where ``None`` is what the network does by itself.

    Attributes:
        constraint: data step at ``"every"`` step, at the ``"last"``, or at ``"none"``.
        operator: of the data step, ``"gather"`` or ``"layered"``.
        uncertainty: LR pixels count less where sigma's own error would change them.
        expected_noise: standard deviation of LR's noise.
        maps: sigma and depth as ``"estimated"`` by SVKR, or the ``"truth"``.
        map_error: root mean square in HR pixels of a smooth error that is added to sigma; the
            network and the data step are told this uncertainty. The same error for a picture
            whatever the variant, but for its size.
        caution: share of sigma that the network and the data step are told.
        denoised: ``False`` has no network: the data step on the enlarged LR.
        samples: that the result is the mean of.
    """

    constraint: Constraint | None = None
    operator: Operator | None = None
    uncertainty: bool | None = None
    expected_noise: float | None = None
    maps: Maps = "estimated"
    map_error: float = 0.0
    caution: float = 1.0
    denoised: bool = True
    samples: int = 1

    @classmethod
    def read(cls, name: str, content: Mapping[str, Any]) -> Variant:
        """A variant of a configuration.

        Raises:
            ConfigError: an unknown key, or a value that makes no sense.
        """
        known_keys = [one.name for one in fields(cls)]
        for key, value in content.items():
            place = f"model.variants.{name}.{key}"
            if key not in known_keys:
                raise ConfigError(place, found="an unknown key", expected=", ".join(known_keys))
            right, expected = _VALUES[key]
            if not right(value):
                raise ConfigError(place, found=repr(value), expected=expected)
        return cls(**content)

    def restore(
        self, network: ConstrainedNetwork, batch: Batch, estimated: KernelEstimate
    ) -> Tensor:
        """SR of a batch, (N, 3, H, W) in [0, 1]."""
        told, lr = self.told(batch, estimated, network.sigma_max), batch["lr"]
        varied = self.varied(network)
        if not self.denoised:
            start, operator = varied.enlarged(lr), varied.operator_of(told)
            return operator.prox(start, lr, varied.weight_of(told, operator)(start, 1)).clamp(0, 1)
        drawn = [varied.sample(lr, told, number=number) for number in range(self.samples)]
        return torch.stack(drawn).mean(dim=0)

    def told(self, batch: Batch, estimated: KernelEstimate, sigma_max: float) -> KernelEstimate:
        """Kernel and depth that it restores with."""
        told = estimated
        if self.maps == "truth":
            depth = relative_inverse_depth(batch["depth"]) if "depth" in batch else told.depth
            told = known(batch["blur"], depth)
        if self.map_error:
            names = batch.get("name", [str(index) for index in range(len(told.blur))])
            blur = torch.cat(
                [
                    with_error(one[None], self.map_error, sigma_max, zlib.crc32(name.encode()))
                    for one, name in zip(told.blur, names, strict=True)
                ]
            )
            scale = torch.full_like(blur, _LAPLACE * self.map_error).log()
            told = told._replace(blur=blur, lens=blur, log_scale=scale)
        return cautious(told, self.caution)

    def varied(self, network: ConstrainedNetwork) -> ConstrainedNetwork:
        """The same weights with other settings.

        Raises:
            ConfigError: a layered operator by the thin lens of a network that has none.
        """
        lens = network.svkr.iterations > 0 or self.maps == "truth"
        if self.operator == "layered" and not lens:
            raise ConfigError(
                "operator",
                found="layered without a thin lens",
                expected="use_depth: true and iterations of at least 1, or maps: truth",
            )
        varied = copy.copy(network)  # its parts are shared
        for name in ("operator", "uncertainty", "expected_noise"):
            value = getattr(self, name)
            if value is not None:
                setattr(varied, name, value)
        if self.constraint is not None:
            schedule = network.sampler.schedule
            varied.sampler = ConstrainedSampler(schedule, constraint=self.constraint)
        return varied


def with_error(blur: Tensor, rmse: float, sigma_max: float, seed: int) -> Tensor:
    """Add a smooth error of a given size to a map (1, 1, H, W), which stays in 0..``sigma_max``.

    Args:
        blur: sigma in HR pixels.
        rmse: root mean square of the error, in HR pixels.
        sigma_max: largest sigma.
        seed: of the error's shape.
    """
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, 1, _GRID, _GRID, generator=draw).to(blur)
    field = interpolate(coarse, blur.shape[-2:], mode="bicubic", align_corners=True)
    gain, moved = 1.0, blur
    for _ in range(_ROUNDS):  # what is cut off is made up for elsewhere
        moved = (blur + gain * field).clamp(0, sigma_max)
        gain *= rmse / float((moved - blur).square().mean().sqrt().clamp_min(1e-9))
    return moved


def _at_least(least: float) -> Any:
    def right(value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= least

    return right


def _one_of(kind: Any) -> Any:
    words = get_args(kind)
    return (lambda value: value in words), " or ".join(words)


_SWITCH = (lambda value: isinstance(value, bool)), "true or false"
_VALUES: dict[str, tuple[Any, str]] = {
    "constraint": _one_of(Constraint),
    "operator": _one_of(Operator),
    "uncertainty": _SWITCH,
    "expected_noise": (_at_least(0), "0 or more"),
    "maps": _one_of(Maps),
    "map_error": (_at_least(0), "HR pixels, 0 or more"),
    "caution": (_at_least(0), "a share, 0 or more"),
    "denoised": _SWITCH,
    "samples": (lambda value: isinstance(value, int) and value >= 1, "1 or more"),
}
