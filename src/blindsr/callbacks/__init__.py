"""Lightning callbacks: progress, pictures while training, score tables."""

from .ema import EMA
from .non_finite import SkipNonFinite
from .progress import LineProgress, RichProgress, progress_bar
from .report import ScoreTable
from .restoration_grid import RestorationGrid
from .sample_grid import SampleGrid
from .wandb_logger import WandbLogger
from .weight_interpolation import WeightInterpolation

__all__ = [
    "EMA",
    "LineProgress",
    "RestorationGrid",
    "RichProgress",
    "SampleGrid",
    "ScoreTable",
    "SkipNonFinite",
    "WandbLogger",
    "WeightInterpolation",
    "progress_bar",
]
