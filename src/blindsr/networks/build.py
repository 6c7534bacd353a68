"""From the stored settings of a training to the network they describe."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import nn

Network = TypeVar("Network", bound="nn.Module")


def network_settings(kind: type[nn.Module], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ``settings`` that the constructor of ``kind`` takes."""
    names = inspect.signature(kind).parameters
    return {name: value for name, value in settings.items() if name in names}


def build(kind: type[Network], settings: Mapping[str, Any]) -> Network:
    """Construct ``kind`` from settings among which there may be others, as those of a task are.

    Raises:
        ConfigError: if an option has an unknown value.
    """
    return kind(**network_settings(kind, settings))
