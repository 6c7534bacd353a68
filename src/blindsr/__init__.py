"""blindsr: blind image super-resolution when blur varies across the image.

Importing the package loads nothing heavy: subpackages load when they are first touched (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .restore import load

__version__ = "0.1.0"

_SUBPACKAGES = (
    "callbacks",
    "cli",
    "data",
    "degradation",
    "drawing",
    "errors",
    "imaging",
    "inference",
    "losses",
    "metrics",
    "networks",
    "photo",
    "restore",
    "tasks",
    "types",
    "weights",
)

__all__ = ["__version__", "load", *_SUBPACKAGES]


def __getattr__(name: str) -> Any:
    if name == "load":
        return importlib.import_module(f"{__name__}.restore").load
    if name in _SUBPACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
