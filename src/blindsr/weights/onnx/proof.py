"""Run an ONNX graph and the network it was recorded from on the same pictures."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from blindsr.errors import WeightsError
from blindsr.types import IGNORE_INDEX

if TYPE_CHECKING:
    from .model import OnnxModel

SIZES = ((1, 9, 20), (3, 18, 3))
"""n, h, w of the pictures, plus the network's minimum for h and w."""
OTHER_CLASSES = 0.01
"""Share of pixels whose class may change by rounding, as their two best logits are nearly equal."""
_ERRORS_ONLY = 3
_WORDS = 40


def example(model: OnnxModel, size: tuple[int, int, int]) -> dict[str, Tensor]:
    """Random inputs by name, the same at every call; ``size`` is n, h, w of ``lr``.

    The picture is smooth: for noise, the two best logits would often be nearly equal.
    """
    draw = torch.Generator().manual_seed(0)
    n, h, w = size
    height, width = model.graph.scale * h, model.graph.scale * w
    coarse = torch.rand(n, 3, -(-h // 4), -(-w // 4), generator=draw)
    found = {
        "lr": interpolate(coarse, (h, w), mode="bilinear"),
        "blur": model.sigma_max * torch.rand(n, 1, height, width, generator=draw),
        "seg": torch.randint(0, model.num_classes + 1, (n, height, width), generator=draw),
    }
    found["seg"][found["seg"] == model.num_classes] = IGNORE_INDEX
    return {name: found[name] for name in model.graph.inputs}


def largest_differences(content: bytes, model: OnnxModel, *, one: bool = False) -> dict[str, float]:
    """Compare on pictures of several sizes, none of which is the recorded one.

    Args:
        content: of an ONNX file.
        model: the network.
        one: a single picture at a time.

    Returns:
        Largest absolute difference by output, of ``seg`` the largest share of pixels with
        another class. If there are such pixels, ``sr`` is compared with what the network restores
        with the maps of the graph: one other class changes more than rounding does.

    Raises:
        WeightsError: if the graph fails at some size, or differs by more than rounding.
    """
    session = _session(content)
    worst = dict.fromkeys(model.graph.outputs, 0.0)
    for n, h, w in SIZES:
        n = 1 if one else n
        inputs = example(model, (n, model.graph.minimum + h, model.graph.minimum + w))
        expected = _eager(model, inputs)
        found = _run(session, model, inputs)
        for name, difference in _compare(model, inputs, found, expected).items():
            worst[name] = max(worst[name], difference)
    return worst


def _session(content: bytes) -> Any:
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY + 1  # failures are also raised as exceptions
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _eager(model: OnnxModel, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    with torch.no_grad():
        outputs = model.graph(*inputs.values())
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return dict(zip(model.graph.outputs, outputs, strict=True))


def _run(session: Any, model: OnnxModel, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    names = list(model.graph.outputs)
    try:
        outputs = session.run(names, {name: tensor.numpy() for name, tensor in inputs.items()})
    except Exception as error:  # the exceptions of onnxruntime have no base of their own
        said = " ".join(str(error).split()[:_WORDS])
        raise _fixed_size(model, f"fails on {_shown(inputs)} ({said})") from error
    return dict(zip(names, map(torch.from_numpy, outputs), strict=True))


def _compare(
    model: OnnxModel,
    inputs: dict[str, Tensor],
    found: dict[str, Tensor],
    expected: dict[str, Tensor],
) -> dict[str, float]:
    differences = {}
    for name, value in found.items():
        if value.shape != expected[name].shape:
            raise _fixed_size(model, f"gives {name} {tuple(value.shape)} for {_shown(inputs)}")
    if "seg" in found:
        other = (found["seg"] != expected["seg"]).float().mean().item()
        differences["seg"] = other
        if other:
            with torch.no_grad():
                sr = model.graph.restored(inputs["lr"], found)
            expected = expected if sr is None else expected | {"sr": sr}
    for name in (name for name in found if name != "seg"):
        differences[name] = (found[name] - expected[name]).abs().max().item()
    for name, difference in differences.items():
        limit = OTHER_CLASSES
        if name != "seg":
            limit = model.graph.tolerance * expected[name].abs().max().item()
        if not difference <= limit:  # nor is NaN
            what = f"differs from the network by {difference:.3g} in {name}"
            raise _fixed_size(model, f"{what} for {_shown(inputs)}")
    return differences


def _fixed_size(model: OnnxModel, found: str) -> WeightsError:
    return WeightsError(
        model.path,
        found=f"recorded as ONNX it {found}",
        expected="the same at every size",
        fix="Nothing was written; keep it as .safetensors or .pth.",
    )


def _shown(inputs: dict[str, Tensor]) -> str:
    return f"a picture {tuple(inputs['lr'].shape)}"
