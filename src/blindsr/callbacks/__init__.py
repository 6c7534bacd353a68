"""Lightning callbacks: progress, pictures while training, score tables."""

from .progress import LineProgress, RichProgress, progress_bar
from .report import ScoreTable
from .sample_grid import SampleGrid
from .wandb_logger import WandbLogger

__all__ = ["LineProgress", "RichProgress", "SampleGrid", "ScoreTable", "WandbLogger", "progress_bar"]
