"""Modules without content, for libraries that are imported but not needed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class HollowModule(ModuleType):
    """Has whatever is asked of it: a class of that name, which may be called and derived from."""

    __version__ = "999"  # newer than what anybody asks for

    def __getattr__(self, name: str) -> type:
        """Make the class."""
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (), {"__init__": _accept, "__module__": self.__name__})
        setattr(self, name, made)
        return made


def _accept(_self: object, *_args: Any, **_kwargs: Any) -> None:
    pass


class _Finder(MetaPathFinder, Loader):
    """Finds hollow modules for some names and for all below them."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:  # type: ignore[override]  # fewer names
        ours = any(fullname == name or fullname.startswith(f"{name}.") for name in self.names)
        return ModuleSpec(fullname, self, is_package=True) if ours else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return HollowModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextlib.contextmanager
def hollow(names: Sequence[str]) -> Iterator[None]:
    """Let modules be imported without their content; after it they can be imported as they are.

    Args:
        names: modules and packages; those that are loaded already stay what they are.
    """
    finder = _Finder([name for name in names if name not in sys.modules])
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, each in sys.modules.items() if isinstance(each, HollowModule)]:
            del sys.modules[name]
