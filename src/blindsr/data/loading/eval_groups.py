"""Test groups from the options of a DataModule: names, folders, LR folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from blindsr.data.files.pictures import PictureFiles, PictureStore, checked_pictures
from blindsr.data.loading.eval_folder import EvalFolderDataset, find_test_pictures
from blindsr.degradation.random.by_name import Degradation
from blindsr.degradation.random.recipe import smallest_side
from blindsr.errors import ConfigError, DataError


def check_group_names(key: str, folders: Mapping[str, str], lr: Mapping[str, str]) -> None:
    """Refuse names that no score could be logged under, and LR folders of no group.

    Raises:
        ConfigError: a name is empty or holds a slash, or ``lr`` knows a name that ``folders`` does
            not.
    """
    for name in folders:
        if not name or "/" in name or "\\" in name:
            raise ConfigError(key, found=f"a group named {name!r}", expected="a name without /")
    unknown = sorted(set(lr) - set(folders))
    if unknown:
        raise ConfigError(
            f"{key}_lr", found=", ".join(unknown), expected=f"names of {key}: {', '.join(folders)}"
        )


def folder_groups(
    stream: str,
    folders: Mapping[str, str],
    lr: Mapping[str, str],
    *,
    scale: int,
    degradation: Degradation,
    seed: int,
    store: PictureStore,
    crop: int | None = None,
) -> list[EvalFolderDataset]:
    """Return a data set for each folder, with group ``<stream>-<name>`` or, alone, ``<name>``.

    Raises:
        FileError, DataError: as :func:`~blindsr.data.loading.eval_folder.find_test_pictures`.
    """
    sets = []
    for name, folder in folders.items():
        files = find_test_pictures(folder, lr_folder=lr.get(name), scale=scale)
        sets.append(
            EvalFolderDataset(
                checked_pictures(files, smallest=smallest_side(scale)),
                scale=scale,
                degradation=degradation,
                group=f"{stream}-{name}" if stream else name,
                seed=seed,
                crop=crop,
                store=store,
            )
        )
    return sets


def split_off(
    files: Sequence[PictureFiles], count: int, seed: int, what: str
) -> tuple[list[PictureFiles], list[PictureFiles]]:
    """Return (kept, held out): ``count`` seeded pictures for validation, at most half of them.

    Raises:
        DataError: there are fewer than two pictures.
    """
    if len(files) < 2:
        raise DataError(
            "holdout", found=f"{len(files)} {what} picture", expected="two or more to hold one out"
        )
    held_count = min(count, len(files) // 2)
    order = np.random.default_rng([seed, len(files)]).permutation(len(files))
    held = set(order[:held_count].tolist())
    return (
        [item for position, item in enumerate(files) if position not in held],
        [item for position, item in enumerate(files) if position in held],
    )
