"""Ways to damage a file, all from one seed."""

import random

WAYS = ("cut", "flip", "zeros", "noise", "insert", "repeat", "header", "swap", "empty")


def damaged(data: bytes, seed: int) -> bytes:
    """``data`` with one to three faults."""
    draw = random.Random(seed)
    for _ in range(draw.randint(1, 3)):
        data = _fault(data, draw.choice(WAYS), draw)
    return data


def _fault(data: bytes, way: str, draw: random.Random) -> bytes:
    if not data or way == "empty":
        return data[: draw.randint(0, 12)]
    at, count = draw.randrange(len(data)), draw.randint(1, 64)
    noise = bytes(draw.randrange(256) for _ in range(count))
    if way == "cut":
        return data[:at]
    if way == "flip":
        return data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]
    if way == "zeros":
        return data[:at] + bytes(count) + data[at + count :]
    if way == "noise":
        return data[:at] + noise + data[at + count :]
    if way == "insert":
        return data[:at] + noise + data[at:]
    if way == "repeat":
        return data[:at] + data[at : at + count] * draw.randint(2, 50) + data[at:]
    if way == "header":  # sizes and counts stand in the first bytes: large numbers there
        at = draw.randrange(min(64, len(data)))
        large = draw.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00"])
        return data[:at] + large + data[at + 4 :]
    other = draw.randrange(len(data))
    low, high = sorted((at, other))
    return data[:low] + data[high:] + data[low:high]
