"""Backbones by name, and the parts of CMOS that ablations switch off."""

import pytest
import torch

from blindsr.errors import ConfigError
from blindsr.networks import CMOS


def small(**options):
    torch.manual_seed(0)
    return CMOS(5, backbone="pyramid_small", window=(4, 4), **options)


@pytest.mark.parametrize("name", ["resnet18", "tu-convnext_atto", "mobilenet_v2"])
def test_encoders_by_name_give_maps_for_any_size_and_train_all_their_weights(name):
    torch.manual_seed(0)
    network = CMOS(5, backbone=name, window=(4, 4), gia_parts="F")
    estimate = network(torch.rand(2, 3, 33, 50))
    assert estimate.blur.shape == (2, 1, 132, 200)
    assert estimate.seg_logits.shape == (2, 5, 132, 200)
    sum(part.square().mean() for part in estimate[:4]).backward()
    wanted = [(n, p.grad) for n, p in network.named_parameters() if p.requires_grad]
    assert not [name for name, grad in wanted if grad is None]


def test_an_unknown_backbone_is_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match=r"'resnet19'.*Did you mean resnet18"):
        CMOS(5, backbone="resnet19")
    with pytest.raises(ConfigError, match="tu-nothing"):
        CMOS(5, backbone="tu-nothing")


@pytest.mark.parametrize("task", ["blur", "seg"])
def test_a_single_task_has_no_trace_of_the_other(task):
    network = small(tasks=task)
    other = {"blur": "seg", "seg": "blur"}[task]
    assert not [name for name, _ in network.named_parameters() if f".{other}." in name]
    assert not [
        name for name, _ in network.named_parameters() if name.startswith(("GIA_m", "GIA_l"))
    ]
    estimate = network(torch.rand(2, 3, 20, 20))
    present = {"blur": estimate.blur, "seg": estimate.seg_logits}
    assert present[task] is not None
    assert present[other] is None
    sum(part.square().mean() for part in estimate if part is not None).backward()
    assert not [n for n, p in network.named_parameters() if p.grad is None]


def test_without_auxiliary_supervision_there_are_no_auxiliary_maps():
    network = small(auxiliary=False)
    estimate = network(torch.rand(1, 3, 16, 16))
    assert estimate.aux_blur is None
    assert estimate.aux_seg_logits is None
    assert not [name for name, _ in network.named_parameters() if "decoders" in name]


def test_fewer_parts_mean_fewer_parameters():
    sizes = [
        sum(p.numel() for p in small(gia_parts=p).parameters()) for p in ("", "F", "FC", "FCS")
    ]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 4


def test_unknown_tasks_are_refused():
    with pytest.raises(ConfigError, match="tasks: 'depth'"):
        small(tasks="depth")
