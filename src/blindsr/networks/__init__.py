"""Networks as plain modules: tensors in, tensors out, no files (but ImageNet), no Lightning."""

from .cmos import CMOS
from .fold import fold_batchnorm
from .gia import GIA
from .imagenet import load_imagenet

__all__ = ["CMOS", "GIA", "fold_batchnorm", "load_imagenet"]
