"""Iterations of PBaSR's training against plain torch, in float64: every loss, recipe and form.

The oracle knows the task's networks and nothing else of it: losses, their weights, learning rates,
discriminators and the order of steps are written out here, with torch's own spectral norm.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.helpers.coded_network import CodedNetwork
from tests.helpers.pbasr_task import task, trainer
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate, leaky_relu
from torch.nn.utils import spectral_norm
from torch.utils.data import DataLoader

from blindsr.callbacks import WeightInterpolation
from blindsr.tasks.pbasr.settings import RECIPES

Images = dict[str, Tensor]
Losses = dict[str, Callable[[Tensor, Tensor], Tensor]]

# recipe: loss weights; learning rates of restorers and discriminators; betas; words of frozen names
PUBLISHED: dict[
    str, tuple[dict[str, float], float, float, tuple[float, float], tuple[str, ...]]
] = {
    "esrgan": ({"pixel": 1, "perceptual": 1, "gan": 0.1}, 1e-4, 1e-4, (0.9, 0.99), ()),
    "femasr": (
        {"pixel": 1, "lpips": 1, "codebook": 1, "gan": 0.1},
        1e-4,
        4e-4,
        (0.9, 0.99),
        ("quantize", "decoder", "after_quant_group", "out_conv"),
    ),
    "srformer": ({"pixel": 1, "perceptual": 1, "gan": 0.1}, 1e-4, 1e-4, (0.9, 0.999), ()),
}
ANCHOR = {"class_path": "tests.helpers.coded_network.CodedNetwork"}
FEATURES = 8


def test_recipes_hold_the_published_settings() -> None:
    assert set(RECIPES) == set(PUBLISHED)
    for name, (losses, rate, judge_rate, betas, frozen) in PUBLISHED.items():
        recipe = RECIPES[name]
        assert {key: value for key, value in recipe.losses.items() if value} == losses
        assert recipe.learning_rate == rate
        assert recipe.discriminator_learning_rate == judge_rate
        assert recipe.betas == betas
        assert recipe.frozen == frozen


def test_weights_are_mixed_every_20_iterations_with_the_papers_coefficient() -> None:
    mixing = WeightInterpolation()
    assert (mixing.every, mixing.lambda0) == (20, 0.99)
    assert (mixing.cosine_form, mixing.coefficient_form) == ("global", "paper")


class Judge(nn.Module):
    """The U-Net discriminator of Real-ESRGAN, from torch's parts; with a mask if asked."""

    def __init__(self, condition: str) -> None:
        super().__init__()
        c, wide = FEATURES, {"concat": 4}.get(condition, 3)
        self.condition = condition
        self.conv0 = nn.Conv2d(wide, c, 3, padding=1)
        sizes = [(c, 2 * c), (2 * c, 4 * c), (4 * c, 8 * c), (8 * c, 4 * c), (4 * c, 2 * c)]
        sizes += [(2 * c, c), (c, c), (c, c)]
        for i, (given, made) in enumerate(sizes, 1):
            form = (4, 2, 1) if i <= 3 else (3, 1, 1)
            self.add_module(f"conv{i}", spectral_norm(nn.Conv2d(given, made, *form, bias=False)))
        self.conv9 = nn.Conv2d(c, 1, 3, padding=1)
        if condition == "identity":
            self.mask_conv = nn.Conv2d(1, c // 2, 3, padding=1)
            self.fuse = nn.Conv2d(c + c // 2, c, 1)

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        def run(i: int, x: Tensor) -> Tensor:
            return leaky_relu(getattr(self, f"conv{i}")(x), 0.2)

        def double(x: Tensor) -> Tensor:
            return interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

        if self.condition == "concat":
            x = self.conv0(torch.cat([image, mask], 1))
        elif self.condition == "identity":
            told = leaky_relu(self.mask_conv(mask), 0.2)
            x = self.fuse(torch.cat([self.conv0(image), told], 1))
        else:
            x = self.conv0(image)
        first = leaky_relu(x, 0.2)
        half = run(1, first)
        quarter = run(2, half)
        x = run(4, double(run(3, quarter))) + quarter
        x = run(5, double(x)) + half
        x = run(6, double(x)) + first
        return self.conv9(run(8, run(7, x)))


def fooled(logits: Tensor, gan: str) -> Tensor:
    if gan == "vanilla":
        return binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
    return -logits.mean()


def told_apart(real: Tensor, fake: Tensor, gan: str) -> Tensor:
    if gan == "vanilla":
        ones, zeros = torch.ones_like(real), torch.zeros_like(fake)
        return binary_cross_entropy_with_logits(real, ones) + binary_cross_entropy_with_logits(
            fake, zeros
        )
    if gan == "literal":
        return (1 - real).mean() + (1 + fake).mean()
    return (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()


def pixel(sr: Tensor, hr: Tensor) -> Tensor:
    return (sr - hr).abs().mean()


def perceptual(sr: Tensor, hr: Tensor) -> Tensor:
    """Stands in for VGG19, whose weights are not here; parity of that is tested on its own."""
    return (sr.diff(dim=-1) - hr.diff(dim=-1)).abs().mean()


def lpips(sr: Tensor, hr: Tensor) -> Tensor:
    """Stands in for LPIPS."""
    return (sr.mean(1) - hr.mean(1)).square().mean()


def in_codes(network: nn.Module, autoencoder: nn.Module, batch: Images) -> Tensor:
    def gram(x: Tensor) -> Tensor:
        return torch.einsum("nchw,ndhw->ncd", x, x) / (x.shape[2] * x.shape[3])

    feature = network.encoder(batch["lr"]).tanh()
    with torch.no_grad():
        code = autoencoder.quantize_group[0](autoencoder.encoder(batch["hr"]).tanh())
    return 0.25 * (feature - code).square().mean() + (gram(feature) - gram(code)).square().mean()


class Oracle:
    """One branch: its restorer, its discriminator, an Adam for each."""

    def __init__(
        self, network: nn.Module, judge: nn.Module, *, recipe: str, condition: str, gan: str
    ) -> None:
        self.weights, rate, judge_rate, betas, frozen = PUBLISHED[recipe]
        self.network, self.gan = copy.deepcopy(network), gan
        self.judge = Judge(condition).double()
        assert len(self.judge.load_state_dict(judge.state_dict())) == 2
        free = [p for n, p in self.network.named_parameters() if not any(w in n for w in frozen)]
        self.adam = torch.optim.Adam(free, rate, betas=betas)
        self.judge_adam = torch.optim.Adam(self.judge.parameters(), judge_rate, betas=betas)

    def judged(self, image: Tensor, batch: Images) -> Tensor:
        masked = self.judge.condition in ("concat", "identity")
        return self.judge(image, batch["mask"]) if masked else self.judge(image)

    def step(self, batch: Images, autoencoder: nn.Module) -> None:
        sr = self.network(batch["lr"])
        total = self.weights["gan"] * fooled(self.judged(sr, batch), self.gan)
        for name, loss in (("pixel", pixel), ("perceptual", perceptual), ("lpips", lpips)):
            total = total + self.weights.get(name, 0) * loss(sr, batch["hr"])
        if "codebook" in self.weights:
            total = total + self.weights["codebook"] * in_codes(self.network, autoencoder, batch)
        self.adam.zero_grad()
        total.backward()
        self.adam.step()
        self.judge_adam.zero_grad()
        real, fake = self.judged(batch["hr"], batch), self.judged(sr.detach(), batch)
        told_apart(real, fake, self.gan).backward()
        self.judge_adam.step()


def batches(count: int) -> list[dict[str, Images]]:
    generator = torch.Generator().manual_seed(3)

    def stream(masked: bool) -> Images:
        hr = torch.rand(2, 3, 32, 32, generator=generator, dtype=torch.float64)
        part = {"lr": hr[..., ::4, ::4].clone(), "hr": hr}
        if masked:  # neither one value everywhere nor half and half, so that 1 - mask differs
            mask = torch.rand(2, 1, 32, 32, generator=generator, dtype=torch.float64) > 0.3
            part["mask"] = mask.double()
        return part

    return [{"general": stream(False), "blur": stream(True)} for _ in range(count)]


@pytest.fixture
def autoencoder(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """Losses whose files are not here are replaced, by those that the oracle has."""
    torch.manual_seed(5)
    network = CodedNetwork(scale=1).double()
    network.encoder = nn.Conv2d(3, 4, 8, stride=8).double()  # HR, to codes of LR's half
    for name, loss in (("PerceptualLoss", perceptual), ("LPIPSLoss", lpips)):
        fake = SimpleNamespace(forward=loss)
        monkeypatch.setattr(f"blindsr.losses.branch.{name}", lambda _, fake=fake: fake)
    monkeypatch.setattr("blindsr.weights.read_anchor", lambda _: SimpleNamespace(network=network))
    return network


def compared(folder: Path, autoencoder: nn.Module, *, steps: int = 3, **options: Any) -> None:
    """Train the task and the oracle on the same batches; weights must agree to 1e-10."""
    settings = {"recipe": "esrgan", "condition": "concat", "gan": "hinge", **options}
    model = task(
        **{"anchor": ANCHOR, "losses": None, "learning_rate": None, **settings},
        **{name: f"{name}.pth" for name in ("vgg19", "vgg16", "codebook")},
    ).double()
    start = {name: value.clone() for name, value in model.state_dict().items()}
    unified = settings.get("branches") == "unified"
    oracles = {
        name: Oracle(
            model.branch(name),
            model.discriminators[name],
            recipe=settings["recipe"],
            condition=settings["condition"] if name == "blur" else "none",
            gan=settings["gan"],
        )
        for name in model.branches
    }
    data = batches(steps)
    for batch in data:
        if unified:
            joined = {k: torch.cat([batch["general"][k], batch["blur"][k]]) for k in ("lr", "hr")}
            oracles["general"].step(joined, autoencoder)
        else:
            for name, oracle in oracles.items():
                oracle.step(batch[name], autoencoder)
    loop = trainer(folder, limit_val_batches=0, precision="64-true")
    loop.fit(model, DataLoader(data, batch_size=None), DataLoader(data, batch_size=None))
    for name, oracle in oracles.items():
        pairs = ((model.branch(name), oracle.network), (model.discriminators[name], oracle.judge))
        for mine, theirs in pairs:
            expected = theirs.state_dict()
            assert set(expected) == set(mine.state_dict())
            for key, value in mine.state_dict().items():
                torch.testing.assert_close(value, expected[key], rtol=0, atol=1e-10, msg=key)
    moved = {n for n, v in model.state_dict().items() if not torch.equal(v, start[n])}
    for name in oracles:  # neither side stood still
        assert f"{name}.encoder.weight" in moved
        assert f"discriminators.{name}.conv9.weight" in moved


@pytest.mark.parametrize("recipe", list(PUBLISHED))
def test_every_recipe(tmp_path: Path, autoencoder: nn.Module, recipe: str) -> None:
    compared(tmp_path, autoencoder, recipe=recipe)


@pytest.mark.parametrize("condition", ["identity", "none"])
def test_every_form_of_the_condition(
    tmp_path: Path, autoencoder: nn.Module, condition: str
) -> None:
    compared(tmp_path, autoencoder, condition=condition)


@pytest.mark.parametrize("gan", ["literal", "vanilla"])
def test_every_adversarial_loss(tmp_path: Path, autoencoder: nn.Module, gan: str) -> None:
    compared(tmp_path, autoencoder, gan=gan)


@pytest.mark.parametrize("recipe", ["esrgan", "femasr"])
def test_unified_training(tmp_path: Path, autoencoder: nn.Module, recipe: str) -> None:
    compared(tmp_path, autoencoder, recipe=recipe, branches="unified")
