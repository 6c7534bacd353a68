"""Configurations that come with the package: found anywhere, listed, copied, all valid."""

import json
import os
import shutil

import pytest
import yaml
from tests.conftest import REPOSITORY

from blindsr.cli import configs
from blindsr.cli.app import main
from blindsr.cli.benchmark.plan import filled
from blindsr.cli.benchmark.plan_file import read_plan

TRAININGS = (
    *("blind_cityscapes.yaml", "blind_cityscapes_paper.yaml", "blind_demo.yaml"),
    *("blind_nyu.yaml", "blind_nyu_released.yaml", "cmos_cityscapes.yaml"),
    *("cmos_cityscapes_paper.yaml", "cmos_demo.yaml", "cmos_nyu.yaml", "cmos_nyu_paper.yaml"),
    *("cmos_nyu_released.yaml", "dan_demo.yaml", "dan_nyu.yaml", "dan_nyu_paper.yaml"),
    *("dcls_demo.yaml", "dcls_nyu.yaml", "dcls_nyu_paper.yaml"),
    *("kernelgan_demo.yaml", "kernelgan_nyu.yaml"),
    *("koalanet_demo.yaml", "koalanet_nyu.yaml", "koalanet_nyu_paper.yaml"),
    *("manet_demo.yaml", "manet_nyu.yaml", "manet_nyu_paper.yaml"),
    *("manet_sft_demo.yaml", "manet_sft_nyu.yaml", "manet_sft_nyu_paper.yaml"),
    *("manet_sr_demo.yaml", "manet_sr_nyu.yaml", "manet_sr_nyu_paper.yaml"),
    *("pbasr_demo.yaml", "pbasr_demo_anchor.yaml"),
    *("pbasr_femasr.yaml", "pbasr_realesrgan.yaml", "pbasr_srformer.yaml"),
    *("rrdb_sft_cityscapes.yaml", "rrdb_sft_cityscapes_paper.yaml", "rrdb_sft_demo.yaml"),
    *("rrdb_sft_nyu.yaml", "rrdb_sft_nyu_released.yaml"),
    *("small_blind.yaml", "small_blur.yaml", "small_blur_lr.yaml", "small_blur_sr.yaml"),
    *("small_data_step.yaml", "small_wide.yaml"),
    *("ssr_demo.yaml", "ssr_sd21.yaml", "svkr_demo.yaml", "svkr_nyu.yaml"),
)
SWEEPS = (
    *("sweeps/cmos_demo.yaml", "sweeps/cmos_nyu.yaml", "sweeps/pbasr_realesrgan.yaml"),
    "sweeps/rrdb_sft_nyu.yaml",
)
"""Of Weights & Biases, with a training inside; test_sweeps.py has a test of each."""
IN_FOLDERS = ("camvid/cmos.yaml", "camvid/rrdb_sft.yaml", "pbasr_small/training.yaml")
TABLES = (
    *("tables/camvid.yaml", "tables/camvid_blur.yaml", "tables/camvid_jitter.yaml"),
    *("tables/box_map.yaml", "tables/demo.yaml", "tables/pbasr.yaml", "tables/rgbd.yaml"),
    *("tables/precision.yaml", "tables/rgbd_box_map.yaml"),
    *("tables/ssr.yaml", "tables/svkr.yaml"),
    *("tables/what_helps_blur.yaml", "tables/what_helps_maps.yaml"),
    *("tables/table2_demo.yaml", "tables/table2_nyu.yaml", "tables/table3_cityscapes.yaml"),
)
"""Of `blindsr benchmark`; read below."""
SSR_ABLATIONS = (
    "concat",
    "depth_alone",
    "fixed_weights",
    "kernel_alone",
    "last_step",
    "layered",
    "lr_alone",
    "no_constraint",
    "regression",
    "svkr_first_estimate",
    "svkr_without_depth",
    "svkr_without_preview",
    "unrolled",
)
ON_TOP = (
    *("ablations/blur_only.yaml", "ablations/gia_f.yaml", "ablations/gia_fc.yaml"),
    *("ablations/gia_fcs.yaml", "ablations/gia_none.yaml", "ablations/iva_only.yaml"),
    *("ablations/no_auxiliary.yaml", "ablations/seg_only.yaml", "overlays/bf16.yaml"),
    *(f"ablations/ssr_{name}.yaml" for name in SSR_ABLATIONS),
    *("overlays/cpu.yaml", "overlays/cuda_graphs.yaml", "overlays/ddp.yaml", "overlays/ema.yaml"),
    *("overlays/fsdp.yaml", "overlays/overfit.yaml", "overlays/sweep.yaml", "overlays/wandb.yaml"),
    *("pbasr_small/anchor.yaml", "pbasr_small/animevideo.yaml", "rgbd/pictures.yaml"),
)
"""What is put on top of a training; test_ablations.py trains with the first kind."""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder that is no clone, as of one who has installed the package."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_configuration_is_named_by_a_test():
    files = (REPOSITORY / "experiments").rglob("*.y*ml")
    found = {path.relative_to(REPOSITORY / "experiments").as_posix() for path in files}
    assert found == {*TRAININGS, *ON_TOP, *SWEEPS, *TABLES, *IN_FOLDERS}


def test_every_configuration_says_in_its_first_line_what_it_is():
    for name in (*TRAININGS, *ON_TOP, *SWEEPS, *TABLES, *IN_FOLDERS):
        text = configs.summary(REPOSITORY / "experiments" / name)
        assert text[:1].isupper() or text.startswith("bfloat16"), name
        assert text.endswith("." if "wandb" not in name else ".yaml"), name
        assert len(text) < 110, name


