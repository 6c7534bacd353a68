"""Extension of griffe, which reads our source for the API pages without importing it."""

from __future__ import annotations

import ast
import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|mod|meth|attr|data):`~?([\w.]+)`")


class PublicNames(griffe.Extension):
    """Tells it what our packages load late, and turns Sphinx roles of docstrings into links."""

    def on_module(self, *, mod: griffe.Module, **_: Any) -> None:
        """Make every name of a table ``_LAZY`` one that the module exports."""
        lazy = mod.members.get("_LAZY")
        if lazy is None:
            return
        table = ast.literal_eval(str(lazy.value))
        for name, module in table.items():
            mod.set_member(name, griffe.Alias(name, f"{mod.path}.{module}.{name}"))
        mod.exports = sorted({*map(str, mod.exports or ()), *table})

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Link the names in a docstring that stand on an API page; others become plain code."""
        if obj.docstring is not None:
            text = ROLE.sub(link, obj.docstring.value)
            obj.docstring.value = re.sub(r"::\n\n( {4})", r":\n\n\1", text)


def link(role: re.Match[str]) -> str:
    """Return an optional cross-reference to the full name of a role."""
    name = role[1]
    return f'<autoref optional identifier="{name}"><code>{name.rpartition(".")[2]}</code></autoref>'
