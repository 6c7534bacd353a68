"""LightningModules: one per system. They meet data only in ``blindsr.types`` and in the YAML."""

from .blind import BlindSRTask
from .blur_unet import BlurUNetTask
from .cmos import CMOSTask
from .dan import DANTask
from .dcls import DCLSTask
from .estimation import EstimationTask
from .kernelgan import KernelGANTask
from .koalanet import KOALAnetTask
from .latent_ssr import LatentSSRTask
from .manet import MANetTask, RRDBSFTPCATask
from .pbasr import PBaSRTask
from .rrdb_sft import RRDBSFTTask
from .ssr import SSRTask
from .svkr import SVKRTask

__all__ = [
    "BlindSRTask",
    "BlurUNetTask",
    "CMOSTask",
    "DANTask",
    "DCLSTask",
    "EstimationTask",
    "KOALAnetTask",
    "LatentSSRTask",
    "KernelGANTask",
    "MANetTask",
    "PBaSRTask",
    "RRDBSFTPCATask",
    "RRDBSFTTask",
    "SSRTask",
    "SVKRTask",
]
