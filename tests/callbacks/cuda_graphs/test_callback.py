"""CUDA graphs are refused where there is nothing to record; tests/gpu trains with them."""

import pytest
from tests.conftest import REPOSITORY
from tests.helpers.configurations import write_config

from blindsr.cli.training.command import main

OVERLAY = ["-c", str(REPOSITORY / "experiments" / "overlays" / "cuda_graphs.yaml")]


@pytest.mark.parametrize("devices", [1, 2])
def test_a_cpu_is_refused_before_anything_is_written(devices, tmp_path, capsys):
    config = write_config(tmp_path)
    on_cpu = ["--trainer.accelerator", "cpu", "--trainer.devices", str(devices)]
    assert main(["fit", "-c", str(config), *OVERLAY, *on_cpu]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    found = f"CUDAGraphs with {devices} process{'es' * (devices > 1)} on cpu"
    assert f"trainer.callbacks: {found}, expected one process on a CUDA device" in line
    assert "Leave overlays/cuda_graphs.yaml out" in line
    assert not (tmp_path / "logs").exists()
