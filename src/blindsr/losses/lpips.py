"""LPIPS (Zhang et al. 2018) from a local file; as a loss, FeMaSR's recipe has its VGG form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from torch import nn

from blindsr.errors import ConfigError

from .torchvision_file import read_features, require_images

if TYPE_CHECKING:
    from torch import Tensor

LPIPSNet = Literal["alex", "vgg"]
FILES: dict[str, str] = {"alex": "alexnet-owt-7be5be79.pth", "vgg": "vgg16-397923af.pth"}
"""torchvision's ImageNet files by their served names."""
MIN_SIZE = 32  # both backbones halve the image four times or more


def lpips_network(path: str | Path, net: LPIPSNet) -> nn.Module:
    """LPIPS v0.1 of torchmetrics: its calibrated linear layers, the backbone from a local file.

    Args:
        path: torchvision's ImageNet weights of VGG16 or AlexNet, see :data:`FILES`.
        net: which of the two.

    Returns:
        A frozen module in evaluation mode; ``module(sr, hr, normalize=True)`` takes images in
        [0, 1], (N, 3, H, W), and returns (N, 1, 1, 1).

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable or holds another network.
        ConfigError: for another ``net``.
    """
    if net not in get_args(LPIPSNet):
        raise ConfigError("net", found=repr(net), expected="'vgg' or 'alex'")
    from torchmetrics.functional.image.lpips import _LPIPS

    network: nn.Module = _LPIPS(net=net, pnet_rand=True)
    backbone = network.get_submodule("net")
    own = backbone.state_dict()
    names = {f"features.{name.partition('.')[2]}": name for name in own}  # slice2.3.weight -> 3
    tensors = read_features(path, FILES[net], {k: own[n].shape for k, n in names.items()})
    backbone.load_state_dict({names[key]: tensor for key, tensor in tensors.items()})
    return network.eval().requires_grad_(False)


class LPIPSLoss(nn.Module):
    """LPIPS as :func:`lpips_network` computes it, the mean over the batch.

    Frozen, always in evaluation mode, and no part of ``parameters()`` or ``state_dict()``.
    Gradients reach the restored image only. To score images in a test there is
    :func:`blindsr.metrics.load_lpips`.

    Args:
        path: torchvision's ImageNet weights of VGG16 or AlexNet, see :data:`FILES`.
        net: which of the two.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable or holds another network.
        ConfigError: for another ``net``.
    """

    def __init__(self, path: str | Path, net: LPIPSNet = "vgg") -> None:
        super().__init__()
        self._network = [lpips_network(path, net)]  # in a list: no submodule

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Mean over the batch; both (N, 3, H, W) sRGB in [0, 1], not clipped.

        Raises:
            DataError: if the shapes differ, or the images are smaller than 32 x 32.
        """
        require_images(sr, hr, MIN_SIZE)
        network = self._network[0].to(sr.device)
        return network(sr.float(), hr.float(), normalize=True).mean()
