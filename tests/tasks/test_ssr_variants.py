"""Rows of SSR's test that need no training: other maps, other data steps."""

import pytest
import torch
from tests.helpers.restoration_data import Fake, trainer

from blindsr.degradation.linear.gather import BlurOperator
from blindsr.degradation.linear.layered import LayeredOperator
from blindsr.errors import ConfigError
from blindsr.tasks import SSRTask
from blindsr.tasks.depth_targets import relative_inverse_depth
from blindsr.tasks.ssr_variants import Variant, with_error
from blindsr.types import DataFacts

SMALL = {"kernel_width": 8, "kernel_blocks": 1, "iterations": 1, "width": 8, "blocks": 1}
OPTIONS = {"scale": 4, "sigma_max": 5.0, "downsampler": "bicubic"}


class Blurred(Fake):
    """LR made by the operator of the data, with depth."""

    operator = "gather"

    def __init__(self, **options):
        super().__init__(**options)
        self.facts = DataFacts(4, 1.5, "bicubic", 5.0, 21)

    def sample(self, index):
        sample = super().sample(index)
        ramp = torch.linspace(0, 1, 64).expand(1, 64, 64)
        sample["blur"], sample["depth"] = 3 * ramp, 1 / (0.2 + ramp)
        blur, depth = sample["blur"][None], sample["depth"][None]
        made = (
            BlurOperator(blur, **OPTIONS)
            if self.operator == "gather"
            else LayeredOperator(blur, depth, **OPTIONS)
        )
        sample["lr"] = made(sample["hr"][None])[0].clamp(0, 1)
        return sample


class Layered(Blurred):
    """By occlusion."""

    operator = "layered"


def make(**options):
    torch.manual_seed(0)
    return SSRTask(**SMALL, **options).eval()


def batch(kind=Blurred):
    return next(iter(kind().train_dataloader()))


def scored(task, kind, tmp_path):
    run = trainer(tmp_path)
    run.test(task, datamodule=kind(count=2), verbose=False)
    return run.callback_metrics


@pytest.mark.parametrize("rmse", [0.25, 0.5, 1.0])
def test_the_error_of_a_map_has_its_size_though_sigma_stays_in_its_range(rmse):
    sigma = torch.zeros(1, 1, 32, 48)
    sigma[..., 20:] = 2.8
    moved = with_error(sigma, rmse, 3.0, seed=3)
    assert moved.min() >= 0
    assert moved.max() <= 3
    assert float((moved - sigma).square().mean().sqrt()) == pytest.approx(rmse, rel=0.01)
    assert torch.equal(moved, with_error(sigma, rmse, 3.0, seed=3))
    assert not torch.equal(moved, with_error(sigma, rmse, 3.0, seed=4))


def test_rows_are_those_that_were_asked_for(tmp_path):
    variants = {
        "no constraint": {"constraint": "none"},
        "as it is": {"constraint": "every"},
        "bicubic, data step": {"denoised": False, "maps": "truth"},
        "error": {"maps": "truth", "map_error": 0.5},
        "mean of 2": {"samples": 2},
    }
    found = scored(make(variants=variants), Blurred, tmp_path)
    rows = {key.split("/")[2] for key in found if key.startswith("test/mean/")}
    assert rows == {"bicubic", *variants} - {"as it is"}, "a row that repeats the network's is none"
    step, bicubic = (found[f"test/mean/{n}/consistency"] for n in ("bicubic, data step", "bicubic"))
    assert step > bicubic + 5
    default = scored(make(), Blurred, tmp_path)
    assert {k.split("/")[2] for k in default if k.startswith("test/mean/")} == {
        "bicubic",
        "no constraint",
        "last step only",
        "true maps",
    }


def test_a_variant_leaves_the_network_as_it_was():
    task, data = make(), batch()
    before = task.restore(data)[0]
    told = task.told(data)
    changed = Variant(constraint="none", uncertainty=False, operator="layered", caution=0.5)
    changed.restore(task.network, data, told)
    assert torch.equal(task.restore(data)[0], before)
    assert (task.network.operator, task.network.uncertainty) == ("gather", True)


def test_what_the_network_and_the_data_step_are_told():
    task, data = make(), batch()
    told = task.told(data)
    half = Variant(caution=0.5).told(data, told, 5.0)
    torch.testing.assert_close(half.blur, told.blur / 2)
    true = Variant(maps="truth").told(data, told, 5.0)
    assert torch.equal(true.blur, data["blur"])
    assert torch.equal(true.depth, relative_inverse_depth(data["depth"]))
    wrong = Variant(maps="truth", map_error=0.5).told(data, told, 5.0)
    assert torch.equal(wrong.lens, wrong.blur)
    torch.testing.assert_close(wrong.log_scale.exp() * 2**0.5, torch.full_like(wrong.blur, 0.5))


def test_layered_data_are_explained_best_by_the_layered_data_step(tmp_path):
    variants = {
        name: {"maps": "truth", "operator": name, "uncertainty": False, "expected_noise": 0.001}
        for name in ("gather", "layered")
    }
    found = scored(make(variants=variants), Layered, tmp_path)
    layered, gather = (found[f"test/mean/{n}/consistency"] for n in ("layered", "gather"))
    assert layered > gather + 0.5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"constrain": "last"}, r"model.variants.x.constrain: an unknown key"),
        ({"constraint": "first"}, r"constraint: 'first', expected every or last or none"),
        ({"maps": "none"}, "maps: 'none', expected estimated or truth"),
        ({"map_error": -1}, "map_error: -1, expected HR pixels, 0 or more"),
        ({"samples": 0}, "samples: 0, expected 1 or more"),
        ({"uncertainty": 1}, "uncertainty: 1, expected true or false"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(content, said):
    with pytest.raises(ConfigError, match=said):
        make(variants={"x": content})


def test_layers_need_a_thin_lens():
    task = SSRTask(**{**SMALL, "iterations": 0}).eval()
    data = batch()
    with pytest.raises(ConfigError, match="layered without a thin lens"):
        Variant(operator="layered").restore(task.network, data, task.told(data))
