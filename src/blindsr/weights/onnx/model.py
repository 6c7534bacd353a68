"""The graph and the metadata of an ONNX file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blindsr import __version__
from blindsr.errors import WeightsError
from blindsr.networks import kinds
from blindsr.weights.anchors.anchor import Anchor, anchor_of_branch, read_anchor
from blindsr.weights.anchors.pbasr import branches_of, is_official, is_run, read_content
from blindsr.weights.anchors.spandrel_files import RESTRICTED
from blindsr.weights.checkpoint import SETTINGS_KEY, read_network
from blindsr.weights.export import describe
from blindsr.weights.network_file import NetworkFile

from .graphs import GRAPHS, Graph, PlainGraph

TENSORS = {
    "lr": "lr (n,3,h,w) float32, sRGB in [0,1]",
    "sr": "sr (n,3,{s}h,{s}w) float32, sRGB, not clipped to [0,1]",
    "blur": "blur (n,1,{s}h,{s}w) float32, sigma in HR pixels, as an output not clipped at 0",
    "seg": "seg (n,{s}h,{s}w) int64, class indices, as an input 255 where unknown",
}
"""Name of an input or output -> what it holds; ``s`` is the scale."""
PURPOSES: dict[kinds.Role, str] = {
    "estimator": "estimates {} of an LR image",
    "restorer": "super-resolution by given maps",
    "joint": "blind super-resolution",
    "pipeline": "blind super-resolution",
}
"""What a network of a role is for."""
OUR_LICENCE = "Apache-2.0 (network); the weights are under the terms of their author and data"


@dataclass(frozen=True)
class OnnxModel:
    """A network that is written as ONNX.

    Attributes:
        path: where its weights were read.
        title: name of the architecture.
        graph: in evaluation mode.
        metadata: text by key, for the file.
        num_classes: of its class map, 1 if unknown.
        sigma_max: of its sigma map in HR pixels, 1 if unknown.
    """

    path: str
    title: str
    graph: Graph = field(repr=False)
    metadata: dict[str, str]
    num_classes: int = 1
    sigma_max: float = 1.0


def read_onnx_source(path: str | Path, own_class: str | None = None) -> NetworkFile | Anchor:
    """Read any file of weights that can be written as ONNX.

    Args:
        path: checkpoint of a task of this package, an export of one, a released file, or a network
            of any architecture that spandrel reads. Of PBaSR the branches are averaged.
        own_class: class of a PBaSR training's anchor where it is the user's own.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it is unreadable or holds something else.
    """
    content = read_content(path)
    if is_run(content) or is_official(content):
        return anchor_of_branch(branches_of(content, str(path)), own_class=own_class)
    try:
        return read_network(path)
    except WeightsError:
        if "hyper_parameters" in content:  # of another training: no plain network either
            raise
        return read_anchor(path)


def onnx_model(source: NetworkFile | Anchor, path: str | Path) -> OnnxModel:
    """Make the graph of a network, and describe it.

    Args:
        source: with our own names, see :func:`~blindsr.weights.from_official`.
        path: where it was read, for messages.

    Raises:
        WeightsError: if tensors and settings contradict each other, or no graph can hold it.
    """
    if isinstance(source, Anchor):
        return _of_anchor(source, str(path))
    return _of_network(source, str(path))


def _of_network(file: NetworkFile, path: str) -> OnnxModel:
    network, about = file.network(), describe(file)
    role = kinds.by_name(file.kind).role
    if kinds.tile_needs(network).whole:
        raise WeightsError(
            path,
            found=f"{file.title}, which iterates and solves for the whole picture",
            expected="a network of one pass",
            fix="Use it with blindsr upscale, blindsr estimate or blindsr.load.",
        )
    graph: Graph = GRAPHS[role](network)
    settings = about["settings"]
    restorer = settings.get("restorer", settings)
    known = {
        SETTINGS_KEY: about,
        "license": OUR_LICENCE,
        "sigma_max": file.sigma_max,
        "class_names": list(file.class_names) or None,
        "phase": restorer["phase"] if restorer.get("skip") == "bicubic" else None,
    }
    title, purpose = file.title, PURPOSES[role].format(" and ".join(graph.outputs))
    return OnnxModel(
        path,
        title,
        graph.eval(),
        _describe(graph, f"{title} x{graph.scale}, {purpose}", known),
        settings.get("num_classes", 1),
        file.sigma_max or 1.0,
    )


def _of_anchor(anchor: Anchor, path: str) -> OnnxModel:
    graph = PlainGraph(anchor.network, anchor.scale, anchor.multiple, anchor.minimum)
    licence = next((text for name, (_, text) in RESTRICTED.items() if name == anchor.title), None)
    known = {"license": f"{licence}: for non-commercial use only" if licence else None}
    about = _describe(graph, f"{anchor.title} x{anchor.scale}, super-resolution", known)
    return OnnxModel(path, anchor.title, graph.eval(), about)


def _describe(graph: Graph, title: str, known: dict[str, Any]) -> dict[str, str]:
    """Metadata of a file; what is ``None`` is not known and stays out, what is no text is JSON."""
    taken, given = (
        "; ".join(TENSORS[name].format(s=graph.scale) for name in names)
        for names in (graph.inputs, graph.outputs)
    )
    every = {
        "description": f"{title}. In: {taken}. Out: {given}.",
        "scale": graph.scale,
        "minimum_size": graph.minimum,
        "blindsr_version": __version__,
        **known,
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in every.items()
        if value is not None
    }
