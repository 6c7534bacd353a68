"""Networks of files that a training starts from, and what must be equal in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blindsr.errors import ConfigError
from blindsr.networks import kinds
from blindsr.networks.settings.build import network_settings
from blindsr.weights.checkpoint import read_network

from .restoration import RestorerTask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from blindsr.networks.roles import Role


def network_of_file(
    path: str,
    like: nn.Module,
    settings: Mapping[str, Any],
    *,
    key: str = "model.weights",
    of_pipeline: bool = False,
) -> Any:
    """The network of a file, which must be of the class and the settings of another.

    Args:
        path: checkpoint, export or released file.
        like: the other network.
        settings: its settings, maybe among others; a released file with attention windows is read
            in the ``window_layout`` named there.
        key: of the configuration, for messages.
        of_pipeline: a file of estimator and restorer will do, of which the part is taken.

    Raises:
        FileError, WeightsError: if the file is missing or holds no network.
        ConfigError: if it holds another network, or one with other settings.
    """
    file, kind = read_network(path), kinds.kind_of(like)
    assert kind is not None
    role: Role = kind.role
    part = file.parts.get(role) if of_pipeline or not file.is_pipeline else None
    if part is None or part.kind is not kind:
        raise ConfigError(key, found=f"{path}, a {file.kind} network", expected=kind.name)
    differ(path, *(network_settings(kind.network, one) for one in (part.settings, settings)))
    layout = settings["window_layout"] if file.has_windows and file.official else None
    return kinds.networks(file.network(layout))[role]


def differ(path: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise a ConfigError that names the first setting of a file that is not the wanted one."""
    for name, value in found.items():
        mine = wanted.get(name, value)
        if _plain(mine) != _plain(value):
            linked = name in (*RestorerTask.linked_with_data, "phase")
            how = "Use such data (they decide it)," if linked else f"Set it to {value},"
            raise ConfigError(
                f"model.{name}",
                found=f"{mine} in the configuration",
                expected=f"{value} as in {path}",
                fix=f"{how} or start from other weights.",
            )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
