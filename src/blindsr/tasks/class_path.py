"""Networks of a pipeline by the import path of their class, as YAML names any other class."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from blindsr.errors import ConfigError
from blindsr.networks import kinds

CLASS, ARGUMENTS = "class_path", "init_args"


def by_kind(given: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Settings of a part, with ``class_path`` and ``init_args`` turned into its kind and arguments.

    Importing the module of a class of one's own adds its kind to the table.

    Args:
        given: settings of a part, as configured.
        key: of the configuration, for messages.

    Raises:
        ConfigError: if the class cannot be imported or is of no kind.
    """
    if CLASS not in given:
        return dict(given)
    unknown = sorted(set(given) - {CLASS, ARGUMENTS})
    if unknown:
        raise ConfigError(key, found=f"{CLASS} beside {', '.join(unknown)}", expected=ARGUMENTS)
    path = given[CLASS]
    module, _, name = str(path).rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(
            f"{key}.{CLASS}",
            found=f"{path}, which cannot be imported ({said})",
            expected="the import path of a network's class",
        ) from error
    kind = kinds.kind_of(found) if isinstance(found, type) else None
    if kind is None:
        raise ConfigError(
            f"{key}.{CLASS}",
            found=f"{path}, a class of no kind",
            expected=f"one of {', '.join(one.network.__name__ for one in kinds.every())}",
            fix="Add a class of your own with blindsr.networks.kinds.add.",
        )
    return {kinds.KIND: kind.name, **(given.get(ARGUMENTS) or {})}
