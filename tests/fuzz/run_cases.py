"""Run damaged files through the command line in a process with limits; print what went wrong.

    python run_cases.py FOLDER FIRST photographs=COUNT weights=COUNT

Every case must end within ``SECONDS`` of processor time, with ``GIGABYTES`` of address space beside
what was there before, with a status of 0, 1 or 2, no traceback, one line per file that could not be
done, and nothing half-written. Prints one JSON object: the number of cases and the list of faults.
"""

import contextlib
import io
import json
import resource
import signal
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fuzz import seeds
from tests.fuzz.damage import damaged

SECONDS, GIGABYTES, BATCH = 60, 4.8, 20


class SlowError(BaseException):
    """A case took too long; no ``except Exception`` hides it."""


def too_slow(*_):
    raise SlowError


def call(words):
    """Status and text of one command, and what went wrong."""
    from blindsr.cli.app import main

    out, err = io.StringIO(), io.StringIO()
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(words)
    except SlowError:
        return None, out.getvalue(), err.getvalue(), "took too long"
    except BaseException:
        return None, out.getvalue(), err.getvalue(), traceback.format_exc()[-1500:]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    fault = "" if status in (0, 1, 2) else f"status {status}"
    if "Traceback" in out.getvalue() + err.getvalue():
        fault = "a traceback"
    return status, out.getvalue(), err.getvalue(), fault


def photographs(folder, first, count):
    """Damaged pictures in batches with a good one last: it is done whatever the others are."""
    from PIL import Image

    whole = seeds.photographs()
    names = sorted(whole)
    faults = []
    for start in range(first, first + count, BATCH):
        given, out = folder / f"in{start}", folder / f"out{start}"
        given.mkdir()
        (given / "zz_good.png").write_bytes(whole["rgb.png"])
        for seed in range(start, min(start + BATCH, first + count)):
            name = names[seed % len(names)]
            (given / f"{seed:05}_{name}").write_bytes(damaged(whole[name], seed))
        _, _, stderr, fault = call(["upscale", str(given), "-o", str(out)])
        where = f"batch {start}"
        if fault:
            faults.append(f"{where}: {fault}\n{stderr[-500:]}")
            continue
        if not (out / "zz_good.png").exists():
            faults.append(f"{where}: the good picture was not done: {stderr[-500:]}")
        results = list(out.glob("[!.]*.png"))
        for result in results:
            with Image.open(result) as image:
                image.load()
        failed = [line for line in stderr.splitlines() if "error:" in line]
        if len(failed) + len(results) != len(list(given.iterdir())):
            counts = f"{len(results)} results, {len(failed)} errors"
            faults.append(f"{where}: {counts}: {stderr[-800:]}")
        left = [
            p.name for p in out.rglob("*") if p.name.startswith(".") and "blindsr" not in p.name
        ]
        if left:
            faults.append(f"{where}: left behind {left[:3]}")
    return faults


def weights(folder, first, count):
    """Damaged files of weights: each loads or is one line."""
    whole = seeds.weights()
    names = sorted(whole)
    picture = folder / "picture.png"
    picture.write_bytes(seeds.photographs()["rgb.png"])
    faults = []
    for seed in range(first, first + count):
        name = names[seed % len(names)]
        path = folder / f"{seed:05}_{name}"
        path.write_bytes(damaged(whole[name], seed))
        out = folder / f"out{seed}"
        words = ["upscale", str(picture), "--model", str(path), "-o", str(out)]
        status, _, stderr, fault = call(words)
        if not fault and status and len(stderr.strip().splitlines()) > 2:
            fault = "more than one line"
        if fault:
            faults.append(f"{path.name}: {fault}\n{stderr[-500:]}")
        path.unlink()
    return faults


def run(folder, first, counts):
    """Set the limits of this process, for good, and return what went wrong."""
    import blindsr.restore  # noqa: F401 - what it takes to load is not what a file takes

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = pages * resource.getpagesize() + int(GIGABYTES * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    signal.signal(signal.SIGVTALRM, too_slow)
    cases = {"photographs": photographs, "weights": weights}
    faults = []
    for kind, count in counts.items():
        (folder / kind).mkdir()
        faults += cases[kind](folder / kind, first, count)
    return faults


def main():
    """Read the arguments, run, print."""
    folder, first = Path(sys.argv[1]), int(sys.argv[2])
    counts = {kind: int(count) for kind, count in (word.split("=") for word in sys.argv[3:])}
    faults = run(folder, first, counts)
    sys.stdout.write(json.dumps({"cases": counts, "faults": faults}))


if __name__ == "__main__":
    main()
