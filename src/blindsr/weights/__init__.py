"""Weights in and out: official checkpoints, and estimators from files."""

from .estimator import LoadedEstimator, load_estimator
from .official import load_official
from .reading import read_state_dict

__all__ = ["LoadedEstimator", "load_estimator", "load_official", "read_state_dict"]
