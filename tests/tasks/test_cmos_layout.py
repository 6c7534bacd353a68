"""How the features of a CMOS training lie in memory: speed alone, not what is computed."""

import pytest
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import SingleDeviceStrategy
from tests.helpers.fsdp_on_cpu import FSDPOnCPU
from tests.helpers.restoration_data import Fake, trainer

from blindsr.losses import blur_semantic_losses, semantic_cross_entropy
from blindsr.networks.blocks.gia.channel import ChannelAttention
from blindsr.tasks import CMOSTask


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def task():
    torch.manual_seed(0)
    return CMOSTask(num_classes=6, backbone="pyramid_small").double()


def sample(dtype):
    draw = torch.Generator().manual_seed(0)
    lr, blur = (
        torch.rand(2, channels, side, side, generator=draw, dtype=dtype)
        for channels, side in ((3, 20), (1, 80))
    )
    return lr, 5 * blur, torch.randint(0, 6, (2, 80, 80), generator=draw)


def gradients(network, lr, blur, seg):
    network.zero_grad()
    sum(blur_semantic_losses(network(lr), blur, seg).values()).backward()
    return torch.cat([p.grad.flatten() for p in network.parameters()])


def test_gradients_do_not_depend_on_the_layout(task):
    lr, blur, seg = sample(torch.float64)
    plain = gradients(task.network, lr, blur, seg)
    innermost = lr.contiguous(memory_format=torch.channels_last)
    error = (gradients(task.network, innermost, blur, seg) - plain).norm() / plain.norm()
    assert error < 1e-8


@pytest.mark.parametrize("autocast", [False, True])
def test_channels_are_innermost_on_a_cpu(task, autocast):
    lr, *_ = sample(torch.float32)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast), torch.no_grad():
        found = task.float()(lr), task.estimate_to_learn(lr)
    for estimate in found:
        assert estimate.seg_logits.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("strategy", "innermost"), [(SingleDeviceStrategy, True), (FSDPOnCPU, False)]
)
def test_weights_are_innermost_where_their_moments_can_be(strategy, innermost, tmp_path):
    """FSDP loads moments by rows and columns; test_fsdp.py, which is slow, resumes such a run."""
    torch.manual_seed(0)
    model = CMOSTask(num_classes=6, backbone="pyramid_small")
    model.trainer = trainer(tmp_path)
    model.trainer.datamodule = Fake(count=2)
    device = torch.device("cpu")
    how = {"parallel_devices": [device], "cluster_environment": LightningEnvironment()}
    one = strategy(device) if innermost else strategy(**how)
    model.trainer._accelerator_connector.strategy = one
    model.setup("fit")
    kernels = [p for p in model.network.parameters() if p.ndim == 4 and min(p.shape) > 1]
    found = {p.is_contiguous(memory_format=torch.channels_last) for p in kernels}
    assert found == {innermost}


def test_a_training_leaves_logits_small_and_learns_the_same(task):
    lr, blur, seg = sample(torch.float64)
    seg[0, :30] = 255
    found = []
    for estimate, side in ((task(lr), 80), (task.estimate_to_learn(lr), 20)):
        assert estimate.blur.shape[2:] == (80, 80)
        assert estimate.seg_logits.shape[2:] == estimate.aux_seg_logits.shape[2:] == (side, side)
        losses = blur_semantic_losses(estimate, blur, seg)
        task.zero_grad()
        sum(losses.values()).backward()
        learnt = torch.cat([p.grad.flatten() for p in task.network.parameters()])
        found.append((torch.stack(list(losses.values())).detach(), learnt))
    for small, whole in zip(*found, strict=True):
        assert (small - whole).norm() / whole.norm() < 1e-8


def test_one_thread_convolves_points_with_onednn(task, one_thread):
    lr, *_ = sample(torch.float32)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as run:
        assert task.float().network(lr).blur.requires_grad
    calls = {event.key: event.count for event in run.key_averages()}
    assert "aten::mkldnn_convolution" in calls
    slow = calls.get("aten::_slow_conv2d_forward", 0)
    attention = [m for m in task.network.modules() if isinstance(m, ChannelAttention)]
    assert slow == len(attention)  # their input is one vector per picture: nothing to gain


def test_cross_entropy_of_either_layout_is_one():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 6, 7, generator=draw)
    seg = torch.randint(0, 5, (2, 6, 7), generator=draw)
    seg[0, 0] = 255
    expected = torch.nn.functional.cross_entropy(logits, seg, ignore_index=255)
    for layout in (torch.contiguous_format, torch.channels_last):
        given = logits.contiguous(memory_format=layout)
        torch.testing.assert_close(semantic_cross_entropy(given, seg), expected, atol=1e-6, rtol=0)
