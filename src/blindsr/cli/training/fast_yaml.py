"""YAML by LibYAML, where PyYAML has it: every training writes and reads its configuration."""

from __future__ import annotations

from typing import Any

import jsonargparse  # noqa: F401 - adds its namespaces to what the plain dumper knows
import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):
    """Knows the types that were added to the plain one: namespaces of the parser."""

    yaml_representers = yaml.SafeDumper.yaml_representers


def read_yaml(text: str) -> Any:
    """Plain values."""
    return yaml.load(text, Loader=_Loader)


def write_yaml(content: Any) -> str:
    """Text in the order of ``content``, as jsonargparse writes it."""
    written: str = yaml.dump(
        content, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False
    )
    return written
