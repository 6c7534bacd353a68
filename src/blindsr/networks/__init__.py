"""Networks as plain torch modules: tensors in, tensors out; the only files are ImageNet weights."""

from blindsr.networks.backbones.imagenet import load_imagenet
from blindsr.networks.fast.accelerate import accelerate
from blindsr.networks.fast.folding import fold_batchnorm

from .blind import BlindSR
from .blur_unet import BlurUNet
from .cmos import CMOS
from .dan import DAN, DANOutput
from .dcls import DCLS
from .discriminator import ConditionalDiscriminator, UNetDiscriminator
from .gia import GIA
from .koalanet import KOALAnet
from .manet import RRDBSFTPCA, MANet, MANetSR
from .rrdb_sft import RRDBSFT
from .ssr.ssr import SSR
from .ssr.svkr import SVKR

__all__ = [
    "CMOS",
    "DAN",
    "DANOutput",
    "DCLS",
    "RRDBSFT",
    "SSR",
    "SVKR",
    "RRDBSFTPCA",
    "BlindSR",
    "BlurUNet",
    "ConditionalDiscriminator",
    "GIA",
    "KOALAnet",
    "MANet",
    "MANetSR",
    "UNetDiscriminator",
    "accelerate",
    "fold_batchnorm",
    "load_imagenet",
]
