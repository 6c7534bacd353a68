"""Lightning callbacks: progress, pictures while training, score tables."""

from .checkpoint_file import WholeCheckpointIO, sweep_parts, use_whole_checkpoints
from .cuda_graphs import CUDAGraphs
from .dashboard import Dashboard
from .ema import EMA
from .non_finite import SkipNonFinite
from .pictures import Pictures
from .progress import LineProgress, RichProgress, progress_bar
from .score_table import ScoreTable
from .speed import Speed
from .stopping import SaveOnStop, StopSignals, TrainingStopped, callbacks_of
from .wandb_logger import WandbLogger
from .weight_interpolation import WeightInterpolation

__all__ = [
    "CUDAGraphs",
    "Dashboard",
    "EMA",
    "LineProgress",
    "Pictures",
    "RichProgress",
    "SaveOnStop",
    "ScoreTable",
    "Speed",
    "StopSignals",
    "TrainingStopped",
    "SkipNonFinite",
    "WandbLogger",
    "WeightInterpolation",
    "WholeCheckpointIO",
    "callbacks_of",
    "progress_bar",
    "sweep_parts",
    "use_whole_checkpoints",
]
