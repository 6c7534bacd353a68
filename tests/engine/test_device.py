"""Names of devices."""

import pytest
import torch

from blindsr.errors import ConfigError
from blindsr.inference import open_model as engine_open


@pytest.mark.parametrize(
    ("name", "asked"), [("gpu", "cuda"), ("gpu:1", "cuda:1"), ("cuda", "cuda"), ("cpu", "cpu")]
)
def test_gpu_is_another_word_for_cuda(name, asked, monkeypatch):
    seen = []

    def zeros(_size, device):
        seen.append(device)
        raise RuntimeError("none here")

    monkeypatch.setattr(engine_open.torch, "zeros", zeros)
    with pytest.raises(ConfigError, match=f"^--device: {name}, which torch cannot use"):
        engine_open.pick_device(name, "--device")
    assert seen == [asked]


@pytest.mark.gpu
def test_gpu_is_there():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert engine_open.pick_device("gpu").type == "cuda"
