"""The package as who installs it has it: a wheel, in an environment and a folder of its own."""

import json
import os
import subprocess
import sys
import sysconfig
import venv

import numpy as np
import pytest
from tests.conftest import REPOSITORY

from blindsr.imaging.files import read_array, write_png

pytestmark = pytest.mark.slow

TINY = [
    *("--trainer.max_epochs=1", "--data.train_count=2", "--data.val_count=2"),
    *("--data.test_count=2", "--data.batch_size=2", "--data.iva=0", "--data.size=[64,96]"),
    *("--data.crop=[16,24]", "--data.num_workers=0"),
]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """Folder with the scripts of a fresh environment that has our wheel.

    Everything else comes from the environment of the tests, so that nothing is downloaded.
    """
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = folder.glob("blindsr-*.whl")
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*install, "--no-index", "--no-deps", str(wheel)], check=True)
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    (packages / "of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


def installed(scripts, home, *words):
    """What a script of the environment prints, started in a folder that is no clone."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [str(scripts / words[0]), *words[1:]]
    done = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_is_that_of_the_wheel(scripts, home):
    words = ["-c", "import blindsr; print(blindsr.__file__)"]
    assert str(scripts.parent) in installed(scripts, home, "python", *words)
    listed = installed(scripts, home, "blindsr", "configs").splitlines()
    assert len(listed) == len(list((REPOSITORY / "experiments").rglob("*.yaml")))


def test_a_training_of_the_package_fits_a_batch(scripts, home):
    words = ["-c", "experiments/cmos_demo.yaml", "-c", "overlays/cpu.yaml", *TINY]
    assert "epoch 1/1 batch 1/1" in installed(scripts, home, "lightning", "fit", *words)
    assert (home / "logs" / "cmos_demo").is_dir()


def test_upscale_has_its_model(scripts, home):
    picture = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    write_png(home / "small.png", picture)
    installed(scripts, home, "blindsr", "upscale", "small.png", "-o", "large.png")
    assert read_array(home / "large.png").shape == (80, 96, 3)


def test_demo_begins_and_ends(scripts, home):
    printed = installed(scripts, home, "blindsr", "demo", "-o", "demo", "--", *TINY)
    assert printed.startswith("Takes about")
    assert "the model in the box" in printed
    assert json.loads((home / "demo" / "scores.json").read_text())["estimate"]["images"] == 2
