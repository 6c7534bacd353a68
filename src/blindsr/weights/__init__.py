"""Weights in and out: official checkpoints, our own, safe reading."""

from .checkpoint import NetworkFile, build_network, read_network
from .estimator import LoadedEstimator, load_estimator
from .export import from_official, save_official, save_safetensors, to_official
from .official import load_official
from .reading import read_state_dict

__all__ = [
    "LoadedEstimator",
    "NetworkFile",
    "build_network",
    "from_official",
    "load_estimator",
    "load_official",
    "read_network",
    "read_state_dict",
    "save_official",
    "save_safetensors",
    "to_official",
]
