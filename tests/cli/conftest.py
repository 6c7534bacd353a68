"""One short training through the real command line, shared by the tests of this folder."""

import pytest
from tests.helpers.configurations import write_config
from tests.helpers.make_nyuv2 import make


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """(configuration, folder of the run) after two epochs."""
    from blindsr.cli.training.command import main

    folder = tmp_path_factory.mktemp("trained")
    config = write_config(folder, pictures=True)
    assert main(["fit", "-c", str(config)]) == 0
    return config, folder / "logs" / "tiny" / "version_0"


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """The official files of a tiny NYUv2; no test changes them."""
    return make(tmp_path_factory.mktemp("source"))
