"""Files of weights, read safely and written: checkpoints, exports, official files, anchors."""

from blindsr.weights.anchors.anchor import Anchor, anchor_of_branch, build_anchor, read_anchor
from blindsr.weights.anchors.dialects import anchor_state
from blindsr.weights.anchors.pbasr import (
    PBaSRWeights,
    average_branches,
    read_pbasr,
    read_pbasr_official,
    read_pbasr_run,
)

from .checkpoint import read_network
from .export import from_official, save_official, save_safetensors, to_official
from .network_file import NetworkFile
from .official import load_official
from .reading import read_state_dict

__all__ = [
    "Anchor",
    "NetworkFile",
    "PBaSRWeights",
    "anchor_of_branch",
    "anchor_state",
    "average_branches",
    "build_anchor",
    "from_official",
    "load_official",
    "read_anchor",
    "read_network",
    "read_pbasr",
    "read_pbasr_official",
    "read_pbasr_run",
    "read_state_dict",
    "save_official",
    "save_safetensors",
    "to_official",
]
