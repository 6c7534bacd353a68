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
from .kernelgan import (
    KernelGANDiscriminator,
    KernelGANGenerator,
    ZSSRNet,
    centre_kernel,
    collapse,
    kernel_x4,
)
from .koalanet import KOALAnet
from .manet import RRDBSFTPCA, MANet, MANetSR
from .rrdb_sft import RRDBSFT
from .ssr.ssr import SSR
from .ssr.svkr import SVKR

__all__ = [
    "BlindSR",
    "BlurUNet",
    "CMOS",
    "ConditionalDiscriminator",
    "DAN",
    "DANOutput",
    "DCLS",
    "GIA",
    "KOALAnet",
    "KernelGANDiscriminator",
    "KernelGANGenerator",
    "MANet",
    "MANetSR",
    "RRDBSFT",
    "RRDBSFTPCA",
    "SSR",
    "SVKR",
    "UNetDiscriminator",
    "ZSSRNet",
    "accelerate",
    "centre_kernel",
    "collapse",
    "fold_batchnorm",
    "kernel_x4",
    "load_imagenet",
]