def parsed(capsys, *words):
    """What a training command takes its configuration to be."""
    assert main(["fit", *words, "--print_config"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return yaml.safe_load(out)


@pytest.mark.parametrize("name", [*TRAININGS, *IN_FOLDERS])
def test_a_training_is_found_anywhere_and_is_valid(name, elsewhere, capsys):
    content = yaml.safe_load((REPOSITORY / "experiments" / name).read_text(encoding="utf-8"))
    config = parsed(capsys, "-c", name)
    assert config["model"]["class_path"] == content["model"]["class_path"]
    assert config["data"]["class_path"] == content["data"]["class_path"]
    assert not any(elsewhere.iterdir())


@pytest.mark.parametrize("name", TABLES)
def test_a_benchmark_is_found_anywhere_and_is_valid(name, elsewhere):
    plan = read_plan(name)
    assert plan.row(plan.reference)
    assert all(path.is_file() for row in plan.rows for path in row.config)
    assert plan.choices
    assert not any(elsewhere.iterdir())


@pytest.mark.slow  # a third of a second for each of some thirty rows
@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_a_benchmark_is_a_valid_training(name, elsewhere, capsys):
    seen = set()
    for row in read_plan(name).rows:
        values = {**row.overrides, **row.test_overrides}
        content = str((row.config, filled(values, Words())))
        if row.rival or content in seen:
            continue
        seen.add(content)
        words = [word for path in row.config for word in ("-c", str(path))]
        for key, value in filled(values, Words()).items():
            words.append(f"--{key}={value if isinstance(value, str) else json.dumps(value)}")
        parsed(capsys, *words)


class Words(dict):
    """A seed, and a file for any weights that a row starts from."""

    def __missing__(self, key):
        return "0" if key == "{seed}" else "weights.ckpt"


@pytest.mark.parametrize("name", [name for name in ON_TOP if name.startswith("overlays")])
def test_an_overlay_is_found_anywhere_and_is_valid(name, elsewhere, capsys):
    over = yaml.safe_load((REPOSITORY / "experiments" / name).read_text(encoding="utf-8"))
    config = parsed(capsys, "-c", "experiments/cmos_nyu.yaml", f"--config={name}")
    for key, value in over["trainer"].items():
        if isinstance(value, list):
            last = config["trainer"][key.removesuffix("+")][-1]
            assert last["class_path"] == value[-1]["class_path"]
        else:
            assert config["trainer"][key] == value


@pytest.mark.parametrize("name", ["cmos_nyu.yaml", "experiments/cmos_nyu.yaml"])
def test_a_local_file_wins(name, elsewhere):
    package = REPOSITORY / "experiments" / "cmos_nyu.yaml"
    assert configs.find(name) == package
    local = elsewhere / name
    local.parent.mkdir(exist_ok=True)
    local.write_text("# mine\n")
    assert configs.find(name).resolve() == local
    assert configs.find("cmos_nyu").resolve() == local  # also by its short name, as in a clone
    assert configs.find(str(package)) == package


@pytest.mark.parametrize("word", ["../secret.yaml", "/etc/x.yaml", "experiments/../x", "{a: 1}"])
def test_only_names_of_the_package_are_looked_up_there(word, elsewhere):
    assert configs.find(word) is None


def test_words_that_name_no_file_are_left_alone(elsewhere):
    words = ["fit", "-c", "{trainer: {max_epochs: 1}}", "--model.weights", "cmos_nyu.yaml", "-c"]
    assert configs.located(words) == words


@pytest.mark.parametrize("words", [["-c", "cmos_nyuu.yaml"], ["--config=x/cmos_nyu"]])
def test_a_name_that_is_nowhere_is_one_line(words, elsewhere, capsys):
    assert main(["fit", *words]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "no such file" in line
    assert "Did you mean cmos_nyu?" in line
    assert not any(elsewhere.iterdir())


def test_configs_lists_each_with_its_first_line(elsewhere, capsys):
    assert main(["configs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        *TRAININGS,
        *sorted((*ON_TOP, *SWEEPS, *TABLES, *IN_FOLDERS)),
    ]
    assert lines[8].endswith("CMOS, stage 1, on NYUv2-BSR: our setting.")


@pytest.mark.parametrize("name", ["cmos_nyu", "experiments/cmos_nyu.yaml", "overlays/cpu.yaml"])
def test_a_copy_lies_where_its_name_finds_it(name, elsewhere, capsys):
    assert main(["configs", "copy", name]) == 0
    (made,) = (path for path in elsewhere.rglob("*") if path.is_file())
    assert configs.find(name).resolve() == made
    made.write_text("# changed\n")
    assert main(["configs", "copy", name]) == 2
    assert "exists already" in capsys.readouterr().err
    assert made.read_text() == "# changed\n"


def test_a_copy_of_what_there_is_not_is_one_line(elsewhere, capsys):
    assert main(["configs", "copy", "cmos_nyuu"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "Did you mean cmos_nyu?" in err
    assert not any(elsewhere.iterdir())


def test_the_installed_package_has_its_own(elsewhere, monkeypatch):
    """As in a wheel: the folder lies beside the modules, and there is no clone."""
    package = elsewhere / "site" / "blindsr"
    shutil.copytree(REPOSITORY / "experiments", package / "experiments")
    (package / "cli").mkdir()
    monkeypatch.setattr(configs, "__file__", os.fspath(package / "cli" / "configs.py"))
    assert configs.find("cmos_nyu") == package / "experiments" / "cmos_nyu.yaml"
