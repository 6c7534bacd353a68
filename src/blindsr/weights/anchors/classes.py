"""Networks by the name of their class: short names, import, scale and sizes, strict loading."""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from blindsr.errors import ConfigError, WeightsError
from blindsr.weights.official import differences

from .dialects import DERIVED
from .spandrel_files import EXTRA_PACKAGE, explain_missing_extra, quiet

if TYPE_CHECKING:
    from torch import Tensor

_SIX = [6, 6, 6, 6, 6, 6]
_TRANSFORMER = {"img_size": 64, "embed_dim": 180, "depths": _SIX, "num_heads": _SIX, "upscale": 4}
RELEASED: dict[str, tuple[str, dict[str, Any]]] = {
    "esrgan": ("spandrel.architectures.ESRGAN.ESRGAN", {"num_blocks": 23, "scale": 4}),
    "compact": ("spandrel.architectures.Compact.Compact", {"num_conv": 32, "upscale": 4}),
    "swinir": (
        "spandrel.architectures.SwinIR.SwinIR",
        {**_TRANSFORMER, "window_size": 8, "mlp_ratio": 2.0, "upsampler": "nearest+conv"},
    ),
    "hat": (
        "spandrel.architectures.HAT.HAT",
        {**_TRANSFORMER, "window_size": 16, "mlp_ratio": 2.0, "upsampler": "pixelshuffle"},
    ),
    "femasr": (
        "spandrel_extra_arches.architectures.FeMaSR.FeMaSR",
        {"LQ_stage": True, "scale_factor": 4},
    ),
    "srformer": (
        "spandrel_extra_arches.architectures.SRFormer.SRFormer",
        {**_TRANSFORMER, "window_size": 22, "mlp_ratio": 2.0, "upsampler": "nearest+conv"},
    ),
}
"""Short name -> class and settings of the x4 network that its authors released for photographs."""
_RRDB = (
    (r"model\.0\.(\w+)", r"conv_first.\1"),
    (r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.(\w+)", r"body.\1.rdb\2.conv\3.\4"),
    (r"model\.1\.sub\.\d+\.(\w+)", r"conv_body.\1"),
)
_TRY = 64


def resolve(class_path: str, init_args: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Replace a short name by its class; ``init_args`` override its settings."""
    if "." in class_path:
        return class_path, dict(init_args)
    short = class_path.lower()
    if short not in RELEASED:
        near = difflib.get_close_matches(short, RELEASED, n=1)
        raise ConfigError(
            "class_path",
            found=class_path,
            expected=f"the import path of a class, or one of {', '.join(RELEASED)}",
            fix=f"Did you mean {near[0]}?" if near else "",
        )
    path, settings = RELEASED[short]
    return path, {**settings, **init_args}


def build_class(class_path: str, init_args: Mapping[str, Any]) -> nn.Module:
    """Import a class and construct it.

    Raises:
        ConfigError: if it cannot be found, is no ``nn.Module``, or refuses its arguments.
    """
    kind = import_class(class_path)
    _check_arguments(kind, init_args, class_path)
    try:
        with quiet():
            return kind(**init_args)
    except Exception as error:  # any class may raise any error for wrong values
        raise ConfigError(
            class_path,
            found=f"cannot be built ({type(error).__name__}: {error})",
            expected="arguments that fit each other",
        ) from error


def sizes(network: nn.Module, multiple: int = 1, minimum: int = 1) -> tuple[int, int]:
    """Attributes ``multiple`` and ``minimum`` of a network; the given values where it has none."""
    defaults = {"multiple": multiple, "minimum": minimum}
    found = [getattr(network, name, value) for name, value in defaults.items()]
    multiple, minimum = (value if isinstance(value, int) else 1 for value in found)
    return max(multiple, 1), max(minimum, 1)


def measured_scale(network: nn.Module, multiple: int, minimum: int, class_path: str) -> int:
    """Attribute ``scale`` or ``upscale`` of a network, else measured on a small picture.

    Raises:
        ConfigError: if the network makes no picture of a picture.
    """
    for name in ("scale", "upscale"):
        value = getattr(network, name, None)
        if isinstance(value, int) and value > 0:
            return value
    size = -(-max(_TRY, minimum) // multiple) * multiple
    training, sr = network.training, None
    try:
        with torch.no_grad(), quiet():
            sr = network.eval()(torch.zeros(1, 3, size, size))
    except Exception as error:  # any network may raise any error for a wrong picture
        raise _no_scale(class_path, f"{type(error).__name__}: {error}", size) from error
    finally:
        network.train(training)
    shape = tuple(sr.shape) if isinstance(sr, torch.Tensor) else type(sr).__name__
    if not isinstance(sr, torch.Tensor) or sr.ndim != 4 or sr.shape[1] != 3:
        raise _no_scale(class_path, f"it gives {shape}", size)
    if sr.shape[2] != sr.shape[3] or sr.shape[2] % size:
        raise _no_scale(class_path, f"it gives {shape}", size)
    return sr.shape[2] // size


def as_released(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of an RRDB network by the names of BasicSR, which its users expect; others as is."""
    if "model.1.sub.0.RDB1.conv1.0.weight" not in state or any("conv1x1" in n for n in state):
        return dict(state)
    last = max(int(name.split(".")[1]) for name in state)
    tail = {last: "conv_last", last - 2: "conv_hr"}
    tail |= {3 * i: f"conv_up{i}" for i in range(1, (last - 2) // 3 + 1) if 3 * i < last - 2}
    rules = [*_RRDB, *((rf"model\.{i}\.(\w+)", rf"{name}.\1") for i, name in tail.items())]
    return {_renamed(name, rules): tensor for name, tensor in state.items()}


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Load tensors that must fit name by name and shape by shape.

    Tables of positions and masks follow from the architecture: the network keeps its own.

    Raises:
        WeightsError: names what is missing, unknown and of another shape; nothing was changed then.
    """
    found = fitting(network, state, where)
    network.load_state_dict({**network.state_dict(), **found})


def fitting(network: nn.Module, state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """The tensors of ``state`` that a network takes; errors as of :func:`load_strictly`."""
    own = network.state_dict()
    found = {name: tensor for name, tensor in state.items() if not name.endswith(DERIVED)}
    wanted = {name: tensor for name, tensor in own.items() if not name.endswith(DERIVED)}
    different = differences(wanted, found)
    if different:
        raise WeightsError(
            where,
            found=f"of {len(found)} tensors {different}",
            expected=f"the {len(wanted)} tensors of {type(network).__name__}",
            fix="Choose the file of this network, or build it with the settings of the file.",
        )
    return found


def _renamed(name: str, rules: list[tuple[str, str]]) -> str:
    for pattern, ours in rules:
        renamed, count = re.subn(rf"^{pattern}$", ours, name)
        if count:
            return renamed
    return name


def import_class(class_path: str) -> type[nn.Module]:
    """Import a class of a network that the user named; never one that a file names."""
    module, _, name = class_path.rpartition(".")
    try:
        with quiet():
            kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        missing = getattr(error, "name", None) or ""
        if class_path.startswith(EXTRA_PACKAGE) and missing.startswith(EXTRA_PACKAGE):
            raise explain_missing_extra(class_path) from error
        raise ConfigError(
            class_path, found=f"cannot be imported ({error})", expected="the path of a class"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise ConfigError(class_path, found="no network", expected="a class of torch.nn.Module")
    return kind


def _check_arguments(kind: type, init_args: Mapping[str, Any], class_path: str) -> None:
    try:
        signature = inspect.signature(kind)
    except (TypeError, ValueError):  # a class without one: its constructor will say what it takes
        return
    try:
        signature.bind(**init_args)
    except TypeError as error:
        raise ConfigError(
            class_path,
            found=f"init_args that do not fit ({error})",
            expected=f"arguments among {', '.join(signature.parameters) or 'none'}",
        ) from error


def _no_scale(class_path: str, found: str, size: int) -> ConfigError:
    return ConfigError(
        class_path,
        found=f"no scale to be seen ({found})",
        expected=f"an attribute `scale`, or (1, 3, {size}, {size}) -> (1, 3, s*{size}, s*{size})",
    )
