"""The released CMOS code, from a folder that its user gives, made to run with today's torch."""

import contextlib
import sys
import types
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from blindsr.errors import FileError
from blindsr.networks import CMOS, RRDBSFT, BlindSR

ARCHITECTURE = "models/modules/CMOS_arch.py"
CLASSES, SCALE, CODE = 40, 4, 64  # of its NYUv2 options


class ConvModule(nn.Module):
    """What the released code uses of mmcv: convolution, batch norm, activation."""

    def __init__(
        self, width_in, width_out, kernel, *, stride, padding, conv_cfg, norm_cfg, act_cfg
    ):
        super().__init__()
        assert conv_cfg is None
        assert norm_cfg == {"type": "BN"}
        self.conv = nn.Conv2d(width_in, width_out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(width_out)
        self.activation = {None: nn.Identity, "LeakyReLU": lambda: nn.LeakyReLU(0.01, True)}[
            (act_cfg or {}).get("type")
        ]()

    def forward(self, x):  # noqa: D102
        return self.activation(self.bn(self.conv(x)))


@cache
def load(folder):
    """Import the released networks.

    Args:
        folder: of the repository, or its ``codes``.

    Returns:
        Module with ``CMOSNet``, ``RRDBNet`` and ``BlindSR``.

    Raises:
        FileError: if the folder holds something else.
    """
    root = next((one for one in (folder, folder / "codes") if (one / ARCHITECTURE).is_file()), None)
    if root is None:
        raise FileError(
            str(folder),
            found="another folder",
            expected=f"codes/{ARCHITECTURE}",
            fix="Clone github.com/ByChelsea/CMOS and name its folder.",
        )
    mmcv = types.ModuleType("mmcv")
    mmcv.cnn = types.ModuleType("mmcv.cnn")
    mmcv.cnn.ConvModule = ConvModule
    sys.modules.update({"mmcv": mmcv, "mmcv.cnn": mmcv.cnn})
    # its package imports the trainer, and that wants what a forward pass does not
    for name in ("models", "models.modules"):
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")))]
        sys.modules[name] = package
    from models.modules import CMOS_arch

    make_backbone = CMOS_arch.hrnet_w18

    def backbone(_):
        np.int = int  # noqa: NPY001 - gone from NumPy since it was written
        with contextlib.chdir(root):  # it reads its configuration there
            return make_backbone(False)

    CMOS_arch.hrnet_w18 = backbone
    return CMOS_arch


def networks(folder, name):
    """Released and our ``CMOS``, ``RRDB-SFT`` or ``blind``, one after the other: equal weights."""
    if name == "blind":
        pairs = [networks(folder, one) for one in ("CMOS", "RRDB-SFT")]
        return tuple(
            kind(*form)
            for kind, form in zip((Released, BlindSR), zip(*pairs, strict=True), strict=True)
        )
    kind, ours, prefix = {
        "CMOS": ("CMOSNet", CMOS(CLASSES, SCALE), "cmos."),
        "RRDB-SFT": ("RRDBNet", RRDBSFT(scale=SCALE), ""),
    }[name]
    released = getattr(load(Path(folder).resolve()), kind)(
        nf=64, nb=10, gc=32, scale=SCALE, code_length=CODE, seg_classes=CLASSES
    )
    released.load_state_dict({f"{prefix}{key}": one for key, one in ours.state_dict().items()})
    return released, ours


class Released(nn.Module):
    """Released estimator, then the released restorer told its maps, as its third stage does."""

    def __init__(self, estimator, restorer):
        super().__init__()
        self.estimator, self.restorer = estimator, restorer

    def forward(self, lr):  # noqa: D102
        with torch.no_grad():
            _, blur, seg, *_ = self.estimator(lr, None, None)
        classes = seg.argmax(1, keepdim=True).to(lr.dtype)
        return self.restorer(lr, blur, classes)[0]
