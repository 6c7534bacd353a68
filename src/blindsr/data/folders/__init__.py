"""Data modules of folders of one's own: pairs of LR and HR, HR blurred by Gaussian kernels."""
