"""Weights out: what is written is what was read, and says what it is."""

import json
import pickle
from zlib import crc32

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EMAWeightAveraging
from safetensors import safe_open
from safetensors.torch import save_file
from tests.helpers.restoration_data import ESTIMATOR, RESTORER, Fake, trainer
from tests.helpers.saved_checkpoint import saved

import blindsr
from blindsr.errors import FileError, WeightsError
from blindsr.networks import CMOS, RRDBSFT, BlindSR
from blindsr.tasks import BlindSRTask, CMOSTask, RRDBSFTTask
from blindsr.weights import (
    NetworkFile,
    from_official,
    load_official,
    read_network,
    read_state_dict,
    save_official,
    save_safetensors,
    to_official,
)
from blindsr.weights.checkpoint import SETTINGS_KEY
from blindsr.weights.export import describe, layouts, read_official, read_own


def noise(network, prefix=""):
    """State dict of a network under a prefix, with values that only a copy of the bits keeps."""
    state = {prefix + name: torch.randn(t.shape) for name, t in network.state_dict().items()}
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(2**40 + 1)
        elif name.endswith("running_var"):
            state[name] = tensor.abs() + 1
    return state


def official(kind):
    """Official state dict, 7 classes."""
    torch.manual_seed(0)
    special = torch.tensor([3e38, -0.0, -3e38, 1e-42])
    if kind == "cmos":
        state = noise(CMOS(7), "cmos.")
        state["cmos.predict.blur.last_layer.0.bias"][:4] = special
    else:
        state = noise(RRDBSFT(16))
        state["fuse.smooth1.bn.running_mean"][:4] = special
    return state


@pytest.fixture(scope="module")
def restorer():
    return official("rrdb_sft")


def bits(state):
    """Of every tensor its kind and a checksum."""
    return {n: (t.dtype, tuple(t.shape), crc32(t.numpy().tobytes())) for n, t in state.items()}


def there_and_back(state, layout, folder, prefix=""):
    """The file in between, and the bits that an official file made from it holds."""
    names = [folder / name for name in ("first.pth", "ours.safetensors", "last.pth")]
    torch.save({prefix + name: t for name, t in state.items()}, names[0])
    save_safetensors(names[1], from_official(read_official(names[0]), layout))
    again = read_own(names[1])
    assert set(layouts(again).values()) == {layout}
    save_official(names[2], again)
    written = torch.load(names[2], weights_only=True)
    assert type(written) is dict
    assert sorted(path.name for path in folder.iterdir()) == sorted(p.name for p in names)
    return again, bits(written)


@pytest.mark.parametrize(
    ("kind", "layout"),
    [
        # the tensors of CMOS also go there and back within the pipeline below
        pytest.param("cmos", "legacy", marks=pytest.mark.slow),
        ("rrdb_sft", "fixed"),
    ],
)
def test_official_to_safetensors_and_back_keeps_every_bit(kind, layout, tmp_path):
    state = official(kind)
    ours, written = there_and_back(state, layout, tmp_path)
    assert ours.kind == kind
    assert written == bits(state)


def test_an_imported_pipeline_keeps_every_bit_and_computes_what_the_official_file_does(tmp_path):
    state = {
        name: (t.float() * 0.05).clamp(-1e15, 1e15).to(t.dtype)
        for name, t in (official("cmos") | official("rrdb_sft")).items()
    }
    file, written = there_and_back(state, "legacy", tmp_path, "module.")
    assert file.kind == "blind"
    assert written == bits(state)
    expected = BlindSR(CMOS(7), RRDBSFT(16)).eval()
    load_official(expected, state, window_layout="legacy")
    lr = torch.rand(1, 3, 16, 20)
    with torch.no_grad():
        sr, estimate = expected(lr)
        del expected, state  # 100 MB each
        network = file.network()
        ours, maps = network(lr)
    assert network.estimator.window_layout == network.restorer.window_layout == "legacy"
    assert sr.isfinite().all()
    assert torch.equal(ours, sr)
    assert torch.equal(maps.blur, estimate.blur)
    restorer = describe(file)["settings"]["restorer"]
    assert (restorer["num_classes"], restorer["code_length"]) == (7, 16)


def test_official_names_in_safetensors_are_read(restorer, tmp_path):
    save_file(restorer, tmp_path / "RRDB_SFT.safetensors")  # no description
    file = read_official(tmp_path / "RRDB_SFT.safetensors")
    assert file.kind == "rrdb_sft"
    assert bits(file.state) == bits(restorer)


def test_the_names_that_differ_are_listed(restorer, tmp_path):
    state = dict(restorer)
    del state["RRDB_trunk.3.RDB1.conv1.bias"]
    torch.save(state | {"extra": torch.zeros(1)}, tmp_path / "odd.pth")
    file = read_official(tmp_path / "odd.pth")
    with pytest.raises(WeightsError) as caught:
        from_official(file, "legacy")
    message = str(caught.value)
    assert message.startswith(
        f"{tmp_path / 'odd.pth'}: of 498 tensors 1 missing (RRDB_trunk.3.RDB1"
    )
    assert "1 unknown (extra)" in message


