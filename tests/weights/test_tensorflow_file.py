"""Checkpoints of TensorFlow, read without it."""

import contextlib

import numpy as np
import pytest
import torch
from tests.helpers.make_tensorflow import write_tensorflow

from blindsr.errors import BlindSRError
from blindsr.weights import read_state_dict

ARRAYS = {
    f"net/layer_{number}/{name}": np.random.RandomState(number).randn(*shape).astype(kind)
    for number in range(9)
    for name, shape, kind in (
        ("kernel", (3, 3, 2, number + 1), "float32"),
        ("bias", (5,), "float64"),
    )
} | {"global_step": np.array(7), "beta1_power": np.array(0.5, "float32")}


def test_every_tensor_is_read(tmp_path):
    state, metadata = read_state_dict(write_tensorflow(tmp_path / "model.ckpt-7", ARRAYS))
    assert metadata == {}
    assert state.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert torch.equal(state[name], torch.from_numpy(np.asarray(array))), name


def test_arrays_of_numpy_do_as_well(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, **ARRAYS)
    state, _ = read_state_dict(path)
    assert {n: t.shape for n, t in state.items()} == {n: a.shape for n, a in ARRAYS.items()}
    np.savez(path, code=np.array([object()]))
    with pytest.raises(BlindSRError, match="not readable as weights") as caught:
        read_state_dict(path)
    assert "\n" not in str(caught.value)


def test_a_missing_part_is_named(tmp_path):
    index = write_tensorflow(tmp_path / "model", ARRAYS)
    (tmp_path / "model.data-00000-of-00001").unlink()
    with pytest.raises(BlindSRError, match="data-00000-of-00001: no such file"):
        read_state_dict(index)


@pytest.mark.parametrize("seed", range(20))
def test_damage_ends_in_one_line(tmp_path, seed):
    """Cut or changed anywhere: an error of ours, or tensors, and nothing else."""
    random = np.random.RandomState(seed)
    index = write_tensorflow(tmp_path / "model", ARRAYS)
    content = bytearray(index.read_bytes())
    if seed % 2:
        content = content[: random.randint(len(content))]
    else:
        for place in random.randint(0, len(content), 5):
            content[place] = random.randint(256)
    index.write_bytes(content)
    with contextlib.suppress(BlindSRError):
        read_state_dict(index)
