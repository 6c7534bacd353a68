"""Writes tiny networks in ncnn's format, as its own programs lay them out."""

import numpy as np

HALF, FLOAT = 0x01306B47, 0


class Writer:
    """Gathers layers and weights; ``save`` writes model.param and model.bin."""

    def __init__(self, seed=0, *, half=True, plain=False):
        self.random = np.random.default_rng(seed)
        self.half, self.plain = half, plain
        self.layers, self.weights = [("Input", "in", [], "data", "")], b""

    def add(self, kind, inputs, options=""):
        count = len(self.layers)
        self.layers.append((kind, f"{kind}_{count}", list(inputs), f"b{count}", options))
        return f"b{count}"

    def scaled_sum(self, first, second, factor):
        """``factor * first + second``, as one layer or as pnnx writes it."""
        if self.plain:
            first = self.add("BinaryOp", [first], f"0=2 1=1 2={factor}")
            return self.add("BinaryOp", [first, second], "0=0")
        return self.add("Eltwise", [first, second], f"0=1 -23301=2,{factor},1.0")

    def convolution(self, blob, channels_in, channels, slope=None):
        weight = self.random.normal(0, 0.1, channels * channels_in * 9)
        kind = np.float16 if self.half else np.float32
        content = weight.astype(kind).tobytes()
        self.weights += np.uint32(HALF if self.half else FLOAT).tobytes()
        self.weights += content + b"\0" * (-len(content) % 4)
        self.weights += self.random.normal(0, 0.1, channels).astype(np.float32).tobytes()
        fused = "" if slope is None or self.plain else f" 9=2 -23310=1,{slope}"
        options = f"0={channels} 1=3 4=1 5=1 6={weight.size}{fused}"
        made = self.add("Convolution", [blob], options)
        return self.add("ReLU", [made], f"0={slope}") if slope and self.plain else made

    def prelu(self, blob, channels):
        self.weights += self.random.uniform(0, 0.3, channels).astype(np.float32).tobytes()
        return self.add("PReLU", [blob], f"0={channels}")

    def _lines(self):
        """Layers with a Split where several read one result: ncnn lets each be read once."""
        users = [name for _, _, inputs, _, _ in self.layers for name in inputs]
        given = {}
        self.blobs = 0
        for kind, name, inputs, out, options in self.layers:
            blobs = [given[blob].pop() for blob in inputs]
            count = users.count(out)
            copies = [out] if count < 2 else [f"{out}_{index}" for index in range(count)]
            given[out] = list(copies)
            self.blobs += 1 if count < 2 else 1 + count
            yield " ".join([kind, name, str(len(blobs)), "1", *blobs, out, options]).strip()
            if count > 1:
                yield " ".join(["Split", f"split_{name}", "1", str(count), out, *copies])

    def save(self, folder, name="model"):
        param = folder / f"{name}.param"
        lines = list(self._lines())
        param.write_text("\n".join(["7767517", f"{len(lines)} {self.blobs}", *lines, ""]))
        param.with_suffix(".bin").write_bytes(self.weights)
        return param


def compact(folder, *, features=5, scale=4, reduced=False, half=True):
    """A network of the compact family; ``features`` is odd, so that 16 bit weights are padded."""
    net = Writer(half=half)
    made = net.prelu(net.convolution("data", 3, features), features)
    made = net.prelu(net.convolution(made, features, features), features)
    made = net.convolution(made, features, 3 * scale**2)
    made = net.add("PixelShuffle", [made], f"0={scale}")
    larger = net.add("Interp", ["data"], f"0=1 1={scale}.0 2={scale}.0")
    made = net.add("BinaryOp", [made, larger], "0=0")
    if reduced:
        net.add("Interp", [made], "0=3 1=0.5 2=0.5")
    return net.save(folder)


def esrgan(folder, *, features=8, growth=32, factor=0.2, slope=0.2, enlargements=2, plain=False):
    """A network of the ESRGAN family with one block; spandrel knows no other ``growth``.

    ``plain``: activations and factors are layers of their own, as pnnx writes them.
    """
    net = Writer(plain=plain)
    first = made = net.convolution("data", 3, features)
    for _ in range(3):
        dense = [made]
        for index in range(4):
            joined = dense[0] if index == 0 else net.add("Concat", dense, "0=0")
            dense.append(net.convolution(joined, features + index * growth, growth, slope))
        last = net.convolution(net.add("Concat", dense, "0=0"), features + 4 * growth, features)
        made = net.scaled_sum(last, made, factor)
    made = net.scaled_sum(made, first, factor)
    made = net.add("BinaryOp", [first, net.convolution(made, features, features)], "0=0")
    for _ in range(enlargements):
        made = net.add("Interp", [made], "0=1 1=2.0 2=2.0")
        made = net.convolution(made, features, features, slope)
    made = net.convolution(made, features, features, slope)
    net.convolution(made, features, 3)
    return net.save(folder)
