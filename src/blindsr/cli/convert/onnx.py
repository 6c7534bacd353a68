"""``blindsr convert export`` to ONNX."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .window_layout import ask_layout, refuse_layout

if TYPE_CHECKING:
    from blindsr.weights import NetworkFile
    from blindsr.weights.anchors.anchor import Anchor
    from blindsr.weights.onnx.export import OnnxReport
    from blindsr.weights.onnx.model import OnnxModel

_MEGABYTE = 1e6


def run_onnx(arguments: argparse.Namespace) -> int:
    """Write one ONNX file and print one line about it."""
    from rich.console import Console

    from blindsr.weights.onnx.export import require_onnx, save_onnx
    from blindsr.weights.onnx.model import onnx_model, read_onnx_source

    require_onnx()  # before a large file is read
    source = with_layout(read_onnx_source(arguments.source, arguments.anchor_class), arguments)
    model = onnx_model(source, arguments.source)
    with Console(stderr=True).status("Recording the graph and comparing it with the network"):
        written = save_onnx(arguments.out, model)
    report(arguments, model, written)
    return 0


def with_layout(
    source: NetworkFile | Anchor, arguments: argparse.Namespace
) -> NetworkFile | Anchor:
    """Settle the window layout of a released file; others say it themselves, or have none."""
    from blindsr.weights import NetworkFile, from_official

    if isinstance(source, NetworkFile) and source.official and source.has_windows:
        return from_official(source, arguments.layout or ask_layout())
    refuse_layout(arguments.layout, str(arguments.source))
    if isinstance(source, NetworkFile) and source.official:
        return from_official(source)
    return source


def report(arguments: argparse.Namespace, model: OnnxModel, written: OnnxReport) -> None:
    """Print what was written and how near it is to the network."""
    from rich.console import Console

    graph = model.graph
    parts = [
        f"{model.title} x{graph.scale}",
        f"{', '.join(graph.inputs)} -> {', '.join(graph.outputs)}",
        f"{written.size / _MEGABYTE:.1f} MB",
        f"opset {written.opset}",
        difference(written.differences),
    ]
    if written.one:
        parts.insert(2, "one picture at a time")
    if "non-commercial" in model.metadata.get("license", ""):
        parts.append(model.metadata["license"])
    Console(highlight=False, soft_wrap=True).print(
        f"{arguments.source} -> {arguments.out}: {'; '.join(parts)}", markup=False
    )


def difference(found: dict[str, float]) -> str:
    """What a comparison found, in words.

    >>> difference({"sr": 2.4e-07, "seg": 0.0})
    'at most 2e-07 (sr) from the network, classes equal'
    """
    values = [f"{value:.0e} ({name})" for name, value in found.items() if name != "seg"]
    parts = [f"at most {', '.join(values)} from the network"] if values else []
    if "seg" in found:
        other = found["seg"]
        parts.append(f"{other:.2%} of the classes differ" if other else "classes equal")
    return ", ".join(parts)
