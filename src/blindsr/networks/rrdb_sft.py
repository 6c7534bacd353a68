"""RRDB-SFT: an LR image, its sigma map and its class map -> SR image (CMOS, CVPR 2023)."""

from __future__ import annotations

from typing import ClassVar, get_args

from torch import Tensor, nn
from torch.nn.functional import conv2d

from blindsr.errors import DataError
from blindsr.networks.blocks.condition import (
    ConditionSize,
    Embed,
    blur_input,
    class_channels,
    class_input,
)
from blindsr.networks.blocks.gia.spatial import WindowLayout

from .gia import GIA, default_groups
from .rrdb_trunk import RRDBTrunk, Skip, check_option


class RRDBSFT(RRDBTrunk):
    """Restorer whose blocks are modulated by a condition from the sigma map and the class map.

    The two maps are embedded by a convolution each and fused by GIA into the condition, which is
    read at every s-th pixel (CMOS, section 5.1; trunk of MANet, ICCV 2021).

    Args:
        code_length: C, channels of the condition.
        scale: s, HR size over LR size.
        window_layout: ``"fixed"``, or ``"legacy"`` for the officially released weights.
        use_semantics: use the class map. Without it the condition is the embedded sigma map, and
            there is neither GIA nor ``seg_conv``.
        use_blur: use the sigma map. With neither map there is no condition; the SFT layers then
            depend on the feature alone, so that networks with and without maps have the same depth
            and trunk.
        condition: ``"hr"`` fuses the maps at HR size, as in the paper; ``"lr"`` brings them to LR
            size first, which makes the fusion s*s times cheaper. The tensors have the same
            shapes, but weights of one do not work in the other.
        embed: ``"index"`` gives the class index as one number, as in the paper; ``"onehot"`` a
            channel per class.
        num_classes: classes of ``"onehot"``; may be 0 without semantics.
        features: channels of the trunk.
        growth: growth of the dense blocks.
        blocks: number of blocks of the trunk.
        residual: share of each dense block and each block that is added to its input. 0.2, as in
            the paper, keeps ten blocks stable over a long training; one or two blocks learn many
            times faster with 1.
        window: rows and columns of the windows of GIA.
        skip: ``"bicubic"`` adds the bicubically enlarged LR image, so that the trunk learns the
            residual: small networks then need hundreds of steps, not many thousands. Training
            starts from the bicubic picture. ``"none"`` as in the paper.
        phase: with a bicubic skip, where LR pixel 0 lies in HR pixels
            (:func:`blindsr.imaging.resize.phase`); 0 for s-fold down-sampling.

    Raises:
        ConfigError: if an option has an unknown value or is out of range.

    8,960,592 parameters by default.
    """

    without_classes: ClassVar[dict[str, object]] = {"use_semantics": False}

    def __init__(
        self,
        code_length: int = 64,
        scale: int = 4,
        window_layout: WindowLayout = "fixed",
        *,
        use_semantics: bool = True,
        use_blur: bool = True,
        condition: ConditionSize = "hr",
        embed: Embed = "index",
        num_classes: int = 40,
        features: int = 64,
        growth: int = 32,
        blocks: int = 10,
        residual: float = 0.2,
        window: tuple[int, int] = (15, 20),
        skip: Skip = "none",
        phase: float = 0.0,
    ) -> None:
        super().__init__()
        check_option("condition", condition, get_args(ConditionSize))
        check_option("embed", embed, get_args(Embed))
        check_option("window_layout", window_layout, get_args(WindowLayout))
        self.condition, self.embed = condition, embed
        self.use_blur, self.use_semantics = use_blur, use_semantics
        used = {"blur": use_blur, "seg": use_semantics}
        self.needs = tuple(name for name, use in used.items() if use)
        self.num_classes = num_classes if use_semantics and embed == "onehot" else 0
        self._window_layout: WindowLayout = window_layout
        if use_blur:
            self.blur_conv = nn.Conv2d(1, code_length, 3, padding=1)
        if use_semantics:
            classes = class_channels(embed, num_classes)
            self.seg_conv = nn.Conv2d(classes, code_length, 3, padding=1)
        if use_blur and use_semantics:
            self.fuse = GIA(
                code_length,
                code_length,
                groups=default_groups(code_length),
                window=(window[0], window[1]),
                merge=True,
                window_layout=window_layout,
            )
        code = code_length if use_blur or use_semantics else 0
        self.build_trunk(
            code,
            scale=scale,
            features=features,
            growth=growth,
            blocks=blocks,
            residual=residual,
            skip=skip,
            phase=phase,
        )

    @property
    def window_layout(self) -> WindowLayout:
        """How GIA puts its windows back: ``"fixed"`` or ``"legacy"``."""
        return self._window_layout

    @window_layout.setter
    def window_layout(self, layout: WindowLayout) -> None:
        check_option("window_layout", layout, get_args(WindowLayout))
        self._window_layout = layout
        if self.use_blur and self.use_semantics:
            self.fuse.window_layout = layout

    def forward(self, lr: Tensor, blur: Tensor | None = None, seg: Tensor | None = None) -> Tensor:
        """Restore an LR image.

        Args:
            lr: (N, 3, h, w) sRGB in [0, 1].
            blur: (N, 1, s*h, s*w) sigma in HR pixels; ``None`` if the network uses no sigma map.
            seg: (N, s*h, s*w) integer class indices, 255 where unknown; ``None`` if the network
                uses no class map.

        Returns:
            (N, 3, s*h, s*w), not clipped.

        Raises:
            DataError: if a shape is another, ``seg`` holds no integers, or a map is missing.
        """
        check_inputs(self, lr, blur, seg)
        return self.restore(lr, self.encode(blur, seg))

    def encode(self, blur: Tensor | None, seg: Tensor | None) -> Tensor | None:
        """Both maps as in :meth:`forward` -> the condition (N, C, h, w); ``None`` without maps."""
        step = self.scale if self.condition == "lr" else 1  # between the pixels embedded
        stride = self.scale // step  # from the embedded maps to the condition
        maps = []
        if self.use_blur:
            assert blur is not None
            dtype = self.blur_conv.weight.dtype
            maps.append((self.blur_conv, blur_input(blur, step).to(dtype)))
        if self.use_semantics:
            assert seg is not None
            dtype = self.seg_conv.weight.dtype
            values = class_input(seg, self.embed, self.num_classes, step, dtype)
            maps.append((self.seg_conv, values))
        if not maps:
            return None
        if len(maps) == 1:  # a stride computes just the pixels that the condition is read at
            conv, values = maps[0]
            return conv2d(values, conv.weight, conv.bias, stride=stride, padding=1)
        fused = self.fuse(*(conv(values) for conv, values in maps))
        return fused[:, :, ::stride, ::stride]


def check_inputs(network: RRDBSFT, lr: Tensor, blur: Tensor | None, seg: Tensor | None) -> None:
    """Raise a DataError for what ``network`` cannot restore."""
    if lr.ndim != 4 or lr.shape[1] != 3:
        raise DataError("lr", found=f"shape {tuple(lr.shape)}", expected="(N, 3, h, w)")
    n, height, width = lr.shape[0], network.scale * lr.shape[2], network.scale * lr.shape[3]
    wanted: dict[str, tuple[Tensor | None, tuple[int, ...]]] = {}
    if network.use_blur:
        wanted["blur"] = (blur, (n, 1, height, width))
    if network.use_semantics:
        wanted["seg"] = (seg, (n, height, width))
    for name, (map_, shape) in wanted.items():
        if map_ is None or tuple(map_.shape) != shape:
            raise DataError(
                name,
                found="no map" if map_ is None else f"shape {tuple(map_.shape)}",
                expected=f"{shape}, which is {network.scale} times the size of lr",
            )
    if network.use_semantics and seg is not None and (seg.is_floating_point() or seg.is_complex()):
        raise DataError("seg", found=f"values of {seg.dtype}", expected="integer class indices")
