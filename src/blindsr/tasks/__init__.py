"""LightningModules: one per system. They meet data only in ``blindsr.types`` and in the YAML."""

from .blind import BlindSRTask
from .blur_unet import BlurUNetTask
from .cmos import CMOSTask
from .estimation import EstimationTask
from .pbasr import PBaSRTask
from .rrdb_sft import RRDBSFTTask

__all__ = [
    "BlindSRTask",
    "BlurUNetTask",
    "CMOSTask",
    "EstimationTask",
    "PBaSRTask",
    "RRDBSFTTask",
]
