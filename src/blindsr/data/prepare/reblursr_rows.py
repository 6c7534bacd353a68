"""The table of a ReBlurSR of one's own, ``labels.csv``: written, corrected by hand, read back."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from blindsr.data.pbasr.reblursr_labels import VALUES
from blindsr.errors import DataError, missing_file
from blindsr.imaging.files import atomic_path

LABELS = "labels.csv"
MANUAL, AUTOMATIC, DRAW = "manual", "automatic", "draw"
"""Kinds of masks; ``draw`` is an automatic one that shall be drawn by hand."""
_MEDIUM = (45.0, 55.0)
"""Blurred shares in percent of the area *medium*, as the data set defines it."""
_MIDDLE = (2.0, 5.0)
"""Median sigma in pixels of the degree *middle*. People judged the original; this is our guess."""
_YES = {"yes": True, "no": False}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is known of one picture."""

    name: str
    use: bool
    type: str
    degree: str
    area: str
    split: str
    mask: str
    share: float
    """Blurred part of the picture in percent."""
    sigma: float
    """Median inside it, in pixels of the picture."""

    def changed(self, **values: Any) -> Row:
        """A row with other values."""
        return replace(self, **values)


def area_of(share: float) -> str:
    """The area's label of a blurred share in percent."""
    return "small" if share < _MEDIUM[0] else "large" if share > _MEDIUM[1] else "medium"


def degree_of(sigma: float) -> str:
    """The degree's label of the median sigma in a blurred region."""
    return "little" if sigma < _MIDDLE[0] else "heavy" if sigma > _MIDDLE[1] else "middle"


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write the table."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            words = {"use": "yes" if row.use else "no", "sigma": f"{row.sigma:.2f}"}
            writer.writerow({**asdict(row), **words, "share": f"{row.share:.1f}"})


def read_rows(path: Path) -> list[Row]:
    """Read the table; spreadsheets may have written it with semicolons.

    Raises:
        FileError: it is missing.
        DataError: a column is missing, or a value has no meaning; the line is named.
    """
    if not path.is_file():
        raise missing_file(path, "the table of a prepared folder", "Run `prepare reblursr` first")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, found="no UTF-8 text", expected="a table as it was made") from error
    lines = text.splitlines()
    separator = ";" if lines and ";" in lines[0] else ","
    reader = csv.DictReader(lines, delimiter=separator)
    missing = [field.name for field in fields(Row) if field.name not in (reader.fieldnames or [])]
    if missing:
        raise DataError(path, found=f"no column {missing[0]}", expected="the columns it had")
    rows = [_row(f"{path}:{number}", values) for number, values in enumerate(reader, 2)]
    seen: set[str] = set()
    for row in rows:
        if row.name in seen:
            raise DataError(path, found=f"{row.name} twice", expected="a line for each picture")
        seen.add(row.name)
    return rows


def _row(where: str, values: dict[str, str]) -> Row:
    words = {key: (value or "").strip() for key, value in values.items() if key is not None}
    known = {
        **{label: VALUES[label] for label in ("type", "degree", "area", "split")},
        "mask": (AUTOMATIC, MANUAL, DRAW),
        "use": tuple(_YES),
    }
    for key, choices in known.items():
        if words[key].lower() not in choices:
            raise DataError(
                where, found=f"{key} {words[key]!r}", expected=f"one of {', '.join(choices)}"
            )
    try:
        share, sigma = (float(words[key].replace(",", ".")) for key in ("share", "sigma"))
    except ValueError as error:
        raise DataError(where, found="a share or sigma that is no number") from error
    chosen = {key: words[key].lower() for key in known if key != "use"}
    use = _YES[words["use"].lower()]
    return Row(name=words["name"], use=use, share=share, sigma=sigma, **chosen)
