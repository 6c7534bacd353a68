"""Networks as plain modules: tensors in, tensors out, no files (but ImageNet), no Lightning."""

from .blind import BlindSR
from .blur_unet import BlurUNet
from .cmos import CMOS
from .discriminator import ConditionalDiscriminator, UNetDiscriminator
from .fast import accelerate
from .fold import fold_batchnorm
from .gia import GIA
from .imagenet import load_imagenet
from .rrdb_sft import RRDBSFT

__all__ = [
    "CMOS",
    "RRDBSFT",
    "BlindSR",
    "BlurUNet",
    "ConditionalDiscriminator",
    "GIA",
    "UNetDiscriminator",
    "accelerate",
    "fold_batchnorm",
    "load_imagenet",
]
