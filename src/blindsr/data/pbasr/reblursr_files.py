"""Finds the pictures of ReBlurSR in its folder layouts, and their kinds of blur.

*raw*: ``ALL_HR``, ``ALL_mask``, ``valid/{defocus,motion}/LR/X4`` and four ``.npy``, as downloaded.
*split*: ``train/{motion,defocus}/{HR,mask}`` and ``valid/{motion,defocus}/{HR,mask,LR/X4}``, as its
split script writes. *plain*: ``HR`` and ``mask`` of one's own pictures, all for training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from blindsr.data.files.pairing import partners, stems
from blindsr.data.files.pictures import PictureFiles
from blindsr.data.files.source_values import existing_folder
from blindsr.data.pbasr.hr_files import Part, with_partners
from blindsr.data.pbasr.reblursr_labels import FILES, VALUES, Label, label_of, read_labels
from blindsr.errors import ConfigError, DataError, missing_file

_LAYOUTS = "a folder with ALL_HR and ALL_mask, with train and valid, or with HR and mask"
_DOWNLOAD = "Download ReBlurSR, or use PBaSRScenes, which needs no files"
Layout = Literal["raw", "split", "plain"]
TYPES = VALUES["type"]
DEGREES = VALUES["degree"]
AREAS = VALUES["area"]


@dataclass(frozen=True)
class Subset:
    """Kinds of blur to keep; None keeps all and needs no labels."""

    types: tuple[str, ...] | None = None
    degrees: tuple[str, ...] | None = None
    areas: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for key, known in (("types", TYPES), ("degrees", DEGREES), ("areas", AREAS)):
            wrong = set(getattr(self, key) or ()) - set(known)
            if wrong or getattr(self, key) == ():
                raise ConfigError(
                    key,
                    found=", ".join(sorted(wrong)) or "none",
                    expected=f"some of {', '.join(known)}",
                )

    def asked(self, label: Label) -> tuple[str, ...] | None:
        """Return the values to keep of a label."""
        if label == "type":
            return self.types
        return self.degrees if label == "degree" else self.areas


class ReBlurSRFolder:
    """A ReBlurSR folder: finds pictures and labels.

    Args:
        root: of the data set.
        sigma_masks: folder of ``<stem>_sigma.png`` as ``blindsr estimate`` writes them, to make
            masks of instead of reading ``mask``.
        scale: names ``LR/X<scale>``.
        allow_pickle: load labels that are pickled dictionaries.

    Raises:
        FileError: it has none of the three layouts.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        sigma_masks: str | Path | None = None,
        scale: int = 4,
        allow_pickle: bool = False,
    ) -> None:
        self.root = Path(root)
        self.sigma_masks = None if sigma_masks is None else Path(sigma_masks)
        self.scale, self.allow_pickle = scale, allow_pickle
        self.layout: Layout = self._find_layout()
        self._labels: dict[Label, dict[str, str]] = {}
        self._listed: dict[tuple[str, str], dict[str, Path]] = {}

    def files(self, part: Part, subset: Subset = Subset()) -> list[PictureFiles]:
        """Return the pictures of one part, sorted by name; names are unique in it.

        Raises:
            FileError: a folder or a label file is missing.
            DataError: a file has no partner, or nothing is left.
        """
        found = [
            item
            for kind in self._kinds(part, subset)
            for item in self._of_kind(part, kind)
            if self._wanted(item.name, subset)
        ]
        if not found:
            raise DataError(
                self.root, found=f"no {part} picture of that kind", expected="at least one"
            )
        found.sort()
        for first, second in pairwise(found):
            if first.name == second.name:
                raise DataError(second.hr, found=f"the name of {first.hr}", expected="another")
        return found

    def kind(self, name: str, label: Label) -> str:
        """Return the type, degree or area of a picture.

        Raises:
            FileError: there is no such file of labels.
            DataError: the picture has no label.
        """
        if label == "type" and self.layout == "split":
            return next(t for t in TYPES for p in ("train", "valid") if name in self._hr(p, t))
        return label_of(self._read(label), name, self.root / FILES[label])

    def _find_layout(self) -> Layout:
        layouts: tuple[tuple[Layout, str], ...] = (
            ("raw", "ALL_HR"),
            ("split", "train"),
            ("split", "valid"),
            ("plain", "HR"),
        )
        existing_folder(self.root, _LAYOUTS, _DOWNLOAD)
        for layout, folder in layouts:
            if (self.root / folder).is_dir():
                return layout
        raise missing_file(
            self.root,
            _LAYOUTS,
            _DOWNLOAD,
        )

    def _kinds(self, part: Part, subset: Subset) -> Sequence[str]:
        """Return the folders of ``part`` to look into."""
        if self.layout != "split":
            return ("",)
        asked = subset.types or TYPES
        present = [kind for kind in asked if (self.root / part / kind).is_dir()]
        if not present:
            raise missing_file(
                self.root / part / asked[0], "pictures of this kind", "Complete the data set"
            )
        return present

    def _of_kind(self, part: Part, kind: str) -> list[PictureFiles]:
        if self.layout == "raw":
            return self._raw(part)
        if self.layout == "plain":
            return self._paired(self.root, lr=None) if part == "train" else []
        folder = self.root / part / kind
        lr = folder / "LR" / f"X{self.scale}"
        return self._paired(folder, lr=lr if part == "valid" and lr.is_dir() else None)

    def _paired(self, folder: Path, *, lr: Path | None) -> list[PictureFiles]:
        if self.sigma_masks is not None:
            return with_partners(folder / "HR", blur=self.sigma_masks, lr=lr)
        return with_partners(folder / "HR", mask=folder / "mask", lr=lr)

    def _raw(self, part: Part) -> list[PictureFiles]:
        if self.sigma_masks is not None:
            every = with_partners(self.root / "ALL_HR", blur=self.sigma_masks)
        else:
            every = with_partners(self.root / "ALL_HR", mask=self.root / "ALL_mask")
        split = self._read("split")
        path = self.root / FILES["split"]
        chosen = [item for item in every if label_of(split, item.name, path) == part]
        return self._with_lr(chosen) if part == "valid" else chosen

    def _with_lr(self, files: list[PictureFiles]) -> list[PictureFiles]:
        """Add the LR pictures of the folders that are there, by type."""
        result = []
        for kind in TYPES:
            mine = [item for item in files if self.kind(item.name, "type") == kind]
            folder = self.root / "valid" / kind / "LR" / f"X{self.scale}"
            if mine and folder.is_dir():
                hr = {item.name: item.hr for item in mine}
                lr = partners(hr, stems(folder, what="LR pictures"), folder)
                mine = [item._replace(lr=lr[item.name]) for item in mine]
            result += mine
        return result

    def _wanted(self, name: str, subset: Subset) -> bool:
        labels: tuple[Label, ...] = ("type", "degree", "area")
        asked = {label: subset.asked(label) for label in labels}
        if self.layout == "split":
            del asked["type"]  # folders separate the types
        return all(
            values is None or self.kind(name, label) in values for label, values in asked.items()
        )

    def _read(self, label: Label) -> dict[str, str]:
        if label not in self._labels:
            self._labels[label] = read_labels(
                self.root, label, self._name_lists(label), allow_pickle=self.allow_pickle
            )
        return self._labels[label]

    def _name_lists(self, label: Label) -> list[list[str]]:
        """Return what an array of labels may be aligned to: all pictures, or the test pictures."""
        if self.layout == "plain":
            return [list(stems(self.root / "HR", what="HR pictures"))]
        if self.layout == "raw":
            every = list(stems(self.root / "ALL_HR", what="HR pictures"))
            if label == "split":
                return [every]
            split = self._read("split")
            return [every, [name for name in every if split.get(name) == "valid"]]
        parts = [[*self._hr(p, TYPES[0]), *self._hr(p, TYPES[1])] for p in ("train", "valid")]
        return [parts[0] + parts[1], parts[1]]

    def _hr(self, part: str, kind: str) -> dict[str, Path]:
        """Return stem -> path of the pictures of a kind in the split layout; none without it."""
        key = (part, kind)
        if key not in self._listed:
            folder = self.root / part / kind / "HR"
            self._listed[key] = (
                stems(folder, what="HR pictures", empty=True) if folder.is_dir() else {}
            )
        return self._listed[key]
