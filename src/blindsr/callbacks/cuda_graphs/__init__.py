"""Training steps that a GPU starts as one operation."""

from .callback import CUDAGraphs

__all__ = ["CUDAGraphs"]
