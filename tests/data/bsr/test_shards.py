"""Training from shards: samples are those of the loose files; refusals; WebDataset reads them."""

import gc
import json
import shutil
import tarfile

import fsspec
import pytest
import torch
from tests.helpers.folder_contents import contents
from tests.helpers.one_line import one_line

from blindsr.cli import app
from blindsr.data import NYUv2BSR, prepare_shards
from blindsr.data.bsr.shards import INDEX, TrainingShards, opened
from blindsr.data.files.manifest import MANIFEST
from blindsr.data.loading.samplers import Draw
from blindsr.errors import ConfigError

webdataset = pytest.importorskip("webdataset")


@pytest.fixture(scope="module")
def shards(prepared, tmp_path_factory):
    """Three shards of five pictures; read only."""
    out = tmp_path_factory.mktemp("shards") / "out"
    sizes = [path.stat().st_size for path in (prepared / "train").rglob("*.*")]
    with pytest.MonkeyPatch.context() as patch:
        portion = 2 * sum(sizes) // 5 + 100
        patch.setattr("blindsr.data.prepare.shards._MEGABYTE", portion)
        prepare_shards(prepared, out, megabytes=1)
    assert len(list(out.glob("train-*.tar"))) in (2, 3, 4)
    return out


@pytest.fixture
def copy(shards, tmp_path):
    return shutil.copytree(shards, tmp_path / "copy")


def module(prepared, **options):
    data = NYUv2BSR(str(prepared), batch_size=2, crop=[8, 8], num_workers=0, holdout=0.3, **options)
    data.setup("fit")
    return data


def same(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        equal = torch.equal(value, other[key]) if torch.is_tensor(value) else value == other[key]
        assert equal, key


@pytest.mark.parametrize("options", [{}, {"on_the_fly": True}, {"iva_only": True}])
def test_samples_are_those_of_loose_files(prepared, shards, options):
    loose, packed = module(prepared, **options), module(prepared, shards=str(shards), **options)
    assert len(loose.train_set) == len(packed.train_set)
    for number in range(len(loose.train_set)):
        same(loose.train_set[Draw(number, 7)], packed.train_set[Draw(number, 7)])
    for number in range(len(loose.val_set)):
        same(loose.val_set[number], packed.val_set[number])


def test_batches_too_whatever_the_workers_and_without_loose_files(prepared, shards, tmp_path):
    loose = module(prepared)
    alone = module(tmp_path / "nowhere", shards=str(shards))
    alone.num_workers = 2
    assert alone.facts == loose.facts
    for one, other in zip(loose.train_dataloader(), alone.train_dataloader(), strict=True):
        same(one, other)


def test_behind_a_url(prepared, shards):
    memory = fsspec.filesystem("memory")
    for path in shards.iterdir():
        memory.pipe_file(f"/bucket/set/{path.name}", path.read_bytes())
    loose, far = module(prepared), module(prepared, shards="memory://bucket/set/")
    same(loose.train_set[Draw(1, 3)], far.train_set[Draw(1, 3)])
    memory.rm("/bucket", recursive=True)


def test_urls_of_clouds_need_no_more_than_the_extra():
    pytest.importorskip("obstore")
    system, root = opened("s3://bucket/set")
    assert root == "bucket/set"
    assert hasattr(system, "cat_file")
    with pytest.raises(ConfigError, match=r"carrier://pigeon, expected a folder, or a URL"):
        opened("carrier://pigeon")


def test_a_cloud_that_refuses_is_one_line(shards, monkeypatch):
    class Refusing:
        def cat_file(self, *_, **__):
            raise RuntimeError("Generic S3 error: 403 Forbidden\n<xml>")

    monkeypatch.setattr("blindsr.data.bsr.shards.opened", lambda _: (Refusing(), "bucket"))
    line = one_line(lambda: TrainingShards("s3://bucket"), f"s3://bucket/{INDEX}")
    assert "403 Forbidden" in line
    assert "access rights" in line


@pytest.mark.filterwarnings("ignore")  # WebDataset leaves files to the collector
def test_equal_bytes_and_other_loops_read_them(prepared, shards, tmp_path):
    prepare_shards(prepared, tmp_path / "out")
    first = contents(tmp_path / "out")
    prepare_shards(prepared, tmp_path / "out")
    assert contents(tmp_path / "out") == first
    urls = sorted(str(path) for path in shards.glob("*.tar"))
    read = list(webdataset.WebDataset(urls, shardshuffle=False))
    gc.collect()
    names = [json.loads(sample["json"])["name"] for sample in read]
    assert names == ["0001", "0003", "0004", "0006", "0007"]
    assert read[0]["hr.png"] == (prepared / "train/GT/0001.png").read_bytes()
    assert read[0]["exact_blur.npy"] == (prepared / "train/blur16/0001.npy").read_bytes()


def test_command(prepared, tmp_path, capsys):
    out = tmp_path / "out"
    assert app.main(["prepare", "shards", str(prepared), "--out", str(out)]) == 0
    assert f"5 pictures in 1 shards: set data.shards to {out}" in capsys.readouterr().out
    (tmp_path / "full").mkdir()
    (tmp_path / "full/holiday.jpg").write_bytes(b"x")
    line = ["prepare", "shards", str(prepared), "--out", str(tmp_path / "full")]
    assert app.main(line) == 2
    assert "a folder that holds files" in capsys.readouterr().err
    assert app.main(["prepare", "shards", str(tmp_path / "no"), "--out", str(out)]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert sorted(contents(out)) == [MANIFEST, INDEX, "train-000000.tar"]


def test_settings_of_shards_count(shards, prepared):
    with pytest.raises(ConfigError, match=r"sigma_max: 3, expected 5, with which .*shards.json"):
        NYUv2BSR(str(prepared.parent / "no"), sigma_max=3.0, shards=str(shards))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 9},
        {"samples": []},
        {"samples": [["../a", "train-000000.tar", {}]]},
        {"samples": [["a", "../train.tar", {"hr": [".png", 0, 9]}]]},
        {"samples": [["a", "t.tar", {k: [".png", -1, 9] for k in ("lr", "hr", "blur")}]]},
        {"samples": [["a", "t.tar", {k: ["/../x", 0, 9] for k in ("lr", "hr", "blur")}]]},
        {"samples": ["abc", 3]},
        {"manifest": {"settings": {}}},
        {"scale": "four"},
    ],
)
def test_a_damaged_index_is_one_line(copy, change):
    index = json.loads((copy / INDEX).read_text())
    (copy / INDEX).write_text(json.dumps(index | change))
    one_line(lambda: TrainingShards(str(copy)), copy / INDEX)


def test_missing_and_damaged_shards(copy, prepared):
    data = module(prepared, shards=str(copy))
    first = copy / data.train_set.files[0].hr.parent.name
    with tarfile.open(first) as tar:
        png = next(info for info in tar.getmembers() if info.name.endswith(".hr.png"))
    whole = bytearray(first.read_bytes())
    whole[png.offset_data : png.offset_data + 8] = b"no png.."
    first.write_bytes(whole)
    assert ".hr.png" in one_line(lambda: data.train_set[0], first)
    first.write_bytes(whole[:600])
    assert "too short" in one_line(lambda: data.train_set[0], first)
    first.unlink()
    assert "no such file" in one_line(lambda: data.train_set[0], first)
    (copy / INDEX).unlink()
    assert "no such file" in one_line(lambda: TrainingShards(str(copy)), copy / INDEX)
