import numpy as np
import pytest

from blindsr.imaging.resize import phase, upsample
from blindsr.inference.phase_probe import find_phase, phase_pattern

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("kind", ["sfold", "area"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_phase_of_a_network_is_found(kind, scale):
    lr = phase_pattern()
    sharper = upsample(lr, scale, phase=phase(kind, scale))
    sharper = sharper + 0.05 * RNG.standard_normal(sharper.shape)
    assert find_phase(lr, sharper.astype(np.float32), scale) == phase(kind, scale)
