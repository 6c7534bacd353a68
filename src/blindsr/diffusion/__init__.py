"""Few-step diffusion that starts at the LR picture and cannot contradict it."""
