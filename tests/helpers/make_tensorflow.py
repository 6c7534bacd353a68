"""Checkpoints as TensorFlow's Saver writes them, made without TensorFlow.

Without checksums, which our reader does not compare. It was tried on a file of TensorFlow 2.21 too.
"""

import numpy as np

TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9}
RESTART = 4  # entries that share their beginnings


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(entries):
    out, restarts, before = bytearray(), [], b""
    for index, (key, value) in enumerate(entries):
        if index % RESTART == 0:
            restarts.append(len(out))
            before = b""
        shared = 0
        while shared < min(len(key), len(before)) and key[shared] == before[shared]:
            shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value))
        out += key[shared:] + value
        before = key
    restarts = restarts or [0]
    for number in (*restarts, len(restarts)):
        out += number.to_bytes(4, "little")
    return bytes(out)


def write_tensorflow(stem, arrays):
    """Write `stem.index` and `stem.data-00000-of-00001`; the path of the index."""
    data, entries = bytearray(), [(b"", field(1, 1) + field(3, field(1, 1)))]
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        shape = b"".join(field(2, field(1, side)) for side in array.shape)
        entry = field(1, TYPES[array.dtype.name]) + field(2, shape)
        entry += field(4, len(data)) + field(5, array.nbytes)
        entries.append((name.encode(), entry))
        data += array.tobytes()
    content, handles = bytearray(), []
    for start in range(0, len(entries), 8):
        part = entries[start : start + 8]
        body = block(part)
        handles.append((part[-1][0], varint(len(content)) + varint(len(body))))
        content += body + bytes(5)
    places = []
    for body in (block([]), block(handles)):
        places.append(varint(len(content)) + varint(len(body)))
        content += body + bytes(5)
    footer = b"".join(places).ljust(40, b"\0")
    content += footer + 0xDB4775248B80FB57.to_bytes(8, "little")
    index = stem.with_name(f"{stem.name}.index")
    index.write_bytes(content)
    stem.with_name(f"{stem.name}.data-00000-of-00001").write_bytes(data)
    return index