def test_what_an_official_restorer_does_not_show_stays_unknown(restorer, tmp_path):
    torch.save(restorer, tmp_path / "r.pth")
    about = describe(from_official(read_official(tmp_path / "r.pth"), "legacy"))
    assert about["sigma_max"] is None
    assert "num_classes" not in about["settings"]
    assert about["settings"] | {"window": None} == about["settings"] | {
        "window": None,
        "code_length": 16,
        "window_layout": "legacy",
        "condition": "hr",
        "features": 64,
    }


TASKS = {
    "cmos": lambda: CMOSTask(6, sigma_max=3.0, window_layout="legacy", **ESTIMATOR),
    "rrdb_sft": lambda: RRDBSFTTask(6, sigma_max=3.0, **RESTORER),
    "blind": lambda: BlindSRTask(6, sigma_max=3.0, estimator=ESTIMATOR, restorer=RESTORER),
}


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """(network, checkpoint, export) of a small task by kind."""
    folder = tmp_path_factory.mktemp("exports")
    found = {}
    for kind, make in TASKS.items():
        torch.manual_seed(3)
        task = make()
        with torch.no_grad():
            for parameter in task.network.parameters():
                parameter.mul_(1.01)
        checkpoint, export = folder / f"{kind}.ckpt", folder / f"{kind}.safetensors"
        saved(task, checkpoint)
        save_safetensors(export, read_own(checkpoint))
        found[kind] = task.network, checkpoint, export
    return found


@pytest.mark.parametrize("kind", TASKS)
def test_an_export_of_a_task_says_what_it_is(kind, exports):
    network, checkpoint, export = exports[kind]
    file, before = read_network(export), read_network(checkpoint)
    assert (file.kind, file.sigma_max, file.averaged) == (kind, 3.0, False)
    assert bits(file.network().state_dict()) == bits(network.state_dict())
    with safe_open(export, framework="pt") as content:
        about = json.loads(content.metadata()[SETTINGS_KEY])
    assert "learning_rate" not in about["settings"]  # the network alone
    assert describe(file) == about == json.loads(json.dumps(describe(before)))
    settings = about["settings"].get("estimator", about["settings"])
    assert settings["window"] == [4, 4]
    assert (settings["num_classes"], settings["scale"]) == (6, 4)
    assert settings["window_layout"] == ("legacy" if kind == "cmos" else "fixed")


def test_class_names_and_averages_are_kept(exports, tmp_path):
    from dataclasses import replace

    names = ("wall", "floor", "bed", "desk", "lamp", "book")
    file = replace(read_own(exports["cmos"][1]), class_names=names, averaged=True)
    save_safetensors(tmp_path / "named.safetensors", file)
    again = read_own(tmp_path / "named.safetensors")
    assert (again.class_names, again.averaged) == (names, True)
    assert blindsr.load(tmp_path / "named.safetensors").class_names == names


def test_tasks_start_from_exports(exports):
    same = {
        part: str(exports[kind][2])
        for part, kind in (("estimator", "cmos"), ("restorer", "rrdb_sft"))
    }
    for weights in (same, {"blind": str(exports["blind"][2])}):
        task = BlindSRTask(num_classes=6, weights=weights)
        task.preflight("fit", resumed=False)
        for part, kind in (("estimator", "cmos"), ("restorer", "rrdb_sft")):
            wanted = getattr(exports["blind"][0], part) if "blind" in weights else exports[kind][0]
            found = getattr(task.network, part)
            assert bits(found.state_dict()) == bits(wanted.state_dict())
            assert found.window_layout == wanted.window_layout
    task = RRDBSFTTask(6, weights=str(exports["rrdb_sft"][2]), **RESTORER)
    task.preflight("fit", resumed=False)
    assert bits(task.network.state_dict()) == bits(exports["rrdb_sft"][0].state_dict())


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        (
            "cmos",
            [
                "backbone 'pyramid_small', gia_parts 'F', window [4, 4], expected",
                "expected 'hrnet_w18_small_v2', 'FCS', [15, 20] as in the official network",
            ],
        ),
        (
            "rrdb_sft",
            ["condition 'lr', features 8, growth 4, blocks 1", "expected 'hr', 64, 32, 10"],
        ),
        ("blind", ["estimator.backbone 'pyramid_small'", "restorer.condition 'lr'"]),
    ],
)
def test_another_architecture_has_no_official_form(kind, parts, exports, tmp_path):
    with pytest.raises(WeightsError) as caught:
        save_official(tmp_path / "new.pth", read_own(exports[kind][2]))
    for part in [*parts, "Export it as .safetensors", str(exports[kind][2])]:
        assert part in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_picture_that_is_added_has_no_official_form():
    settings = {"phase": 1.5}  # of no effect where none is added
    assert to_official(NetworkFile("same.ckpt", "rrdb_sft", settings, {})) == {}
    with pytest.raises(WeightsError, match=r"skip 'bicubic', phase 1\.5, expected 'none', 0\.0 as"):
        to_official(NetworkFile("x.ckpt", "rrdb_sft", settings | {"skip": "bicubic"}, {}))


