"""One of two processes that share statistics of batch normalisation: ``rank_norm.py FOLDER RANK``.

Takes one step of ``network()`` with image number RANK and writes ``<folder>/rank<r>.pt``. Its
device is the GPU if torch has one, two processes on the same. On a CPU torch has what processes
tell each other and the backward pass, but not the five kernels: they are written out below.
"""

import sys
from pathlib import Path

import torch
from torch import distributed
from torch.nn.modules._functions import SyncBatchNorm

from blindsr.networks import CMOS

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def network():
    """With every kind of layer that has statistics, also of pooled vectors, one for each image."""
    torch.manual_seed(0)
    return CMOS(backbone="pyramid_small", num_classes=3, window=(4, 5)).double()


def images():
    """Two, with statistics that differ, in their last dimension of the batch."""
    noise = torch.rand(2, 3, 16, 20, generator=torch.Generator().manual_seed(1)).double()
    return noise * torch.tensor([0.3, 1.0]).view(2, 1, 1, 1).double()


def loss(estimate):
    """Mean over the batch of something that every output takes part in."""
    return sum(part.square().mean() for part in estimate if part is not None)


def along(x, value):
    """A value of each channel (C), to be broadcast over a batch (N, C, ...)."""
    return value.view(1, -1, *[1] * (x.dim() - 2))


def stats(x, eps):
    """Mean and 1 / sqrt(variance + eps) of each channel."""
    dims = [0, *range(2, x.dim())]
    return x.mean(dims), (x.var(dims, correction=0) + eps).rsqrt()


def gather_stats(x, means, inverses, running_mean, running_var, momentum, eps, counts):
    """The same of all processes together, by their counts; moves the running ones."""
    share = (counts / counts.sum()).unsqueeze(1)
    mean = (share * means).sum(0)
    variance = (share * (inverses**-2 - eps + (means - mean) ** 2)).sum(0)
    unbiased = variance * counts.sum() / (counts.sum() - 1)
    running_mean.lerp_(mean, momentum)
    running_var.lerp_(unbiased, momentum)
    return mean, (variance + eps).rsqrt()


def normalise(x, weight, bias, mean, inverse, eps):
    """y = (x - mean) / deviation * weight + bias."""
    return (x - along(x, mean)) * along(x, inverse * weight) + along(x, bias)


def backward_sums(grad, x, mean, inverse, weight, *_):
    """Sums over this process: of the gradient, of it times x - mean; gradients of the affine."""
    dims = [0, *range(2, x.dim())]
    one, other = grad.sum(dims), (grad * (x - along(x, mean))).sum(dims)
    return one, other, other * inverse, one


def backward(grad, x, mean, inverse, weight, sums, centred, counts):
    """Gradient of x, from sums over all processes."""
    count = counts.sum()
    slope = (x - along(x, mean)) * along(x, inverse**2 * centred / count)
    return (grad - along(x, sums / count) - slope) * along(x, inverse * weight)


def write_out_kernels():
    """Give torch on a CPU what it has on GPUs."""
    torch.batch_norm_stats = stats
    torch.batch_norm_gather_stats_with_counts = gather_stats
    torch.batch_norm_elemt = normalise
    torch.batch_norm_backward_reduce = backward_sums
    torch.batch_norm_backward_elemt = backward
    torch.nn.SyncBatchNorm.forward = forward


def forward(layer, x):
    """What the layer does in training, after it has refused CPUs."""
    layer.num_batches_tracked += 1
    affine, running = (layer.weight, layer.bias), (layer.running_mean, layer.running_var)
    world = distributed.group.WORLD
    return SyncBatchNorm.apply(x, *affine, *running, layer.eps, layer.momentum, world, 2)


def main(folder, rank):
    """One step, over a file in ``folder``."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2
    )
    if DEVICE.type == "cpu":
        write_out_kernels()
    shared = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network()).to(DEVICE).train()
    loss(shared(images()[rank : rank + 1].to(DEVICE))).backward()
    gradients = {n: p.grad.cpu() for n, p in shared.named_parameters() if p.grad is not None}
    for gradient in gradients.values():  # as DDP does, which refuses these layers on a CPU
        distributed.all_reduce(gradient)
        gradient /= 2
    buffers = {name: buffer.cpu() for name, buffer in shared.named_buffers()}
    torch.save({"gradients": gradients, "buffers": buffers}, folder / f"rank{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
