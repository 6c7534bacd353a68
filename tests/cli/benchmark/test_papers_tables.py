"""Tables 2 and 3 of the CMOS paper from their files: every row, on made-up data, a step each."""

import json

import pytest
import yaml
from tests.conftest import REPOSITORY
from tests.helpers.benchmark_files import benchmark
from tests.helpers.make_cityscapes import make as make_cityscapes
from tests.helpers.make_nyuv2 import make as make_nyuv2

from blindsr.callbacks import score_table
from blindsr.data import prepare_cityscapes, prepare_nyuv2

SIZE = (112, 128)  # LR of 28 x 32, the least that KernelGAN takes
RESTORER = {"code_length": 4, "features": 8, "growth": 4, "blocks": 1}
SMALL = {
    "cmos": {"backbone": "pyramid_small", "pretrained": False, "gia_parts": "F"},
    "rrdb_sft": {**RESTORER, "window": [4, 5], "condition": "lr"},
    "manet": {"features": [4, 8]},
    "manet_sft": RESTORER,
    "dan": {"blocks": 1, "features": 8, "loops": 1},
    "dcls": {"kernel_size": 11, "latent": 4, "blocks": 1, "groups": 1, "features": 8},
    "koalanet": {"features": 4},
    "kernelgan": {"steps": 1},
}
TRAINER = {
    "trainer.accelerator": "cpu",
    "trainer.limit_train_batches": 1,
    "trainer.limit_val_batches": 0,
    "trainer.callbacks": [
        {
            "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
            "init_args": {"filename": "best", "every_n_train_steps": 1},
        }
    ],
    "data.init_args.num_workers": 0,
}
METHODS = ("KernelGAN + ZSSR", "KOALAnet", "DCLS", "DAN", "MANet + RRDB-SFT", "CMOS + RRDB-SFT")


def shrunk(name, folder):
    """The table of that name with small networks and one step a training; returns its path."""
    content = yaml.safe_load((REPOSITORY / "experiments" / "tables" / name).read_text())
    content["out"] = str(folder / "out")
    content["shared"]["overrides"] |= TRAINER
    for row in content["rows"]:
        if "rival" in row:
            continue
        stem = row["config"].removesuffix(".yaml").rpartition("_")[0]
        own = {f"model.init_args.{key}": value for key, value in SMALL.get(stem, {}).items()}
        row["overrides"] = {**row.get("overrides", {}), **own}
        if stem != "kernelgan":
            row["max_steps"] = 1
            row["overrides"]["data.init_args.batch_size"] = 1
        if stem not in ("kernelgan", "cmos"):
            row["overrides"]["data.init_args.crop"] = [16, 16]
    path = folder / name
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def check(folder, out, groups):
    content = json.loads((folder / "out" / "table.json").read_text())
    found = {row["name"]: row["scores"] for row in content["rows"]}
    assert not any(row["failed"] or row["missing"] for row in content["rows"])
    for name in (*METHODS, "bicubic", "no maps", "true blur map", "told the true mean"):
        assert {*groups, "mean"} <= set(found[name]), name
        assert found[name]["mean"]["psnr"]["mean"] > 0
    for method in METHODS:
        assert "blur_psnr" in found[method]["mean"]
    for method in ("KernelGAN", "KOALAnet", "DCLS", "DAN", "MANet", "CMOS"):
        assert any(name.startswith(f"told {method}'s") for name in found)
    assert "stage 1" not in " ".join(found)
    assert "PSNR [dB] / SSIM" in out
    return content


@pytest.mark.slow
def test_table_2_on_a_tiny_nyuv2_bsr(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    mat, splits, classes = make_nyuv2(tmp_path / "source", train=(1, 3), test=(2,), size=SIZE)
    prepare_nyuv2(mat, splits, classes, "data/nyuv2_bsr")
    path = shrunk("table2_nyu.yaml", tmp_path)
    assert benchmark(path) == 0
    groups = [f"Group{n}" for n in range(1, 6)]
    content = check(tmp_path, capsys.readouterr().out, groups)
    assert not content["paper"]
    assert "upper bound: true maps" in {row["name"] for row in content["rows"]}
    # as if one picture a group were the whole test set: a row that is tested again has the figures
    full = score_table.PAPER["NYUv2BSR"]._replace(images=1)
    monkeypatch.setitem(score_table.PAPER, "NYUv2BSR", full)
    changed = path.read_text().replace("name: bicubic", "name: interpolation")
    path.write_text(changed.replace("test_overrides: {}", ""))
    content = yaml.safe_load(path.read_text())
    content["rows"][0]["test_overrides"] = {"data.init_args.eval_batch_size": 1}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    assert benchmark(path) == 0
    out = capsys.readouterr().out
    assert "paper: MANet + RRDB-SFT" in out
    assert "30.12 / 0.9106" in out


@pytest.mark.slow
def test_table_3_on_a_tiny_cityscapes_bsr(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = make_cityscapes(tmp_path / "source", {"train": 2, "val": 1, "test": 1})
    prepare_cityscapes(source, "data/cityscapes_bsr", size=SIZE)
    assert benchmark(shrunk("table3_cityscapes.yaml", tmp_path)) == 0
    check(tmp_path, capsys.readouterr().out, [f"Group{n}" for n in range(1, 6)])
