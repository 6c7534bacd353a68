"""The window affinity of GIA as the paper writes it: an independent form to hold ours against."""

import torch


def affinity_sum(own, other, reduce):
    """Build the P x P affinity of each window, then reduce it with the learned vector."""
    affinity = own.flatten(2).transpose(1, 2) @ other.flatten(2)  # (B, P, P): [p, q]
    positions_last = affinity.transpose(1, 2).unflatten(2, own.shape[2:])  # (B, q, h, w)
    return torch.nn.functional.conv2d(positions_last, reduce.weight, reduce.bias)
