"""Losses: pure functions of tensors, addressed by name."""

from .blur_semantic import blur_semantic_losses, semantic_cross_entropy
from .pixel import pixel_l1

__all__ = ["blur_semantic_losses", "pixel_l1", "semantic_cross_entropy"]
