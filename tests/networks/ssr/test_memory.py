"""What sampling holds at once: pictures, in a fixed number, and features of one tile."""

import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from blindsr.degradation import gather_torch
from blindsr.imaging import rows_on_disk
from blindsr.inference import sampling
from blindsr.inference.sampling import SampledRun
from blindsr.networks import SSR
from blindsr.networks.ssr import conditioned, estimators, svkr


class LiveBytes(TorchDispatchMode):
    """Counts the storages that operations make, as long as they live."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self.known = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        alone = isinstance(result, torch.Tensor)
        for tensor in (result,) if alone else tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.count(tensor.untyped_storage())
        return result

    def count(self, storage):
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.forget, key, size)

    def forget(self, key, size):
        self.known.discard(key)
        self.now -= size


def peak(height, samples=3, steps=1):
    """Bytes of some samples of a picture of 16 LR columns."""
    torch.manual_seed(0)
    network = SSR(kernel_width=4, kernel_blocks=1, iterations=1, steps=steps, width=8, blocks=1)
    run = SampledRun(network.eval().requires_grad_(False), samples=samples)
    lr = torch.rand(1, 3, height, 16)
    with torch.no_grad(), LiveBytes() as live:
        run(lr)
    return live.peak


def test_memory_is_a_fixed_number_of_pictures_whatever_the_samples(monkeypatch):
    monkeypatch.setattr(gather_torch, "_STRIP", 4_000)
    monkeypatch.setattr(gather_torch, "_LEAST_ROWS", 16)
    monkeypatch.setattr(SSR.sample, "__kwdefaults__", {**SSR.sample.__kwdefaults__, "tile": 64})
    small, large = peak(64), peak(128)
    pictures = (large - small) / (64 * 16 * 16 * 3 * 4)
    assert 4 < pictures < 11  # 14.7 if the blur is not made in strips, 15.6 without tiles


def test_of_a_large_picture_only_vectors_of_lr_size_are_held(monkeypatch):
    monkeypatch.setattr(gather_torch, "_STRIP", 4_000)
    monkeypatch.setattr(gather_torch, "_LEAST_ROWS", 16)
    monkeypatch.setattr(sampling, "LARGE", 0)
    monkeypatch.setattr(rows_on_disk, "_BAND", 4)
    for module, name, value in (
        (svkr, "_TILE", 16),
        (svkr, "DEPTH_REACH", 8),  # too short for the values, as the next: memory alone counts
        (estimators, "_ENERGY_REACH", 0),
        (conditioned, "REACH", 16),
    ):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(SSR.sample, "__kwdefaults__", {**SSR.sample.__kwdefaults__, "tile": 64})
    small, large = peak(48, samples=2, steps=2), peak(64, samples=2, steps=2)
    pictures = (large - small) / (16 * 16 * 16 * 3 * 4)
    assert pictures < 0.7  # of HR size: ten vectors of LR size; 1 more if one is held
