"""One pipeline with made weights, as a file and as a model."""

import pytest
from tests.helpers.made_pipeline import CMOS_SETTINGS, RESTORER_SETTINGS, blind, export

import blindsr


@pytest.fixture(scope="module", autouse=True)
def small_tiles():
    """The true overlap would make these pictures one tile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("blindsr.networks.tile_needs.CMOS_OVERLAP", 32)
        yield


@pytest.fixture(scope="module")
def blind_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("restore") / "blind.safetensors"
    settings = {"estimator": CMOS_SETTINGS, "restorer": RESTORER_SETTINGS}
    return export(path, "blind", blind(), settings, class_names=tuple("abcdef"))


@pytest.fixture(scope="module")
def model(blind_file):
    return blindsr.load(blind_file, device="cpu")
