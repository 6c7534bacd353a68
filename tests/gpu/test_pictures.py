"""Pictures and maps of a GPU are those of the CPU."""

import numpy as np
import pytest
import torch
from tests.helpers.made_pipeline import (
    CLASSES,
    CMOS_SETTINGS,
    RESTORER_SETTINGS,
    blind,
    export,
    scene,
)

import blindsr
from blindsr.cli.app import main
from blindsr.imaging.files import read_array, write_png
from blindsr.networks import SSR
from blindsr.weights import save_safetensors
from blindsr.weights.network_file import NetworkFile

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
ON_GPU = ["--device", "gpu"]
LEVELS = 1
"""Of 255: rounding may fall on either side."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photograph, and a pipeline of CMOS and RRDB-SFT."""
    folder = tmp_path_factory.mktemp("pictures")
    write_png(folder / "photo.png", scene(150, 210))
    network = blind()
    settings = {"estimator": CMOS_SETTINGS, "restorer": RESTORER_SETTINGS}
    export(folder / "blind.safetensors", "blind", network, settings, sigma_max=5.0)
    ssr = {"kernel_width": 8, "kernel_blocks": 1, "width": 8, "blocks": 1, "steps": 2}
    torch.manual_seed(0)
    file = NetworkFile("made", "ssr", ssr, SSR(**ssr).eval().state_dict())
    save_safetensors(folder / "ssr.safetensors", file)
    return folder


@pytest.mark.parametrize("model", ["small", "blind.safetensors", "ssr.safetensors"])
@pytest.mark.parametrize("tile", ["auto", "64"])
def test_upscale_gives_the_picture_of_the_cpu(model, tile, folder, tmp_path):
    name = model if model == "small" else str(folder / model)
    words = ["upscale", str(folder / "photo.png"), "--model", name, "--precision", "float32"]
    for device in ("cpu", "gpu"):
        out = str(tmp_path / f"{device}.png")
        assert main([*words, "--tile", tile, "--device", device, "-o", out]) == 0
    here, there = (read_array(tmp_path / f"{device}.png") for device in ("cpu", "gpu"))
    difference = np.abs(here.astype(int) - there.astype(int))
    assert here.std() > 10
    assert difference.max() <= LEVELS


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_of_the_box_is_close(precision, folder):
    picture = read_array(folder / "photo.png")
    full = blindsr.load(device="cpu", precision="float32").upscale(picture).astype(np.float64)
    half = blindsr.load(device="gpu", precision=precision).upscale(picture)
    assert 10 * np.log10(255**2 / np.square(full - half).mean()) > 45


@pytest.mark.parametrize("model", [None, "blind.safetensors"])
def test_maps_are_those_of_the_cpu(model, folder):
    source = None if model is None else folder / model
    picture = read_array(folder / "photo.png")
    here, there = (
        blindsr.load(source, device=device, precision="float32").estimate(picture)
        for device in ("cpu", "gpu")
    )
    assert here.blur.std() > 0.01
    np.testing.assert_allclose(there.blur, here.blur, atol=2e-3)
    if model is not None:
        assert here.seg.max() < CLASSES
        assert (here.seg == there.seg).mean() > 0.999


def test_estimate_gives_the_map_of_the_cpu(folder, tmp_path):
    words = ["estimate", "small", str(folder / "photo.png"), "--npy"]
    for device in ("cpu", "gpu"):
        assert main([*words, "-o", str(tmp_path / device), "--device", device]) == 0
    here, there = (np.load(tmp_path / one / "photo_sigma.npy") for one in ("cpu", "gpu"))
    np.testing.assert_allclose(there, here, atol=2e-3)


def test_upscale_takes_the_gpu_by_itself(folder, tmp_path):
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.max_memory_allocated()
    assert main(["upscale", str(folder / "photo.png"), "-o", str(tmp_path / "large.png")]) == 0
    assert torch.cuda.max_memory_allocated() > before


def test_too_little_memory_ends_in_one_line(folder, tmp_path, capsys):
    """A tile of the whole picture, beside other work that has taken nearly all memory."""
    write_png(tmp_path / "large.png", np.tile(scene(200, 300), (6, 6, 1)))
    _, total = torch.cuda.mem_get_info()
    left = torch.cuda.max_memory_reserved() + 64 * 2**20
    torch.cuda.set_per_process_memory_fraction(min(1.0, left / total))
    try:
        words = ["upscale", str(tmp_path / "large.png"), "-o", str(tmp_path / "out.png")]
        capsys.readouterr()
        status = main([*words, "--model", str(folder / "blind.safetensors"), "--tile", "0"])
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert status == 2
    assert "large.png: memory ran out. Choose smaller tiles" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()
