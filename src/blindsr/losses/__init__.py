"""Losses: pure functions of tensors, addressed by name."""

from .blur_semantic import blur_semantic_losses, semantic_cross_entropy

__all__ = ["blur_semantic_losses", "semantic_cross_entropy"]
