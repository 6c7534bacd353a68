"""Reads the YAML of a benchmark; refuses what would only be found out after hours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from blindsr.cli.configs import find, unknown
from blindsr.cli.training.config_errors import did_you_mean
from blindsr.errors import ConfigError, FileError

from .plan import SPLITS, Choice, Plan, Row

TOP = ("title", "out", "seeds", "reference", "choices", "curves", "shared", "rows")
FILES = ("config", "test_config")
VALUES = ("overrides", "test_overrides")
SINGLE = ("seeded", "max_steps", "max_time", "tested")
SHARED = (*FILES, *VALUES, *SINGLE)
OWN = ("checkpoint", "train", "against", "shown")
ROW = (*("name", *SHARED), "seeds", "rival", "of", *OWN)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _seeds(value: Any) -> bool:
    whole = isinstance(value, list) and all(_whole(v, 0) for v in value)
    return whole and 0 < len(value) == len(set(value))


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("title", "out", "reference", "name", "of", "against"), (_text, "a text")),
    **dict.fromkeys(("checkpoint", "rival"), (_text, "a text")),
    **dict.fromkeys(FILES, (lambda v: _text(v) or _texts(v), "a configuration or a list of some")),
    **dict.fromkeys(VALUES, (lambda v: isinstance(v, dict), "values by dotted key")),
    **dict.fromkeys(("train", "shown"), (lambda v: isinstance(v, bool), "true or false")),
    "seeds": (_seeds, "a list of different whole numbers, such as [0, 1, 2]"),
    "seeded": (_texts, "a list of dotted keys"),
    "curves": (_texts, "a list of logged names, such as train/loss"),
    "max_steps": (lambda v: _whole(v, 1), "a whole number above 0"),
    "max_time": (
        lambda v: isinstance(v, str) and bool(re.fullmatch(r"\d+:\d\d:\d\d:\d\d", v)),
        'days:hours:minutes:seconds in quotation marks, such as "00:00:10:00"',
    ),
    "tested": (lambda v: v in ("best", "last", "none"), "best, last or none"),
    "choices": (lambda v: isinstance(v, list), "a list, [] where nothing was chosen"),
    "shared": (lambda v: isinstance(v, dict), "values of all rows"),
    "rows": (lambda v: isinstance(v, list) and bool(v), "a list of rows"),
}


def read_plan(word: str, out: Path | None = None) -> Plan:
    """Read and check a benchmark.

    Args:
        word: its file, or the name of one of the package.
        out: replaces the folder that the file names.

    Raises:
        ConfigError, FileError: names the key that is wrong.
    """
    path = find(word)
    if path is None:
        raise unknown(word)
    content = _yaml(path)
    _check(path, "", content, TOP, needed=("seeds", "reference", "choices", "rows"))
    shared = content.get("shared") or {}
    _check(path, "shared.", shared, SHARED)
    rows: list[Row] = []
    for number, one in enumerate(content["rows"]):
        rows.append(_row(path, f"rows.{number}.", one, shared, content["seeds"], rows))
    names = [row.name for row in rows if row.shown]
    others = {f"rows.{i}.against": row.against for i, row in enumerate(rows) if row.against}
    for key, name in {"reference": content["reference"], **others}.items():
        if name not in names:
            raise ConfigError(
                f"{path}: {key}",
                found=repr(name),
                expected=f"a row that is shown ({', '.join(names)})",
                fix=did_you_mean(name, names),
            )
    return Plan(
        path=path,
        title=content.get("title", path.stem),
        out=out or Path(content.get("out", f"logs/{path.stem}")),
        reference=content["reference"],
        choices=tuple(_choice(path, i, one) for i, one in enumerate(content["choices"])),
        rows=tuple(rows),
        curves=tuple(content.get("curves", ())),
    )


def _yaml(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "no text"
        raise FileError(path, found=f"{problem}{place}", expected="YAML") from error


def _check(
    path: Path, place: str, content: Any, known: Iterable[str], needed: Iterable[str] = ()
) -> None:
    where = f"{path}: {place.rstrip('.')}" if place else str(path)
    if not isinstance(content, dict):
        raise ConfigError(where, found=repr(content), expected=f"keys as {', '.join(known)}")
    for key, value in content.items():
        if key not in known:
            near = did_you_mean(str(key), known)
            raise ConfigError(
                f"{path}: {place}{key}",
                found="an unknown key",
                expected=f"one of {', '.join(known)}",
                fix=near,
            )
        right, expected = KINDS[key]
        if not right(value):
            raise ConfigError(f"{path}: {place}{key}", found=repr(value), expected=expected)
    for key in needed:
        if key not in content:
            raise ConfigError(where, found=f"no {key}", expected=KINDS[key][1])


def _row(
    path: Path,
    place: str,
    content: Any,
    shared: Mapping[str, Any],
    seeds: list[int],
    before: list[Row],
) -> Row:
    """A row with what is shared; it may start from rows before it."""
    _check(path, place, content, ROW, needed=("name",))
    known = [row.name for row in before]
    name = content["name"]
    if name in known:
        raise ConfigError(f"{path}: {place}name", found=f"{name!r} again", expected="another name")
    if "rival" in content:
        return _rival(path, place, content, before)
    if "config" not in content:
        raise ConfigError(f"{path}: {place[:-1]}", found="no config", expected="config or rival")
    settings: dict[str, Any] = {
        **{key: content[key] for key in OWN if key in content},
        **{key: source[key] for source in (shared, content) for key in SINGLE if key in source},
        **{key: {**shared.get(key, {}), **content.get(key, {})} for key in VALUES},
        **{key: _files(path, place, content, shared, key) for key in FILES},
        "seeds": tuple(content.get("seeds", seeds)),
    }
    row = Row(name=name, **settings)
    if row.tested == "none" and row.shown:
        raise ConfigError(
            f"{path}: {place}tested",
            found="none for a row that is shown",
            expected="best or last, or shown: false",
        )
    for other in row.starts_from:
        if other not in known:
            raise ConfigError(
                f"{path}: {place[:-1]}",
                found=f"weights of {other!r}",
                expected=f"a row before it ({', '.join(known) or 'there is none'})",
                fix=did_you_mean(other, known),
            )
        missing = [seed for seed in row.seeds if seed not in before[known.index(other)].seeds]
        if before[known.index(other)].by_seed and missing:
            raise ConfigError(
                f"{path}: {place}seeds",
                found=f"seed {missing[0]}, which {other!r} has not",
                expected="seeds of the row that it starts from",
            )
    return row if row.by_seed else replace(row, seeds=row.seeds[:1])


def _rival(path: Path, place: str, content: Mapping[str, Any], before: list[Row]) -> Row:
    """A row of the test table of an earlier row, by default of the first."""
    tested = [row for row in before if row.rival is None and row.tested != "none"]
    of = content.get("of", tested[0].name if tested else None)
    others = set(content) - {"name", "rival", "of", "against"}
    if others:
        raise ConfigError(
            f"{path}: {place}{min(others)}",
            found="a setting of a rival",
            expected="none: it is a row of the test of another row",
        )
    if of not in [row.name for row in tested]:
        raise ConfigError(
            f"{path}: {place}of",
            found=repr(of),
            expected=f"a row before it ({', '.join(row.name for row in tested) or 'none'})",
        )
    seeds = next(row.seeds for row in tested if row.name == of)
    against = content.get("against", "")
    return Row(name=content["name"], rival=content["rival"], of=of, seeds=seeds, against=against)


def _files(
    path: Path, place: str, content: Mapping[str, Any], shared: Mapping[str, Any], key: str
) -> tuple[Path, ...]:
    """Files of a row, then the shared ones, which may lie beside the benchmark's."""
    found = []
    for source, where in ((content, place), (shared, "shared.")):
        words = source.get(key, [])
        for word in [words] if isinstance(words, str) else words:
            beside = path.parent / word
            file = find(word) or (beside if beside.is_file() else None)
            if file is None:
                error = unknown(word)
                raise ConfigError(
                    f"{path}: {where}{key}",
                    found=f"{word}, {error.found}",
                    expected=error.expected,
                    fix=error.fix,
                )
            found.append(file)
    return tuple(found)


def _choice(path: Path, number: int, content: Any) -> Choice:
    where = f"{path}: choices.{number}"
    if not isinstance(content, dict) or set(content) != {"choice", "split"}:
        raise ConfigError(where, found=repr(content), expected="the keys choice and split")
    if not _text(content["choice"]):
        raise ConfigError(f"{where}.choice", found=repr(content["choice"]), expected="a text")
    if content["split"] not in SPLITS:
        raise ConfigError(
            f"{where}.split",
            found=repr(content["split"]),
            expected="validation, train, or none (decided without any score)",
            fix="What the test split has chosen cannot be tested on it.",
        )
    return Choice(content["choice"], content["split"])
