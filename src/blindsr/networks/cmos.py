"""CMOS: from an LR image to its sigma map and its class map (CVPR 2023, arXiv 2304.03542)."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from blindsr.errors import ConfigError, DataError
from blindsr.networks.backbones.by_name import create_backbone
from blindsr.networks.blocks.batch_norm import precise_batch_norms
from blindsr.networks.blocks.conv import BasicBlock, pointwise
from blindsr.networks.blocks.gia.spatial import WindowLayout
from blindsr.networks.blocks.gradient_energy import GradientEnergy
from blindsr.networks.blocks.pixel_norm import Norm, normalise_by_pixel
from blindsr.networks.blocks.whole_picture import resize
from blindsr.types import Estimate

from .gia import GIA, GIAParts, default_groups
from .roles import EstimatorNetwork

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MIN_SIZE = 16
TASKS = ("seg", "blur")
FUSION = {"seg": "GIA_s", "blur": "GIA_b"}
INPUT_CHANNELS = {"rgb": 3, "gradients": GradientEnergy.channels}
TaskChoice = Literal["both", "blur", "seg"]
Inputs = Literal["rgb", "gradients", "both"]


class CMOS(EstimatorNetwork):
    """Cross-modal fusion network: two tasks that exchange features at four scales.

    Args:
        num_classes: classes of the class map; may be 0 for ``tasks="blur"``.
        scale: HR size over LR size.
        window_layout: ``"fixed"``, or ``"legacy"`` for the officially released weights.
        backbone: ``"hrnet_w18_small_v2"`` (the paper's), or ``"pyramid_small"`` for demonstrations.
        gia_parts: which parts of GIA are used, see :class:`blindsr.networks.GIA`.
        window: rows and columns of the windows of GIA.
        tasks: ``"both"``, or ``"blur"`` or ``"seg"`` alone (ablation): then features
            pass from scale to scale through the GIA of that task only, and the maps of the other
            task are ``None``.
        auxiliary: decode the auxiliary maps; without (ablation) they are ``None``.
        inputs: what the backbone sees: colours as released (``"rgb"``), the gradient left after
            blurs (``"gradients"``, see :class:`~.blocks.gradient_energy.GradientEnergy`), from
            which blur is learnt within minutes, or ``"both"``.
        norm: ``"batch"`` as released, or ``"pixel"``: every pixel over its own channels. Then
            only the channel gates of GIA (the C of ``gia_parts``) take means over a picture.

    Raises:
        ConfigError: if an option has an unknown value.

    15,975,866 parameters with 40 classes, 15,969,776 with 19.
    """

    without_classes: ClassVar[dict[str, object]] = {"tasks": "blur"}
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        num_classes: int = 40,
        scale: int = 4,
        window_layout: WindowLayout = "fixed",
        *,
        backbone: str = "hrnet_w18_small_v2",
        gia_parts: GIAParts = "FCS",
        window: tuple[int, int] = (15, 20),
        tasks: TaskChoice = "both",
        auxiliary: bool = True,
        inputs: Inputs = "rgb",
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        self.scale = scale
        self.tasks = _chosen_tasks(tasks)
        self.estimates = tuple(task for task in ("blur", "seg") if task in self.tasks)
        self.num_classes = num_classes if "seg" in self.tasks else 0
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        self.inputs = _known("inputs", inputs, get_args(Inputs))
        self.energy = None if inputs == "rgb" else GradientEnergy()
        width = sum(INPUT_CHANNELS[part] for part in INPUT_CHANNELS if inputs in (part, "both"))
        self.backbone, channels = create_backbone(backbone, width)

        def gia(low: int, high: int, *, fuse: bool = False) -> GIA:
            return GIA(
                low,
                high,
                groups=default_groups(high),
                window=(window[0], window[1]),
                upsample=fuse,
                merge=fuse,
                parts=gia_parts,
                window_layout=window_layout,
            )

        steps = list(zip(channels[1:], channels[:-1], strict=True))  # (coarse, fine)
        outputs = {"seg": num_classes, "blur": 1}
        decoded = {task: outputs[task] for task in self.tasks if auxiliary}
        self.heads = nn.ModuleList(
            TaskHeads(width, self.tasks, {} if i else decoded) for i, width in enumerate(channels)
        )
        if len(self.tasks) == len(TASKS):
            self.GIA_m = nn.ModuleList(gia(width, width) for width in channels[1:])
        for task, name in FUSION.items():
            if task in self.tasks:
                layers = [gia(coarse, fine, fuse=True) for coarse, fine in steps]
                self.add_module(name, nn.ModuleList(layers))
        if len(self.tasks) == len(TASKS):
            self.GIA_l = nn.ModuleList(gia(width, width) for width in channels)
        self.predict = nn.ModuleDict(
            {task: Prediction(sum(channels), outputs[task]) for task in self.tasks}
        )
        if _known("norm", norm, get_args(Norm)) == "pixel":
            normalise_by_pixel(self)
        else:
            precise_batch_norms(self)

    @property
    def window_layout(self) -> WindowLayout:
        """How GIA puts its windows back; setting it changes every GIA of the network."""
        return next(m.window_layout for m in self.modules() if isinstance(m, GIA))

    @window_layout.setter
    def window_layout(self, layout: WindowLayout) -> None:
        for module in self.modules():
            if isinstance(module, GIA):
                module.window_layout = layout

    def drop_auxiliary(self) -> None:
        """Remove the heads of the auxiliary maps, which only training needs."""
        for heads in self.heads:
            heads.decoders = nn.ModuleDict()

    def forward(self, lr: Tensor, *, enlarge_classes: bool = True) -> Estimate:
        """Estimate both maps of an LR image.

        Args:
            lr: (N, 3, h, w) sRGB in [0, 1], h and w at least 16, odd sizes included.
            enlarge_classes: ``False`` leaves class logits in the size of the finest features, for
                :func:`blindsr.losses.enlarged_cross_entropy`.

        Returns:
            Maps of size (s*h, s*w). ``blur`` and ``aux_blur`` are sigma in HR pixels with
            unconstrained sign.

        Raises:
            DataError: if ``lr`` has another shape or is too small.
        """
        _check(lr)
        heads = self._top_down(self.encode(lr))
        final = heads
        if len(self.tasks) == len(TASKS):
            fused = [gia(h["blur"], h["seg"]) for gia, h in zip(self.GIA_l, heads, strict=True)]
            final = [{"blur": b, "seg": g} for b, g in fused]
        maps: list[Tensor | None] = []
        for task in ("blur", "seg"):
            seen = task in self.tasks
            maps.append(self.predict[task]([x[task] for x in final]) if seen else None)
        finest = self.heads[0]
        assert isinstance(finest, TaskHeads)
        for task in ("blur", "seg"):
            seen = task in finest.decoders
            maps.append(finest.decoders[task](heads[0][task]) if seen else None)
        size = (lr.shape[2] * self.scale, lr.shape[3] * self.scale)
        small = () if enlarge_classes else (1, 3)  # the logits
        return Estimate(*(m if i in small else _resize_if(m, size) for i, m in enumerate(maps)))

    def encode(self, lr: Tensor) -> list[Tensor]:
        """(N, 3, h, w) in [0, 1] -> the four maps of the backbone, finest first."""
        seen = [(lr - self.mean) / self.std] if self.inputs in ("rgb", "both") else []
        if self.energy is not None:
            seen.append(self.energy(lr))
        return self.backbone(seen[0] if len(seen) == 1 else torch.cat(seen, dim=1))

    def _top_down(self, features: list[Tensor]) -> list[dict[str, Tensor]]:
        """Head features by task, finest first; each scale also takes the next coarser one."""
        inputs = dict.fromkeys(self.tasks, features[-1])
        heads: list[dict[str, Tensor]] = []
        for i in range(len(features) - 1, -1, -1):
            found = self.heads[i](inputs)
            heads.insert(0, found)
            if i == 0:
                break
            if len(self.tasks) == len(TASKS):
                blur, seg = self.GIA_m[i - 1](found["blur"], found["seg"])
                found = {"blur": blur, "seg": seg}
            inputs = {
                task: getattr(self, FUSION[task])[i - 1](found[task], features[i - 1])
                for task in self.tasks
            }
        return heads


class TaskHeads(nn.Module):
    """Two residual blocks per task at one scale, and 1x1 decoders of the auxiliary maps.

    Args:
        channels: channels of the scale.
        tasks: the tasks that have a head.
        outputs: channels of the auxiliary maps by task; empty for a scale without them.
    """

    def __init__(self, channels: int, tasks: tuple[str, ...], outputs: dict[str, int]) -> None:
        super().__init__()
        self.refinement = nn.ModuleDict(
            {task: nn.Sequential(BasicBlock(channels), BasicBlock(channels)) for task in tasks}
        )
        self.decoders = nn.ModuleDict(
            {task: pointwise(channels, width) for task, width in outputs.items()}
        )

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """(N, C, H, W) by task -> (N, C, H, W) by task."""
        return {task: block(inputs[task]) for task, block in self.refinement.items()}


class Prediction(nn.Module):
    """All scales at the finest size, concatenated, through two 1x1 convolutions to one map.

    Args:
        channels: sum of the channels of all scales.
        outputs: channels of the map.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.last_layer = nn.Sequential(
            pointwise(channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            pointwise(channels, outputs),
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        """Maps (N, C_i, H_i, W_i), finest first -> (N, outputs, H_0, W_0)."""
        return self.last_layer[1:](self._first(features))

    def _first(self, features: list[Tensor]) -> Tensor:
        """First convolution of what is enlarged and concatenated, without doing either.

        A 1x1 convolution and resizing may be exchanged: each scale is convolved in its own size,
        with its columns of the weight, an eighth of the multiplications.
        """
        first = self.last_layer[0]
        assert isinstance(first, nn.Conv2d)
        columns = first.weight.split([x.shape[1] for x in features], dim=1)
        finest, *coarser = zip(features, columns, strict=True)
        total = conv2d(*finest, first.bias, dilation=first.dilation)
        for one in coarser:
            total = total + _resize(conv2d(*one, dilation=first.dilation), total.shape[2:])
        return total


def _resize(x: Tensor, size: tuple[int, ...]) -> Tensor:
    if x.shape[2:] == size:
        return x
    return resize(x, size)


def _resize_if(x: Tensor | None, size: tuple[int, ...]) -> Tensor | None:
    return None if x is None else _resize(x, size)


def _known(name: str, value: str, names: tuple[str, ...]) -> str:
    if value not in names:
        raise ConfigError(name, found=repr(value), expected=" or ".join(map(repr, names)))
    return value


def _chosen_tasks(tasks: str) -> tuple[str, ...]:
    _known("tasks", tasks, get_args(TaskChoice))
    return TASKS if tasks == "both" else (tasks,)


def _check(lr: Tensor) -> None:
    if lr.ndim != 4 or lr.shape[1] != 3:
        raise DataError("lr", found=f"shape {tuple(lr.shape)}", expected="(N, 3, h, w)")
    if min(lr.shape[2:]) < MIN_SIZE:
        raise DataError(
            "lr",
            found=f"an image of {lr.shape[2]}x{lr.shape[3]} pixels",
            expected=f"at least {MIN_SIZE}x{MIN_SIZE}",
            fix="Pad the image or choose a larger one.",
        )
