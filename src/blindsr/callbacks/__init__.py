"""Lightning callbacks: progress, pictures while training, score tables."""

from .non_finite import SkipNonFinite
from .progress import LineProgress, RichProgress, progress_bar
from .report import ScoreTable
from .sample_grid import SampleGrid
from .wandb_logger import WandbLogger

__all__ = [
    "LineProgress",
    "RichProgress",
    "SampleGrid",
    "ScoreTable",
    "SkipNonFinite",
    "WandbLogger",
    "progress_bar",
]
