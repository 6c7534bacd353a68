"""Pairs the files of two folders by name, never by order.

Sorted lists mispair: ``12_x4.png`` sorts after ``120_x4.png``, while ``12.png`` sorts before
``120.png``.

Names of a pair differ by words that say what a file is: ``0001x4`` (or ``x4m``, ``x4d``, ``x4w1``)
with ``0001``, ``baby_HR`` with ``baby``, ``Canon_001_LR4`` with ``Canon_001_HR``, ``a_bicLRx4``,
``a_lq`` with ``a_gt``, ``LR_1`` with ``HR_1``. These words are removed one after the other; the
pair whose names agree after the fewest removals is the right one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from blindsr.data.files.folder_walk import IMAGES
from blindsr.data.files.notes import say_once
from blindsr.data.files.source_values import entries, existing_folder
from blindsr.errors import DataError

_COMPLETE = "Prepare or download it again, or correct the path"
_LR = r"(?:bic(?:ubic)?)?LR(?:BI|BD|DN|bic|wild|mild|unknown)?(?:x?\d+)?[mdw]?\d*"
_WORD = rf"{_LR}|(?:bic(?:ubic)?)?x\d+[a-z]?\d*|HR|LQ|HQ|GT|SRF[_-]?\d+|masks?|sigma"
_END = re.compile(rf"(?<=.)(?:[ _.-](?:{_WORD})|x\d+(?:[mdw]\d*)?)$", re.IGNORECASE)
_GLUED = re.compile(r"(?<=[a-z\d])(?:HR|GT|LR(?:x?\d+)?)$")
_START = re.compile(r"^(?:HR|LR|GT|LQ|HQ)(?:x?\d+)?[ _.-](?=.)", re.IGNORECASE)
_SAYS_LR = re.compile(rf"{_LR}|LQ", re.IGNORECASE)
_SAYS_HR = re.compile(r"HR|HQ|GT", re.IGNORECASE)


class Paired(NamedTuple):
    """What belongs together, and what is left over."""

    found: dict[str, Path]
    """Stem of each HR picture that has one -> its partner."""
    missing: list[str]
    """Stems of HR pictures without a partner."""
    extra: list[str]
    """Stems of others that belong to no HR picture."""


def stems(
    folder: Path, *, what: str, suffixes: Iterable[str] = IMAGES, empty: bool = False
) -> dict[str, Path]:
    """Return stem -> path of the files with one of ``suffixes`` in ``folder``, sorted.

    Args:
        folder: searched, not below.
        what: says in errors what the folder holds.
        suffixes: in lower case.
        empty: accept a folder without any.

    Raises:
        FileError: the folder is missing or cannot be read.
        DataError: it holds no such file, or two files have one stem.
    """
    existing_folder(folder, f"a folder of {what}", _COMPLETE)
    found: dict[str, Path] = {}
    for path in entries(folder):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in found:
            raise DataError(
                path,
                found=f"the name of {found[path.stem].name}",
                expected="another",
                fix="Remove or rename one of them",
            )
        found[path.stem] = path
    if not found and not empty:
        raise DataError(folder, found="no images", expected=what, fix=_COMPLETE)
    return found


def partners(
    hr: dict[str, Path],
    others: dict[str, Path],
    folder: Path,
    *,
    every: bool = False,
    fix: str = "Complete the folder, or rename its files",
) -> dict[str, Path]:
    """Return stem of each HR picture -> its partner in ``others``.

    Args:
        hr: stem (or relative stem) -> path.
        others: stem -> path.
        folder: of the others, for errors.
        every: each of the others must belong to an HR picture; else those that do not are left out.
        fix: what to do where a partner is missing.

    Raises:
        DataError: a picture has no partner, two of them, or one that another has, or, with
            ``every``, a file belongs to no picture.
    """
    pairs = pair(hr, others, folder)
    if pairs.missing:
        first = pairs.missing[0]
        more = len(pairs.missing) - 1
        named = f" (nor have {sorted_names(pairs.missing[1:])}; {more + 1} in all)" if more else ""
        raise DataError(
            hr[first],
            found=f"no partner in {folder}{named}",
            expected=f"one file named {first} (or {first}x4, {first}_LR, ...)",
            fix=fix,
        )
    if pairs.extra and every:
        extra = sorted_names(others[name].name for name in pairs.extra)
        raise DataError(
            folder,
            found=f"{extra} without an HR picture",
            expected="one file for each HR picture",
            fix="Remove it, or complete the HR pictures",
        )
    return pairs.found


def pair(hr: dict[str, Path], others: dict[str, Path], folder: Path) -> Paired:
    """Pair files by name, see the top of this module.

    Names that differ in case alone are paired where nothing else fits, which is said once.

    Args:
        hr: stem (or relative stem) -> path.
        others: stem -> path.
        folder: of the others, for errors.

    Raises:
        DataError: a picture has two partners, or two pictures have one.
    """
    own = set(hr.values())  # of a folder that holds both, none is its own partner
    others = {stem: path for stem, path in others.items() if path not in own}
    found: dict[str, Path] = {}
    exact, loose = _Names(others, fold=False), _Names(others, fold=True)
    differing: list[tuple[str, Path]] = []
    for stem, path in hr.items():
        candidates = exact.like(stem)
        if not candidates:
            candidates = loose.like(stem)
            differing += [(path.name, others[name]) for name in candidates]
        if len(candidates) > 1:
            first, second = (others[name] for name in candidates[:2])
            raise DataError(
                path,
                found=f"two partners, {first} and {second.name}",
                expected="one",
                fix="Move one of them to another folder",
            )
        if candidates:
            found[stem] = others[candidates[0]]
    _refuse_shared(hr, found)
    _tell(differing, folder)
    used = set(found.values())
    missing = [stem for stem in hr if stem not in found]
    return Paired(found, missing, [stem for stem, path in others.items() if path not in used])


class _Names:
    """Finds the names that agree with one after the fewest words were taken off of both."""

    def __init__(self, names: Iterable[str], *, fold: bool) -> None:
        self._fold = fold
        self._by_form: dict[str, list[tuple[int, str]]] = {}
        for name in names:
            for steps, form in enumerate(self._forms(name)):
                self._by_form.setdefault(form, []).append((steps, name))

    def like(self, stem: str) -> list[str]:
        """Return the best names for a stem: one, none, or several that are equally good."""
        found = [
            (steps, more, name)
            for steps, form in enumerate(self._forms(stem))
            for more, name in self._by_form.get(form, [])
        ]
        if not found:
            return []
        # the HR name itself goes before shorter forms of it, whatever the others carry
        best = min((steps, more) for steps, more, _ in found)
        return sorted({name for steps, more, name in found if (steps, more) == best})

    def _forms(self, name: str) -> list[str]:
        found = forms(name)
        return [form.casefold() for form in found] if self._fold else found


def forms(stem: str) -> list[str]:
    """Return a stem, then what is left of it as words that say what a file is are taken off.

    >>> forms("Canon_001_LR4"), forms("LR_1_x2"), forms("lrick")
    (['Canon_001_LR4', 'Canon_001'], ['LR_1_x2', 'LR_1', '1'], ['lrick'])
    """
    found = [stem]
    while True:
        rest = _END.sub("", found[-1])
        if rest == found[-1]:
            rest = _GLUED.sub("", rest)
        if rest == found[-1]:
            rest = _START.sub("", rest)
        if rest == found[-1] or not rest:
            return found
        found.append(rest)


def words(name: str) -> list[str]:
    """Return the parts of a name between ``_``, ``-``, ``.`` and blanks."""
    return re.split(r"[ _.-]+", name)


def says_lr(name: str) -> bool:
    """Say whether a word of a name is one for LR pictures: ``LR``, ``LRx4``, ``lq``."""
    return any(_SAYS_LR.fullmatch(word) for word in words(name))


def lr_beside_hr(paths: Sequence[Path]) -> set[Path]:
    """Return the LR pictures that lie in one folder with their HR, as in RealSR and Set14.

    ``Canon_001_LR4`` is one beside ``Canon_001_HR``; without it, it may be a picture of that name.
    """
    hr = {
        (path.parent, forms(path.stem)[-1])
        for path in paths
        if any(_SAYS_HR.fullmatch(word) for word in words(path.stem))
    }
    return {
        path for path in paths if says_lr(path.stem) and (path.parent, forms(path.stem)[-1]) in hr
    }


def _refuse_shared(hr: dict[str, Path], found: dict[str, Path]) -> None:
    owners: dict[Path, str] = {}
    for stem, partner in found.items():
        if partner in owners:
            raise DataError(
                partner,
                found=f"the partner of {hr[owners[partner]].name} and of {hr[stem].name}",
                expected="one picture each",
                fix="Name files of a pair alike",
            )
        owners[partner] = stem


def _tell(differing: Sequence[tuple[str, Path]], folder: Path) -> None:
    if differing:
        name, partner = differing[0]
        more = f", and {len(differing) - 1} more" if len(differing) > 1 else ""
        say_once(f"{folder}: {partner.name} goes with {name}{more}: names differ in case alone")


def sorted_names(names: Iterable[str], limit: int = 3) -> str:
    """Return the first few names for a message."""
    chosen = sorted(names)
    more = f" and {len(chosen) - limit} more" if len(chosen) > limit else ""
    return ", ".join(chosen[:limit]) + more
