"""Write a network as ONNX, and prove on other sizes that it computes the same.

The graph is recorded by torch's older exporter, which keeps every size of a picture open: sizes
become operations of the graph. The newer one (``dynamo=True``) proves relations between symbolic
sizes instead; the windows of GIA at four scales take it minutes, where recording takes seconds.
Recording would freeze a branch or a loop that depends on a size, so nothing is written before
onnxruntime has run the graph on pictures of other sizes than the recorded one.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from blindsr import __version__
from blindsr.errors import ConfigError, WeightsError
from blindsr.weights.writing import write_bytes

from .graphs import PlainGraph
from .model import OnnxModel
from .proof import example, largest_differences

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
"""GridSample needs 16, LayerNormalization 17; the higher, the fewer programs read it."""
INSTALL = "uv pip install 'blindsr[onnx]'"
RECORDED = (2, 23, 21)
"""n, h, w of the picture that a graph is recorded on, plus the network's minimum for h and w. No 1,
which operations may treat apart; neither multiples of a window nor of a stride."""
_WORDS = 40


@dataclass(frozen=True)
class OnnxReport:
    """What was written.

    Attributes:
        opset: of the standard operators.
        size: of the file in bytes.
        differences: largest absolute difference from the network by output, of ``seg`` the
            share of pixels with another class.
        one: it takes one picture at a time.
    """

    opset: int
    size: int
    differences: dict[str, float]
    one: bool = False


def require_onnx() -> None:
    """Raise ConfigError if the extra ``onnx`` is not installed."""
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            "ONNX",
            found=f"{' and '.join(missing)} not installed",
            expected="the extra `onnx`",
            fix=f"Type: {INSTALL}",
        )


def save_onnx(path: str | Path, model: OnnxModel) -> OnnxReport:
    """Write a network as ONNX for any height and width, and any number of pictures at once.

    Many networks of other projects (SwinIR, HAT) use the number of pictures as a Python number
    where they cut windows, which a graph records as a constant; they are written for one picture at
    a time.

    Args:
        path: an existing file is replaced; nothing half-written stays behind.
        model: see :func:`~blindsr.weights.onnx.model.onnx_model`.

    Raises:
        ConfigError: if the extra ``onnx`` is not installed.
        FileError: if the file cannot be written.
        WeightsError: if the network cannot be recorded, or the graph does not compute what the
            network does.
    """
    require_onnx()
    one = False
    try:
        content, differences = _proven(model, one=one)
    except WeightsError:
        if not isinstance(model.graph, PlainGraph):
            raise
        one = True
        content, differences = _proven(model, one=one)
    write_bytes(path, content)
    return OnnxReport(OPSET, len(content), differences, one)


def _proven(model: OnnxModel, *, one: bool) -> tuple[bytes, dict[str, float]]:
    """A file for any number of pictures, or for ``one``, and how it differs from the network."""
    with _quiet():
        content = _with_metadata(_record(model, one=one), model, one=one)
    return content, largest_differences(content, model, one=one)


def _record(model: OnnxModel, *, one: bool) -> bytes:
    graph, minimum = model.graph, model.graph.minimum
    n, h, w = RECORDED
    inputs = example(model, (1 if one else n, minimum + h, minimum + w))
    axes = {name: _axes(name, graph.scale) for name in graph.inputs + graph.outputs}
    buffer = io.BytesIO()
    try:
        torch.onnx.export(
            graph,
            tuple(inputs.values()),
            buffer,  # type: ignore[arg-type]  # annotated as a path; this exporter takes files
            dynamo=False,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={
                name: {axis: length for axis, length in found.items() if axis or not one}
                for name, found in axes.items()
            },
        )
    except Exception as error:  # the exporter raises many kinds of errors
        said = " ".join(str(error).split()[:_WORDS])
        raise WeightsError(
            model.path,
            found=f"a network that cannot be written as ONNX ({type(error).__name__}: {said})",
            expected="operations that ONNX has",
            fix="Keep it as .safetensors or .pth.",
        ) from error
    return buffer.getvalue()


def _axes(name: str, scale: int) -> dict[int, str]:
    """Axis -> name, for those that are open."""
    height, width = ("h", "w") if name == "lr" else (f"{scale}*h", f"{scale}*w")
    first = 1 if name == "seg" else 2
    return {0: "n", first: height, first + 1: width}


def _with_metadata(content: bytes, model: OnnxModel, *, one: bool) -> bytes:
    onnx: Any = importlib.import_module("onnx")
    proto: ModelProto = onnx.load_from_string(content)
    facts = {"opset": str(OPSET), "batch_size": "1" if one else "any"}
    onnx.helper.set_model_props(proto, {**model.metadata, **facts})
    proto.doc_string = model.metadata["description"]
    proto.producer_name, proto.producer_version = "blindsr", __version__
    return proto.SerializeToString()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's warnings about sizes and deprecation."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
