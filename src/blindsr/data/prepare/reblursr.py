"""Makes a data set like ReBlurSR of one's own photographs: picks, masks, labels.

What is written is the *raw* layout of :mod:`blindsr.data.pbasr.reblursr_files`, so
:class:`blindsr.data.ReBlurSR` reads it, and beside it ``labels.csv`` and contact sheets, which are
there to be corrected by hand; :mod:`.reblursr_corrected` reads the corrections back.

Every photograph that was looked at leaves a record in ``looked_at``, so that a run that was ended,
and shards in any order, go on where they are; whichever finds all records completes the set.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blindsr import __version__
from blindsr.data.files.disk import disk_errors
from blindsr.data.files.manifest import FORMAT_VERSION, MANIFEST, PARTIAL, read_json, write_json
from blindsr.data.files.masks import Mask, read_mask
from blindsr.data.files.pairing import pair, stems
from blindsr.data.pbasr.reblursr_labels import FILES, VALUES, Label
from blindsr.errors import DataError, FileError
from blindsr.imaging.files import write_png

from .claim import claim_folder
from .reblursr_picks import Estimate, Picks, look_at
from .reblursr_rows import AUTOMATIC, DRAW, LABELS, MANUAL, Row, read_rows, write_rows
from .reblursr_sheet import write_sheets
from .shard import Shard, names_in

HR, MASK, RECORD, LOOKED_AT = "ALL_HR", "ALL_mask", "masks.json", "looked_at"
"""``masks.json`` has a checksum of every mask as it was made: another one was drawn by hand."""
Each = Callable[[Path], contextlib.AbstractContextManager[None]]


def prepare_reblursr(
    images: str | Path,
    out: str | Path,
    estimate: Estimate,
    *,
    picks: Picks | None = None,
    masks: str | Path | None = None,
    estimator: str = "",
    shard: str = "1/1",
    each: Each = lambda _: contextlib.nullcontext(),
    progress: Callable[[int, int], None] | None = None,
) -> list[Row] | None:
    """Pick the pictures with intended blur, and write them with masks and labels.

    The same call goes on where one was ended, and changes nothing once the set is complete.

    Args:
        images: folder of photographs.
        out: new or empty folder.
        estimate: (H, W, 3) uint8 -> (H, W) sigma in pixels of the picture.
        picks: which are taken.
        masks: folder of masks drawn by hand (255 sharp, 0 blurred), paired by name, for some.
        estimator: says what ``estimate`` is: a folder that another one began is refused.
        shard: ``2/8`` looks at every eighth photograph; eight such runs, at the same time or not
            and on any machines that share ``out``, make what one run makes.
        each: entered for each photograph; one whose error it swallows is left out.
        progress: called with the numbers of finished and of all photographs of the shard.

    Returns:
        A row for each picture that was taken, by name; ``None`` where other shards are missing.

    Raises:
        FileError: a folder is missing.
        DataError: a file cannot be used, ``out`` holds something else, or no picture has intended
            blur.
    """
    found, out = stems(Path(images), what="photographs"), Path(out)
    making = _Making(found, _drawn(masks, found), out, estimate, picks or Picks(), each)
    part = Shard.read(shard)
    own = part.of(sorted(found))
    with disk_errors(out):
        settings = making.settings(estimator)
        plan = {"settings": settings, "blindsr": __version__, "shards": part.total}
        claim_folder(out, plan, finished=lambda: True, overwrite=False, alone=part.whole)
        if (out / MANIFEST).exists():
            return read_rows(out / LABELS)
        for number, name in enumerate(own, 1):
            making.record(name)
            if progress is not None:
                progress(number, len(own))
        if making.missing(sorted(found), fresh=not part.whole):
            return None
        return making.complete({"settings": settings, "blindsr": __version__})


@dataclass(frozen=True)
class _Making:
    """A set that is being made.

    Attributes:
        found: photographs by name.
        drawn: masks by name.
        out: folder.
        estimate, picks, each: as given.
    """

    found: Mapping[str, Path]
    drawn: Mapping[str, Path]
    out: Path
    estimate: Estimate
    picks: Picks
    each: Each

    def settings(self, estimator: str) -> dict[str, Any]:
        """What decides the files, for shards to agree on."""
        names = "\n".join([*sorted(self.found), "masks:", *sorted(self.drawn)])
        return {
            "dataset": "reblursr",
            "version": FORMAT_VERSION,
            **asdict(self.picks),
            "estimator": estimator,
            "photographs": len(self.found),
            "names": hashlib.sha256(names.encode()).hexdigest()[:16],
        }

    def missing(self, names: Sequence[str], *, fresh: bool = False) -> list[str]:
        """Those without a record."""
        there = names_in(self.out / LOOKED_AT, fresh=fresh)
        return [name for name in names if f"{name}.json" not in there]

    def record(self, name: str) -> None:
        """Look at a photograph, unless that is done; write picture and mask if it is taken."""
        place = self.out / LOOKED_AT / f"{name}.json"
        if place.exists() and not read_json(place)["failed"]:
            return
        looked = None
        with self.each(self.found[name]):
            looked = look_at(self.found[name], self.estimate, self.picks, self.drawn.get(name))
        row = None if looked is None else looked.row
        if looked is not None and row is not None:
            write_png(self.out / HR / f"{name}.png", looked.picture)
            write_png(self.out / MASK / f"{name}.png", (looked.mask * 255).astype(np.uint8))
        write_json(place, {"failed": looked is None, "row": None if row is None else asdict(row)})

    def complete(self, manifest: dict[str, Any]) -> list[Row]:
        """Write labels and sheets; several shards that find all records write the same."""
        try:
            records = [read_json(self.out / LOOKED_AT / f"{n}.json") for n in sorted(self.found)]
        except FileError:
            if (self.out / MANIFEST).exists():  # another shard was faster
                return read_rows(self.out / LABELS)
            raise
        taken = [Row(**record["row"]) for record in records if record["row"]]
        if not taken:
            self._give_up()
        rows = _split(taken, self.picks)
        write_json(
            self.out / RECORD, {row.name: checksum(mask_of(self.out, row.name)) for row in rows}
        )
        write_labels(self.out, rows)
        write_json(self.out / MANIFEST, manifest)
        (self.out / PARTIAL).unlink(missing_ok=True)
        shutil.rmtree(self.out / LOOKED_AT, ignore_errors=True)
        return rows

    def _give_up(self) -> None:
        shutil.rmtree(self.out / LOOKED_AT, ignore_errors=True)
        (self.out / PARTIAL).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.out.rmdir()
        wanted = f"{self.picks.least:g} to {self.picks.most:g} %"
        raise DataError(
            next(iter(self.found.values())).parent,
            found=f"{len(self.found)} pictures, none blurred by {wanted}",
            expected="pictures with intended blur",
            fix="See --threshold, --least and --most",
        )


def _drawn(masks: str | Path | None, found: Mapping[str, Path]) -> dict[str, Path]:
    """Masks by the name of their picture.

    Raises:
        DataError: a mask has no picture.
    """
    if masks is None:
        return {}
    paired = pair(dict(found), stems(Path(masks), what="masks"), Path(masks))
    if paired.extra:
        raise DataError(
            Path(masks), found=f"{paired.extra[0]}, of no photograph", expected="masks by name"
        )
    return paired.found


def _split(rows: Sequence[Row], picks: Picks) -> list[Row]:
    """Choose test pictures, and masks to draw, by the seed."""
    rng = np.random.default_rng(picks.seed)
    order = rng.permutation(len(rows))
    tested = set(order[: round(len(rows) * picks.test_share / 100)].tolist())
    wanted = round(len(rows) * picks.manual_share / 100)
    missing = max(0, wanted - sum(row.mask == MANUAL for row in rows))
    free = [index for index in rng.permutation(len(rows)) if rows[index].mask == AUTOMATIC]
    draw = set(map(int, free[:missing]))
    return [
        row.changed(
            split="valid" if index in tested else "train", mask=DRAW if index in draw else row.mask
        )
        for index, row in enumerate(rows)
    ]


def mask_of(out: Path, name: str) -> Mask:
    """The mask of a picture of the set."""
    return read_mask(out / MASK / f"{name}.png")


def checksum(mask: Mask) -> int:
    """Of the mask's pixels, so that saving it again changes nothing."""
    return zlib.crc32(mask.tobytes())


def write_labels(out: Path, rows: Sequence[Row]) -> None:
    """Write labels as ReBlurSR has them, the table for people, and the sheets."""
    labels: tuple[Label, ...] = ("type", "degree", "area", "split")
    ordered = sorted(rows, key=lambda row: row.name)
    for label in labels:
        numbers = [VALUES[label].index(getattr(row, label)) for row in ordered]
        np.save(out / FILES[label], np.array(numbers, np.int64))
    write_rows(out / LABELS, ordered)
    write_sheets(out, ordered)
