"""The backbone of CMOS: timm's HRNet-W18-small-v2 at full resolution."""

from __future__ import annotations

from torch import Tensor, nn

from blindsr.networks.blocks.whole_picture import resize

BN_MOMENTUM = 0.01
STAGES = ("stage2", "stage3", "stage4")


def hrnet_w18_small_v2(in_channels: int = 3) -> nn.Module:
    """Build the backbone with random weights: (N, C, h, w) -> four maps, finest first.

    Strides 1, 2, 4, 8 (sizes rounded up) with 18, 36, 72, 144 channels. Differs from timm's model
    in the strides of the stem (1 instead of 2), the momentum of batch norm (0.01), and the resize
    in its fusion layers (bilinear to the finer branch, which admits any input size). Its tensor
    names are those of timm and of the original HRNet.
    """
    import timm

    network = timm.create_model(
        "hrnet_w18_small_v2",
        features_only=True,
        feature_location="",
        out_indices=(1, 2, 3, 4),
        in_chans=in_channels,
    )
    for stem in (network.conv1, network.conv2):
        assert isinstance(stem, nn.Conv2d)
        stem.stride = (1, 1)
    for name in STAGES:
        stage = getattr(network, name)
        for i, module in enumerate(stage):
            stage[i] = BilinearFusion(module.branches, module.fuse_layers)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = BN_MOMENTUM
        elif isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1):
            module.dilation = (2, 2)  # see blindsr.networks.blocks.conv.pointwise
    return network


class BilinearFusion(nn.Module):
    """An HRNet module whose coarser branches are resized bilinearly to the finer one.

    Args:
        branches: one stack of blocks per resolution, finest first.
        fuse_layers: ``fuse_layers[i][j]`` brings branch j to the channels and, for j < i, the
            resolution of branch i; the fixed-factor up-sampling at its end (j > i) is taken out.
    """

    def __init__(self, branches: nn.ModuleList, fuse_layers: nn.ModuleList) -> None:
        super().__init__()
        self.branches = branches
        self.fuse_layers = fuse_layers
        self.fuse_act = nn.ReLU()
        for module in fuse_layers.modules():
            for name, child in module.named_children():
                if isinstance(child, nn.Upsample):
                    module.register_module(name, nn.Identity())

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """One map per branch -> one fused map per branch, sizes unchanged."""
        features = [
            branch(feature) for branch, feature in zip(self.branches, features, strict=True)
        ]
        return [self.fuse_act(self._fuse(i, features)) for i in range(len(self.fuse_layers))]

    def _fuse(self, i: int, features: list[Tensor]) -> Tensor:
        total: Tensor | None = None
        row = self.fuse_layers[i]
        assert isinstance(row, nn.ModuleList)
        for j, (layer, feature) in enumerate(zip(row, features, strict=True)):
            part = layer(feature)
            if j > i:
                part = resize(part, features[i].shape[2:])
            total = part if total is None else total + part
        assert total is not None
        return total
