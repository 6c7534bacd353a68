"""KernelGAN and ZSSR: learn the kernel of one image, then how to enlarge it."""
