import threading
import time

import numpy as np
import pytest

from blindsr.errors import BlindSRError
from blindsr.photo import background, writer
from blindsr.photo.background import BackgroundStream
from blindsr.photo.formats import Layout
from blindsr.photo.stream import Stream


class Kept(Stream):
    """Keeps what it is given; waits where it is told to."""

    def __init__(self):
        self.rows, self.threads, self.closed = [], set(), False
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def write(self, rows):
        assert self.may_go_on.wait(10)
        self.threads.add(threading.get_ident())
        self.rows.append(rows)

    def close(self):
        self.closed = True


class Full(Kept):
    def write(self, rows):
        raise OSError(28, "No space left on device")


def block(value):
    return np.full((1, 2, 3), value, np.uint8)


def test_rows_come_in_order_and_from_one_other_thread():
    kept = Kept()
    with BackgroundStream(kept) as stream:
        rows = block(0)
        for value in range(20):
            rows[:] = value  # the same array again and again
            stream.write(rows)
        stream.close()
    assert [int(one[0, 0, 0]) for one in kept.rows] == list(range(20))
    assert kept.closed
    assert len(kept.threads) == 1
    assert threading.get_ident() not in kept.threads


def test_who_writes_faster_waits(monkeypatch):
    monkeypatch.setattr(background, "WAITING", 3 * block(0).nbytes)
    kept = Kept()
    kept.may_go_on.clear()
    written = []

    def write(stream):
        for value in range(9):
            stream.write(block(value))
            written.append(value)

    with BackgroundStream(kept) as stream:
        thread = threading.Thread(target=write, args=(stream,))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert len(written) == 4  # the one that is encoded, and three that wait
        kept.may_go_on.set()
        thread.join(10)
        stream.close()
    assert len(kept.rows) == 9


def test_a_failure_is_raised_at_the_latest_when_the_file_ends():
    with BackgroundStream(Full()) as stream:
        stream.write(block(0))
        with pytest.raises(OSError, match="No space"):
            stream.close()


def test_a_failure_stops_who_goes_on_writing():
    def write_all():
        with BackgroundStream(Full()) as stream:
            for _ in range(1000):
                stream.write(block(0))
                time.sleep(0.001)

    with pytest.raises(OSError, match="No space"):
        write_all()


def test_leaving_drops_what_waits_and_ends_the_thread():
    kept = Kept()
    kept.may_go_on.clear()

    def fail_between():
        with BackgroundStream(kept) as stream:
            for value in range(4):
                stream.write(block(value))
            threading.Timer(0.1, kept.may_go_on.set).start()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_between()
    assert len(kept.rows) <= 1
    assert not kept.closed
    assert [t for t in threading.enumerate() if t.name.startswith("encode")] == []


def test_a_full_disk_leaves_no_file(tmp_path, monkeypatch):
    def full(*_):
        return Full()

    monkeypatch.setitem(writer._STREAMS, "PNG", full)
    path = tmp_path / "a.png"
    with (
        pytest.raises(BlindSRError, match=r"a\.png.*no space"),
        writer.open_writer(path, width=2, height=1, layout=Layout(3, 8)) as out,
    ):
        out.write(block(0))
    assert list(tmp_path.iterdir()) == []
