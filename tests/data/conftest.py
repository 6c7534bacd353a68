"""A tiny NYU Depth V2, prepared once; tests that damage it take a copy."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from blindsr.data.prepare.nyuv2 import prepare_nyuv2


@pytest.fixture(scope="session")
def make_nyuv2():
    """The module that writes the tiny source files."""
    path = Path(__file__).parents[1] / "helpers" / "make_nyuv2.py"
    spec = importlib.util.spec_from_file_location("make_nyuv2", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def sources(make_nyuv2, tmp_path_factory):
    """Paths of the labelled file, the split and the class mapping."""
    return make_nyuv2.make(tmp_path_factory.mktemp("nyuv2_source"))


@pytest.fixture(scope="session")
def prepared(sources, tmp_path_factory):
    """A prepared NYUv2-BSR (5 training, 2 test frames of 48 x 64). Read only."""
    out = tmp_path_factory.mktemp("nyuv2_bsr") / "bsr"
    prepare_nyuv2(*sources, out)
    return out


@pytest.fixture
def bsr(prepared, tmp_path):
    """A copy of the prepared data set to damage."""
    return Path(shutil.copytree(prepared, tmp_path / "bsr"))