def test_two_layouts_in_one_pipeline_have_no_official_form():
    parts = {"estimator": {"num_classes": 7}, "restorer": {"window_layout": "legacy"}}
    with pytest.raises(WeightsError, match=r"estimator\.window_layout fixed, restorer\.window_lay"):
        to_official(NetworkFile("mixed.ckpt", "blind", parts, {}))
    parts["estimator"]["window_layout"] = "legacy"
    assert to_official(NetworkFile("same.ckpt", "blind", parts, {})) == {}


class Save(Callback):
    """Writes a checkpoint in the middle of a training, as ModelCheckpoint does."""

    def on_train_epoch_end(self, trainer, pl_module):
        trainer.save_checkpoint(f"{trainer.default_root_dir}/last.ckpt")


def test_averaged_weights_are_the_ones_exported(tmp_path):
    run = trainer(tmp_path, max_epochs=2, callbacks=[EMAWeightAveraging(decay=0.5), Save()])
    torch.manual_seed(0)
    run.fit(RRDBSFTTask(6, **RESTORER | {"learning_rate": 1e-2}), datamodule=Fake())
    stored = torch.load(tmp_path / "last.ckpt", weights_only=True)
    save_safetensors(tmp_path / "ema.safetensors", read_own(tmp_path / "last.ckpt"))
    file = read_own(tmp_path / "ema.safetensors")
    assert file.averaged
    name = "conv_first.weight"
    assert torch.equal(file.state[name], stored["state_dict"]["network." + name])
    assert not torch.equal(file.state[name], stored["current_model_state"]["network." + name])
    assert file.class_names == tuple("abcdef")


def test_tensors_that_share_memory_are_stored_apart(exports, tmp_path):
    from dataclasses import replace

    file = read_own(exports["rrdb_sft"][1])
    flat = torch.cat([t.flatten().double() for t in file.state.values()]).float()
    views, start = {}, 0
    for name, tensor in file.state.items():
        view = flat[start : start + tensor.numel()].view(tensor.shape)
        views[name] = view if tensor.is_floating_point() else tensor
        start += tensor.numel()
    save_safetensors(tmp_path / "views.safetensors", replace(file, state=views))
    assert bits(read_own(tmp_path / "views.safetensors").state) == bits(file.state)


def test_weights_that_contradict_their_settings_are_not_written(exports, tmp_path):
    file = read_own(exports["rrdb_sft"][1])
    del file.state["conv_first.bias"]
    with pytest.raises(WeightsError, match=r"conv_first\.bias"):
        save_safetensors(tmp_path / "x.safetensors", file)
    assert not list(tmp_path.iterdir())


def test_nothing_half_written_stays_behind(exports, tmp_path, monkeypatch):
    file = read_own(exports["cmos"][1])

    def full(path, content):
        with path.open("wb") as output:
            output.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(FileError, match=r"cannot be written \(No space left on device\)"):
        save_safetensors(tmp_path / "x.safetensors", file)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "description",
    [
        "{",
        "[]",
        '{"kind": "cmos"}',
        '{"kind": "cmos", "sigma_max": ' + "[" * 100_000,
    ],
)
def test_a_damaged_description_is_one_line(description, tmp_path):
    path = tmp_path / "bad.safetensors"
    save_file({"x": torch.zeros(1)}, path, metadata={SETTINGS_KEY: description})
    with pytest.raises(WeightsError, match=r"bad\.safetensors: a description that cannot be used"):
        read_network(path)


def test_safetensors_are_known_by_their_content(exports, tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(exports["cmos"][2].read_bytes())
    assert read_network(path).kind == "cmos"
    assert set(read_state_dict(path)[0]) == set(exports["cmos"][0].state_dict())


class Harm:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_files_of_others_are_named(tmp_path, capsys):
    path = tmp_path / "x.pth"
    torch.save({"x": Harm()}, path)
    with pytest.raises(WeightsError, match=r"would run code \(print\); nothing of it was run"):
        read_network(path)
    path.write_bytes(pickle.dumps({"x": Harm()}))  # a protocol that torch warns about
    with pytest.raises(WeightsError, match="a pickle that would run code"):
        read_network(path)
    assert "must not run" not in capsys.readouterr().out
    for content, part in (
        ({"params": {"a": torch.zeros(1)}}, r"entries that are no tensors \(params\)"),
        ({3: torch.zeros(1)}, r"entries that are no tensors \(3\)"),
        ({n: torch.zeros(1) for n in "abcd"}, r"4 tensors of another network \(a, b, c, \.\.\.\)"),
        ({}, r"0 tensors of another network \(none\)"),
        ({"state_dict": {"a": torch.zeros(1)}}, r"a checkpoint of another task \(a\)"),
        ({"state_dict": [1], "epoch": 3}, r"of another program \(state_dict, epoch\)"),
    ):
        torch.save(content, path)
        with pytest.raises(WeightsError, match=part):
            read_network(path)
