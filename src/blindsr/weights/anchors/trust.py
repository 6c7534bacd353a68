"""Check the class that a file names, its arguments and its tensors before the network is built.

A file may come from anyone: of the classes it names only architectures of spandrel are imported,
their arguments are plain values within bounds, and large tensors take no memory until names and
shapes agree. A class of the user's own is named by the user, never taken from a file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks.settings.checked import short_text

from .classes import build_class, fitting, import_class, resolve

if TYPE_CHECKING:
    from torch import Tensor

_PACKAGES = ("spandrel", "spandrel_extra_arches")
_TRUSTED = re.compile(rf"(?:{'|'.join(_PACKAGES)})\.architectures\.\w+\.\w+")
_WORD = re.compile(r"[A-Za-z0-9_+.-]{0,40}")
_LARGEST, _LARGEST_SIDE = 4096, 256  # of numbers in a file: counts and widths, sides in pixels
_LONGEST, _DEEPEST = 64, 3  # of its lists


def is_trusted(class_path: str) -> bool:
    """Whether a file may name this class: a short name of ours, or an architecture of spandrel."""
    return "." not in class_path or _TRUSTED.fullmatch(class_path) is not None


def refused_class(class_path: str, where: str) -> WeightsError:
    """The error for a file whose network is a class that only its user can name."""
    return WeightsError(
        where,
        found=f"a network of the class {short_text(class_path)}, which no file may choose",
        expected="the class from you",
        fix="If you trust it, name it by `blindsr convert export --anchor-class`, or by class_path "
        "in the YAML.",
    )


def require_trusted(
    class_path: str, init_args: Mapping[str, Any], state: Mapping[str, Tensor], where: str
) -> None:
    """Prove that a class that a file names, with the arguments it names, has its tensors.

    Args:
        class_path: as in the file.
        init_args: as in the file.
        state: tensors by the names of the network.
        where: the file, for messages.

    Raises:
        WeightsError: if the class is none that a file may name, an argument is no plain value
            within bounds, or the tensors are others.
    """
    if not is_trusted(class_path):
        raise refused_class(class_path, where)
    require_plain_arguments(init_args, where)
    try:
        path, arguments = resolve(class_path, init_args)
        if import_class(path).__module__.partition(".")[0] not in _PACKAGES:
            raise refused_class(class_path, where)
        with _sketched():
            network = build_class(path, arguments)
    except ConfigError as error:
        raise WeightsError(
            where,
            found=f"an anchor that cannot be built: {error}",
            expected="an anchor of spandrel",
        ) from error
    fitting(network, state, where)


def require_plain_arguments(init_args: Mapping[str, Any], where: str) -> None:
    """Refuse arguments of a constructor that no network of a file needs.

    Raises:
        WeightsError: names the first that is no number within bounds, name, truth value, or short
            list of them.
    """
    for name, value in init_args.items():
        _require_plain(str(name), value, where)


def _require_plain(name: str, value: object, where: str, depth: int = 0) -> None:
    largest = _LARGEST_SIDE if "window" in name or "size" in name else _LARGEST
    if isinstance(value, (list, tuple)) and len(value) <= _LONGEST and depth < _DEEPEST:
        fits = sum(one for one in value if isinstance(one, int)) <= _LARGEST
        for one in value:
            _require_plain(name, one, where, depth + 1)
    elif isinstance(value, float):
        fits = math.isfinite(value) and abs(value) <= _LARGEST
    elif isinstance(value, int):
        fits = abs(value) <= largest
    else:
        fits = value is None or (isinstance(value, str) and bool(_WORD.fullmatch(value)))
    if not fits or not name.isidentifier():
        raise WeightsError(
            where,
            found=f"init_args.{short_text(name)} {short_text(value)}",
            expected=f"a number up to {largest}, a name, true, false, or a short list of them",
            fix="The file is damaged or was not written by blindsr.",
        )


class _Sketch(TorchFunctionMode):
    """Creates the weights of new layers on the meta device: shapes without memory.

    Not ``torch.device("meta")``: constructors compute with small tensors, which must have values.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.empty and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


@contextmanager
def _sketched() -> Iterator[None]:
    with _Sketch(), torch.random.fork_rng(devices=[]):
        yield
