"""Build a network from the stored settings of a training."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks.settings.checked import checked_settings

if TYPE_CHECKING:
    from torch import nn

Network = TypeVar("Network", bound="nn.Module")


def network_settings(kind: type[nn.Module], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ``settings`` that the constructor of ``kind`` takes."""
    names = inspect.signature(kind).parameters
    return {name: value for name, value in settings.items() if name in names}


def build(kind: type[Network], settings: Mapping[str, Any], *parts: nn.Module) -> Network:
    """Construct ``kind`` from settings, of which those of other classes are ignored.

    Args:
        kind: of the network.
        settings: plain values by argument.
        parts: networks that its constructor takes first.

    Raises:
        ConfigError: if an option has an unknown value, another type, or is out of bounds.
    """
    own = network_settings(kind, settings)
    try:
        # an unknown backbone has an error of its own, which names the nearest known one
        checked_settings(kind, {k: v for k, v in own.items() if k != "backbone"}, "", "model")
    except WeightsError as error:
        key, _, value = error.found.partition(" ")
        raise ConfigError(key, found=value, expected=error.expected) from error
    return kind(*parts, **own)
