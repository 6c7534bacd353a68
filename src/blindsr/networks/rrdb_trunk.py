"""The trunk of restorers whose residual dense blocks are modulated by a condition."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor, nn

from blindsr.errors import ConfigError
from blindsr.imaging.resize import upsample
from blindsr.networks.blocks.rrdb import RRDBSFTBlock

from .roles import RestorerNetwork

Skip = Literal["none", "bicubic"]


class RRDBTrunk(RestorerNetwork):
    """Base: a subclass says what the condition is, and builds the trunk in its constructor."""

    def build_trunk(
        self,
        code_length: int,
        *,
        scale: int,
        features: int,
        growth: int,
        blocks: int,
        residual: float,
        skip: Skip,
        phase: float,
    ) -> None:
        """Make the layers from LR to SR; for the arguments see :class:`blindsr.networks.RRDBSFT`.

        Args:
            code_length: channels of the condition, 0 for none.

        Raises:
            ConfigError: if an option has an unknown value or is out of range.
        """
        check_option("skip", skip, get_args(Skip))
        if not 0 < residual <= 1:
            raise ConfigError("residual", found=str(residual), expected="more than 0, at most 1")
        self.scale, self.skip, self.phase, self.residual = scale, skip, phase, residual
        self.conv_first = nn.Conv2d(3, features, 3, padding=1)
        self.RRDB_trunk = nn.ModuleList(
            RRDBSFTBlock(features, growth, code_length, residual) for _ in range(blocks)
        )
        self.trunk_conv = nn.Conv2d(features, features, 3, padding=1)
        self.upsampler = nn.Sequential(
            nn.Conv2d(features, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale)
        )
        if skip == "bicubic":  # training starts from the bicubic picture
            for parameter in self.upsampler.parameters():
                nn.init.zeros_(parameter)

    def restore(self, lr: Tensor, condition: Tensor | None) -> Tensor:
        """(N, 3, h, w) and the condition (N, C, h, w) -> SR image (N, 3, s*h, s*w)."""
        first = self.conv_first(lr)
        feature = first
        for block in self.RRDB_trunk:
            feature = block(feature, condition)
        sr = self.upsampler(first + self.trunk_conv(feature))
        if self.skip == "none":
            return sr
        return sr + upsample(lr, self.scale, phase=self.phase, method="bicubic")


def check_option(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is none of the allowed ones.

    Raises:
        ConfigError: names them.
    """
    if value not in allowed:
        expected = " or ".join(map(repr, allowed))
        raise ConfigError(name, found=repr(value), expected=expected)
