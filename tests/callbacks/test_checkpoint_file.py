"""Checkpoints are whole or absent."""

import errno
import os
import resource
import signal

import pytest
import torch
from tests.helpers.children import in_child

from blindsr.callbacks import WholeCheckpointIO, checkpoint_file, sweep_parts
from blindsr.errors import FileError


def full_disk(monkeypatch, after=0):
    """From now on a disk that takes ``after`` bytes of each file that is moved into place."""

    def fsync(descriptor):
        if after is not None:
            os.ftruncate(descriptor, after)
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(checkpoint_file.os, "fsync", fsync)


def test_a_checkpoint_is_written_and_read(tmp_path):
    path = tmp_path / "new" / "last.ckpt"
    WholeCheckpointIO().save_checkpoint({"x": torch.arange(3)}, path)
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]
    assert WholeCheckpointIO().load_checkpoint(path)["x"].tolist() == [0, 1, 2]


def test_a_full_disk_leaves_the_former_checkpoint_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    WholeCheckpointIO().save_checkpoint({"x": 1}, path)
    full_disk(monkeypatch)
    with pytest.raises(FileError, match=r"last.ckpt: cannot be written \(no space.*Free some"):
        WholeCheckpointIO().save_checkpoint({"x": 2}, path)
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]
    assert WholeCheckpointIO().load_checkpoint(path) == {"x": 1}


def test_a_limit_on_file_sizes_leaves_no_part(tmp_path):
    def write():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        checkpoint_file.write_whole(tmp_path / "a.ckpt", bytes(10000))

    assert in_child(write) == errno.EFBIG
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_swept_and_that_of_a_living_one_is_not(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoints"

    def die():
        checkpoint_file.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        checkpoint_file.write_whole(folder / "a.ckpt", b"abc")

    assert in_child(die) == -signal.SIGKILL
    assert len(list(folder.iterdir())) == 1
    assert not (folder / "a.ckpt").exists()
    foreign = folder / ".blindsr.other-host.1.0.0123456789ab.part"
    foreign.write_bytes(b"")
    mine = []
    monkeypatch.setattr(
        checkpoint_file.os,
        "fsync",
        lambda _: mine.extend([sweep_parts(tmp_path), *folder.iterdir()]),
    )
    checkpoint_file.write_whole(folder / "c.ckpt", b"abc")
    assert len([p for p in mine if p is not None]) >= 2  # the other machine's and the own
    assert {p.name for p in folder.iterdir()} == {foreign.name, "c.ckpt"}
    assert (folder / "c.ckpt").read_bytes() == b"abc"
