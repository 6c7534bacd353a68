"""Convolutions with batch norm: the blocks of GIA, of the task heads and of the small backbone."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

SLOPE = 0.01


def pointwise(in_channels: int, out_channels: int, *, bias: bool = True) -> nn.Conv2d:
    """1x1 convolution that is as fast on one thread as on two.

    There torch computes a plain one as a matrix product, forward and backward at half the speed of
    oneDNN, which it takes for any dilation; with a single tap dilation changes nothing else.
    """
    return nn.Conv2d(in_channels, out_channels, 1, dilation=2, bias=bias)


class ConvBN(nn.Module):
    """Convolution without bias, batch norm and, if asked, LeakyReLU(0.01).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: odd side of the kernel; the size of the map is kept.
        activation: ``"leaky_relu"`` or ``None``.
        pooled: the input is one vector per image, shape (N, C, 1, 1): see :class:`PooledBatchNorm`.

    The convolution starts Kaiming-normal (fan-out) for the activation that follows it, and for a
    ReLU when none does, as in the released code.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        *,
        activation: Literal["leaky_relu"] | None = None,
        pooled: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False
        )
        self.bn = PooledBatchNorm(out_channels) if pooled else nn.BatchNorm2d(out_channels)
        self.act = nn.LeakyReLU(SLOPE, inplace=True) if activation else nn.Identity()
        nn.init.kaiming_normal_(
            self.conv.weight,
            a=SLOPE if activation else 0.0,
            mode="fan_out",
            nonlinearity=activation or "relu",
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H, W)."""
        return self.act(self.bn(self.conv(x)))


class PooledBatchNorm(nn.BatchNorm2d):
    """Batch norm over N pooled vectors (N, C, 1, 1) that works for a batch of one image too.

    One vector has no variance. It is normalised with the running statistics, as in evaluation,
    which then stay unchanged; weight and bias are still trained. Synchronised batch norm
    over several devices replaces this class and sees all their vectors.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 1, 1) -> (N, C, 1, 1)."""
        if self.training and x.shape[0] == 1:
            return nn.functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x)


class BasicBlock(nn.Module):
    """Residual block: 3x3-BN-ReLU-3x3-BN, plus the input, ReLU; convolutions without bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)) + x)
