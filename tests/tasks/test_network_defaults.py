"""A task trains the network that its paper names, unless asked for another."""

import inspect

import pytest

from blindsr import networks, tasks
from blindsr.networks.ssr.ssr import SSR
from blindsr.networks.ssr.svkr import SVKR

NETWORKS = {
    tasks.CMOSTask: networks.CMOS,
    tasks.RRDBSFTTask: networks.RRDBSFT,
    tasks.MANetTask: networks.MANet,
    tasks.RRDBSFTPCATask: networks.RRDBSFTPCA,
    tasks.DANTask: networks.DAN,
    tasks.DCLSTask: networks.DCLS,
    tasks.KOALAnetTask: networks.KOALAnet,
    tasks.SVKRTask: SVKR,
    tasks.SSRTask: SSR,
}
FOLLOW_DATA = {"kernel_size", "down_kernel"}
"""``None`` in a task: the window of the data."""


def defaults(owner):
    return {name: one.default for name, one in inspect.signature(owner).parameters.items()}


@pytest.mark.parametrize("task", NETWORKS, ids=lambda task: task.__name__)
def test_defaults_are_those_of_the_network(task):
    own, network = defaults(task), defaults(NETWORKS[task])
    shared = own.keys() & network.keys()
    assert len(shared) > 3
    for name in shared:
        expected = None if name in FOLLOW_DATA and own[name] is None else network[name]
        assert own[name] == expected, name
