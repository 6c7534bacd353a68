"""SSR: depth-informed kernels, fused modalities and a diffusion in pixels."""
