"""Data without classes suit a network that looks at none."""

import pytest

from blindsr.errors import ConfigError
from blindsr.networks import CMOS, RRDBSFT
from blindsr.networks.settings.build import build

SMALL = {"features": 8, "growth": 4, "blocks": 1, "code_length": 4, "num_classes": 0}
CASES = [
    (CMOS, {"backbone": "pyramid_small", "num_classes": 0}, {"tasks": "blur"}),
    (RRDBSFT, SMALL, {"use_semantics": False}),
]


@pytest.mark.parametrize(("network", "settings", "without"), CASES)
def test_no_classes_where_none_are_used(network, settings, without):
    assert build(network, settings | without).num_classes == 0
    with pytest.raises(ConfigError, match="num_classes: 0, expected 1 to 4096"):
        build(network, settings)
