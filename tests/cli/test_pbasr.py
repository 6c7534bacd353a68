"""PBaSR through the real command lines: train, score, average, restore."""

import csv
import json

import numpy as np
import pytest
import torch
import yaml
from tests.helpers.pbasr_configuration import EXPERIMENTS, tiny_config

import blindsr
from blindsr.cli import app
from blindsr.cli.training.command import main
from blindsr.imaging.files import read_array
from blindsr.tasks import PBaSRTask

ANCHORS = {
    "pbasr_realesrgan": "RealESRGAN_x4plus.pth",
    "pbasr_femasr": "FeMaSR_SRX4_model_g.pth",
    "pbasr_srformer": "SRFormer_RealSR_x4.pth",
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """(configuration, folder of the run) after four iterations, mixed after two and four."""
    folder = tmp_path_factory.mktemp("pbasr")
    config = tiny_config(folder)
    assert main(["fit", "-c", str(config)]) == 0
    return config, folder / "logs" / "pbasr" / "version_0"


def last(run):
    return run / "checkpoints" / "last.ckpt"


def test_fit_writes_checkpoints_metrics_and_pictures(fitted):
    _, run = fitted
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    mixed = [float(row["interpolation/lambda"]) for row in rows if row["interpolation/lambda"]]
    assert mixed
    assert all(0.99 < value < 1 for value in mixed)  # 0.99 + 0.01 cos / 2
    names = set(rows[0])
    assert {"train/general/gan", "train/blur/discriminator", "val/lpips_or_gmsd"} <= names
    assert {"val/blur/blurred_psnr", "val/blur/texture", "val/general/psnr"} <= names
    assert not any(name.startswith("val/general/blurred") for name in names)  # without masks
    assert read_array(next((run / "pictures").glob("step_*.png"))).std() > 10
    stored = torch.load(last(run), weights_only=True)
    assert (stored["iterations"], stored["global_step"]) == (4, 16)


def test_test_prints_regions_as_rows_and_writes_scores(fitted, capsys):
    config, run = fitted
    assert main(["test", "-c", str(config), "--ckpt_path", str(last(run))]) == 0
    printed = capsys.readouterr().out
    for part in ("PBaSR: 4 test images", "  blurred", "  sharp", "texture (1 = kept)"):
        assert part in printed
    folder = sorted(run.parent.glob("test_*/scores.json"))[-1].parent
    content = json.loads((folder / "scores.json").read_text())
    assert list(content["others"]) == ["bicubic", "general branch", "blur branch"]
    blur, mean = content["scores"]["blur"], content["scores"]["mean"]
    assert {"psnr", "blurred_psnr", "sharp_psnr", "blurred_gmsd", "texture"} <= set(blur)
    assert content["scores"]["general"]["blurred_psnr"] is None
    assert mean["blurred_psnr"] == pytest.approx(blur["blurred_psnr"])  # of the groups with masks
    assert mean["psnr"] == pytest.approx(
        np.mean([content["scores"][group]["psnr"] for group in ("general", "blur")])
    )
    text = (folder / "scores.md").read_text(encoding="utf-8")
    assert f"| PBaSR | blur: blurred | {blur['blurred_psnr']:.2f} |" in text


@pytest.mark.parametrize("command", ["validate", "predict"])
def test_validate_and_predict(command, fitted, capsys):
    config, run = fitted
    assert main([command, "-c", str(config), "--ckpt_path", str(last(run))]) == 0
    printed = capsys.readouterr().out
    assert ("val/blur/blurred_psnr" in printed) == (command == "validate")
    assert "nan" not in printed


def test_the_average_becomes_a_file_that_restores(fitted, tmp_path):
    _, run = fitted
    out = tmp_path / "average.pth"
    assert app.main(["convert", "average", str(last(run)), "-o", str(out)]) == 0
    image = np.random.default_rng(0).random((16, 24, 3), dtype=np.float32)
    restored = blindsr.load(out, device="cpu").upscale(image)
    task = PBaSRTask.load_from_checkpoint(last(run), map_location="cpu").eval()
    with torch.inference_mode():
        expected = task(torch.from_numpy(image).permute(2, 0, 1)[None])[0].permute(1, 2, 0)
    assert restored.shape == (64, 96, 3)
    np.testing.assert_allclose(restored, expected.clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize(
    ("command", "words", "part"),
    [
        ("fit", ["--model.gan", "vanilla"], "model.gan: vanilla in the configuration, expected hi"),
        ("test", ["--model.branches", "unified"], "model.branches: unified in the configuration"),
        (
            "test",
            ["--model.anchor", '{"arch": "esrgan", "init_args": {"num_filters": 4}}'],
            "expected the same anchor, branches and discriminators",
        ),
    ],
)
def test_a_checkpoint_of_another_model_is_one_line(command, words, part, fitted, capsys):
    config, run = fitted
    assert main([command, "-c", str(config), "--ckpt_path", str(last(run)), *words]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(error) == 1
    assert part in error[0]


@pytest.mark.parametrize("name", ANCHORS)
def test_the_papers_configurations_parse_and_name_the_missing_weights(
    name, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ["fit", "-c", str(EXPERIMENTS / f"{name}.yaml"), "--trainer.accelerator", "cpu"]
    assert main([*words, "--print_config"]) == 0
    model = yaml.safe_load(capsys.readouterr().out)["model"]["init_args"]
    assert model["anchor"] == {"weights": f"weights/{ANCHORS[name]}"}
    assert model["max_iterations"] == 200_000
    assert main(words) == 2
    error = capsys.readouterr().err.splitlines()
    assert [line for line in error if "error:" in line] == error[-1:]
    assert f"weights/{ANCHORS[name]}: no such file" in error[-1]
    assert not list(tmp_path.iterdir())
