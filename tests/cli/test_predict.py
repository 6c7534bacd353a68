"""``lightning predict`` writes pictures and maps."""

import numpy as np
import pytest
from tests.helpers.configurations import write_config

from blindsr.cli.training.command import main
from blindsr.imaging.files import read_array, read_png_text, read_rgb


def written(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_maps_of_an_estimator(trained, tmp_path, capsys):
    config = write_config(tmp_path)
    out = tmp_path / "maps"
    checkpoint = ["--ckpt_path", str(trained[1] / "checkpoints" / "last.ckpt")]
    assert main(["predict", "-c", str(config), *checkpoint, "--out", str(out)]) == 0
    assert f"predictions of 6 pictures written to {out}" in capsys.readouterr().out
    names = {path.rpartition("_")[2] for path in written(out)}
    assert names == {"sigma.png", "classes.png", "preview.png"}
    assert len(written(out)) == 18
    assert {path.name for path in out.iterdir()} == {"Group1", "Group2"}
    first = next(out.rglob("*_sigma.png"))
    assert read_array(first).dtype == np.uint16
    assert read_array(first).shape == (64, 80)  # HR
    assert read_png_text(first)["steps_per_unit"] == "1000"
    assert main(["predict", "-c", str(config), *checkpoint, "--out", str(out)]) == 2
    assert "not an empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(("model", "each"), [("rrdb_sft", 1), ("blind", 4)])
def test_pictures_of_a_restorer_beside_the_log(model, each, tmp_path, capsys):
    config = write_config(tmp_path, model=model)
    assert main(["predict", "-c", str(config), "--random-weights"]) == 0
    out = tmp_path / "logs" / "tiny" / "predict_0" / "predictions"
    assert str(out) in capsys.readouterr().out
    files = written(out)
    assert len(files) == 6 * each
    pictures = [path for path in files if "_" not in path]
    assert len(pictures) == 6
    assert read_rgb(out / pictures[0]).shape == (64, 80, 3)


def test_the_pictures_are_those_of_upscale(tmp_path):
    import torch

    import blindsr
    from blindsr.data import Scenes

    config = write_config(tmp_path, model="blind", max_epochs=1)
    assert main(["fit", "-c", str(config)]) == 0
    checkpoint = tmp_path / "logs" / "tiny" / "version_0" / "checkpoints" / "last.ckpt"
    out = tmp_path / "out"
    words = ["--ckpt_path", str(checkpoint), "--out", str(out)]
    assert main(["predict", "-c", str(config), *words]) == 0
    data = Scenes(test_count=3, size=(64, 80), test_groups=2)
    data.setup("test")
    batch = next(iter(data.test_dataloader()))
    large = blindsr.load(checkpoint).upscale(batch["lr"][0])
    path = out / batch["group"][0] / f"{batch['name'][0]}.png"
    expected = torch.as_tensor(large).clamp(0, 1).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(read_rgb(path), expected, atol=1.01 / 255)
