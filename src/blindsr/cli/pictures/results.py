"""Results of one picture: written to a hidden folder, then moved into place together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from blindsr.errors import BlindSRError, FileError, os_error, special_kind

from .records import Input, Print, Record, Verdict, judge, locked, read_records, write_records
from .stopping import StopSignals


class Results:
    """The files of one picture; all lie in one folder.

    Args:
        source: that they are made from.
        files: that may be written.
        replace_earlier: also those made from a former content of the source.

    Attributes:
        settings: how the files are made, for the index; set before they are moved.
    """

    def __init__(self, source: Path, files: Sequence[Path], *, replace_earlier: bool) -> None:
        self.folder = files[0].parent
        self._source, self._input = source, Input(source)
        self._files, self._replace_earlier = files, replace_earlier
        self.settings: Mapping[str, Any] = {}

    def there(self, always: Sequence[Path]) -> bool:
        """Whether those that are always written are complete and of this very input.

        Raises:
            FileError: one of the files is the user's: it is not to be replaced.
            OSError: the folder cannot be looked at.
        """
        verdicts = self._judge(read_records(self.folder))
        return all(verdicts[path] in ("made", "earlier") for path in always)

    @contextlib.contextmanager
    def staged(self, signals: StopSignals) -> Iterator[Path]:
        """Yield a hidden folder to write into; what is in it is moved when the block ends.

        Raises:
            BlindSRError: as raised inside, with the final places for those in the hidden folder.
            FileError: a file of the user's has come in between, or a file cannot be moved.
        """
        from blindsr.imaging.temporary import removed_at_exit, temporary_beside

        stage = temporary_beside(self.folder / "stage", suffix="")
        with removed_at_exit(stage):
            try:
                yield stage
            except BlindSRError as error:
                raise self._told(error, stage) from error
            try:
                with signals.held():
                    self._move(stage)
            except OSError as error:
                raise os_error(error, self._files[0], "written") from error

    def _told(self, error: BlindSRError, stage: Path) -> BlindSRError:
        words = (error.where, error.found, error.expected, error.fix)
        where, found, expected, fix = (w.replace(str(stage), str(self.folder)) for w in words)
        return type(error)(where, found=found, expected=expected, fix=fix)

    def _move(self, stage: Path) -> None:
        """Record what comes, then move it: a kill in between leaves nothing that is not known."""
        fresh = {path: stage / path.name for path in self._files if (stage / path.name).exists()}
        looks = {path: Print.of(temporary) for path, temporary in fresh.items()}
        place, look = self._input.place, self._input.look
        with locked(self.folder):
            records = read_records(self.folder)
            verdicts = self._judge(records)
            for path in fresh:
                old = records[path.name].results if verdicts[path] != "absent" else ()
                before = tuple(known for known in old if known.fits(path))[:1]
                results = (*before, looks[path]) if looks[path] not in before else before
                records[path.name] = Record(place, look, results, self.settings)
            write_records(self.folder, records)
            for path, temporary in fresh.items():
                temporary.replace(path)
            if any(len(records[path.name].results) > 1 for path in fresh):
                for path in fresh:
                    records[path.name] = Record(place, look, (looks[path],), self.settings)
                write_records(self.folder, records)

    def _judge(self, records: Mapping[str, Record]) -> dict[Path, Verdict]:
        verdicts = {path: judge(path, self._input, records) for path in self._files}
        for path, verdict in verdicts.items():
            if verdict == "other":
                raise self._others(path, records.get(path.name))
            if verdict == "changed":
                raise FileError(
                    path,
                    found="was changed after it was made",
                    fix="It stays as it is: move it away, or choose another folder with -o.",
                )
            if verdict == "earlier" and not self._replace_earlier:
                raise FileError(
                    path,
                    found=f"was made from {self._source} as it was before it changed",
                    fix="--overwrite makes it again.",
                )
        return verdicts

    def _others(self, path: Path, record: Record | None) -> FileError:
        kind = special_kind(path.lstat().st_mode)
        found = kind or f"exists and was not made from {self._source}"
        if record is not None:
            found += f" but from {record.place}"
        return FileError(
            path,
            found=found,
            fix="It is not replaced: choose another folder with -o, or move it away.",
        )


def sweep_results(folders: Sequence[Path]) -> None:
    """Remove what killed runs left in folders of results."""
    from blindsr.imaging.temporary import sweep

    for folder in dict.fromkeys(folders):
        if os.path.isdir(folder):  # noqa: PTH112 (never raises)
            sweep(folder)
