"""Errors of the parser as one line: which key, what was found, what is allowed, did you mean.

jsonargparse reports a wrong value of a nested class as a tree of attempts over ten lines; the cause
stands somewhere in the middle. The patterns here pick it out.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from blindsr.errors import ConfigError

_KEY = re.compile(r'[Pp]arser key "([^"]+)"')
_CLASS = re.compile(r"class_path '([^']+)'")
_REFUSED = re.compile(
    r"Option '([^']+)' is not accepted|Key '([^']+)' is not expected"
    r"|does not accept option '([^']+)'"
)
_EXPECTED = re.compile(r"Expected an? (.+?)(?:\. Got value: (.*))?$", re.MULTILINE)
_NO_CLASS = re.compile(r"module '([^']+)' has no attribute '([^']+)'|No module named '([^']+)'")
_GIVEN = re.compile(r"Given value: (.*)")
_SUBCOMMAND = re.compile(r"invalid choice: '([^']*)' \(choose from (.+)\)")
_UNRECOGNIZED = re.compile(r"unrecognized arguments: (\S+)")
_NESTED = re.compile(r"NestedArg\(key='([^']+)'")
_REQUIRED = re.compile(r"arguments are required: (.+)")
_NO_FILE = re.compile(
    r"(?:File|Path|path) does not exist: ['\"]?([^'\"\n]+)|No such file[^:]*: '([^']+)'"
)


_NEAR = 0.6
"""Least share of letters in common, see :class:`difflib.SequenceMatcher`."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``Did you mean x?`` for the nearest known word, or an empty string.

    The last parts decide: dashes or a group in common (``--``, ``model.``) make no two words alike.
    """

    def nearness(name: str) -> tuple[float, float]:
        return _likeness(_last(word), _last(name)), _likeness(word, name)

    best = max(known, key=nearness, default="")
    return f"Did you mean {best}?" if nearness(best)[0] >= _NEAR else ""


def _last(word: str) -> str:
    return word.lstrip("-").rsplit(".", 1)[-1]


def _likeness(word: str, other: str) -> float:
    return difflib.SequenceMatcher(None, word, other).ratio()


def defaults_of(owner: type) -> Mapping[str, Any]:
    """Default of every argument of a class, those that it hands on to its bases included."""
    return _defaults_of(owner)


@lru_cache(maxsize=64)  # a demonstration or a benchmark trains the same class many times
def _defaults_of(owner: type) -> Mapping[str, Any]:
    from jsonargparse import ArgumentParser

    parser = ArgumentParser()
    names = parser.add_class_arguments(owner, fail_untyped=False)
    return MappingProxyType({name: parser.get_default(name) for name in names})


def parameters_of(class_path: str) -> list[str]:
    """Names of the arguments that a class takes; none if it cannot be had."""
    module, _, name = class_path.rpartition(".")
    try:
        return list(defaults_of(getattr(importlib.import_module(module), name)))
    except (ImportError, AttributeError, ValueError, TypeError):
        return []


def explain(message: str, known_keys: Sequence[str] = ()) -> ConfigError:
    """Condense a parser's message.

    Args:
        message: text of the ``ArgumentError``.
        known_keys: the keys that the chosen subcommand accepts, for suggestions.
    """
    rules = (
        _subcommand,
        _missing_file,
        _no_class,
        _refused_option,
        _unrecognized,
        _required,
        _value,
    )
    for rule in rules:
        error = rule(message, known_keys)
        if error is not None:
            return error
    where = ".".join(_KEY.findall(message)) or "configuration"
    return ConfigError(where, found=" ".join(message.split()))


def _subcommand(message: str, known_keys: Sequence[str]) -> ConfigError | None:
    del known_keys
    match = _SUBCOMMAND.search(message)
    if not match:
        return None
    choices = re.findall(r"[\w-]+", match[2])
    return ConfigError(
        "command",
        found=match[1] or "nothing",
        expected="one of " + ", ".join(choices),
        fix=did_you_mean(match[1], choices),
    )


def _missing_file(message: str, known_keys: Sequence[str]) -> ConfigError | None:
    del known_keys
    match = _NO_FILE.search(message)
    if not match:
        return None
    return ConfigError(
        match[1] or match[2], found="no such file", expected="a YAML configuration", fix=""
    )


def _no_class(message: str, known_keys: Sequence[str]) -> ConfigError | None:
    del known_keys
    match, class_path = _NO_CLASS.search(message), _CLASS.search(message)
    if not match or not class_path:
        return None
    missing = match[3] or ""
    if missing and not class_path[1].startswith(missing):  # what it needs is not there
        return ConfigError(
            ".".join([*_KEY.findall(message)[:1], "class_path"]),
            found=f"{class_path[1]} cannot be imported, it needs the module {missing}",
            expected="an installed module",
            fix=f"Install the distribution that has {missing.partition('.')[0]}.",
        )
    module = match[1] or missing.partition(".")[0]
    try:
        names = [f"{module}.{name}" for name in dir(importlib.import_module(module))]
    except ImportError:
        names = []
    return ConfigError(
        ".".join([*_KEY.findall(message)[:1], "class_path"]),
        found=class_path[1],
        expected="the import path of a class",
        fix=did_you_mean(class_path[1], names),
    )


def _refused_option(message: str, known_keys: Sequence[str]) -> ConfigError | None:
    match = _REFUSED.search(message)
    if not match:
        return None
    option = match[1] or match[2] or match[3]
    prefix, class_path = _KEY.findall(message)[:1], _CLASS.search(message)
    known = (
        [*prefix] and [f"{prefix[0]}.{n}" for n in parameters_of(class_path[1])]
        if class_path
        else []
    )
    key = ".".join([*prefix, option])
    owner = f" of {class_path[1]}" if class_path else ""
    return ConfigError(
        key,
        found="unknown key",
        expected=f"an argument{owner}",
        fix=did_you_mean(key, known or known_keys),
    )


def _unrecognized(message: str, known_keys: Sequence[str]) -> ConfigError | None:
    match = _UNRECOGNIZED.search(message)
    if not match:
        return None
    option = match[1].split("=")[0]
    suggestion = did_you_mean(option.lstrip("-"), known_keys)
    fix = suggestion.replace("mean ", "mean --") or "See --help for the arguments there are."
    return ConfigError(option, found="unknown argument", fix=fix)


def _required(message: str, known_keys: Sequence[str]) -> ConfigError | None:
    del known_keys
    match = _REQUIRED.search(message)
    if not match:
        return None
    owner = _KEY.findall(message)
    if owner:  # of a class that was chosen, not the command's own
        key = ".".join([owner[0], match[1]])
        return ConfigError(key, found="nothing", expected="a value", fix=f"Give --{key} VALUE.")
    return ConfigError(
        match[1],
        found="nothing",
        expected="a value",
        fix="Give a configuration with -c, for instance -c experiments/cmos_demo.yaml.",
    )


def _value(message: str, known_keys: Sequence[str]) -> ConfigError | None:
    del known_keys
    keys, expected = _KEY.findall(message), _EXPECTED.findall(message)
    if not keys or not expected:
        return None
    # the value of the innermost key comes first, those of what holds it follow
    given = [got for _, got in expected if got] or _GIVEN.findall(message)[:1]
    found = given[-1] if given else "a value of another type"
    whole = _NESTED.findall(message)  # the key as it was typed, with that of the class in front
    where = f"{keys[0]}.{whole[-1]}" if whole else ".".join(keys)
    if _NESTED.search(found):
        owner = where.rpartition(".")[0]
        return ConfigError(
            where,
            found="unknown key",
            expected=f"a value of {owner} itself",
            fix=f"Give --{owner} VALUE.",
        )
    types = [readable_type(kind) for kind, _ in expected]
    if len(types) > 1:  # "or null" of an optional argument does not help
        types = [kind for kind in types if kind != "null"]
    return ConfigError(
        where,
        found=found,
        expected=" or ".join(dict.fromkeys(types)),
    )


_TYPES = {
    "NoneType": "null",
    "dict": "keys with values ({name: value})",
    "list": "a list ([1, 2])",
    "tuple": "a list ([1, 2])",
}


def readable_type(kind: str) -> str:
    """``<class 'int'>`` -> ``int``; ``typing.Literal['a', 'b']`` -> ``one of 'a', 'b'``."""
    kind = kind.strip().rstrip(".")
    if match := re.fullmatch(r"<class '([^']+)'>", kind):
        name = match[1].rsplit(".", 1)[-1]
        return _TYPES.get(name, name)
    if kind.startswith("dot import path"):
        return "the import path of a class"
    if kind.startswith("path but "):
        return "the path of a YAML file"
    if match := re.fullmatch(r"(?:typing\.)?Literal\[(.+)\]", kind):
        return f"one of {match[1]}"
    return kind
