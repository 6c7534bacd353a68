"""PBaSR (ECCV 2024): two branches with losses and a discriminator each, and their average."""

from .task import PBaSRTask

__all__ = ["PBaSRTask"]
