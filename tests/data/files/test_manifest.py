"""Manifests that are damaged, forged or of another time: refused in one line, never followed."""

import json
import os

import pytest

from blindsr.cli import app
from blindsr.data import NYUv2BSR
from blindsr.data.check.folder import check_folder
from blindsr.data.files.manifest import MANIFEST, PARTIAL, read_manifest
from blindsr.data.prepare.nyuv2 import prepare_nyuv2
from blindsr.errors import BlindSRError

SETTINGS = {"scale": 4, "sigma_max": 5.0, "downsampler": "sfold", "phase": 0.0}
VA = {"kind": "VA", "focus_rank": 0.5}


def settings(**changes):
    return json.dumps({"settings": SETTINGS | changes})


def lists(**content):
    return json.dumps({"settings": SETTINGS} | content)


MALFORMED = {
    "empty": ("", ": an empty file, expected JSON"),
    "no JSON": ("{", ": cannot be read (Expecting property name"),
    "no UTF-8": (b"\xff\xfe{}", ": cannot be read ('utf-8' codec"),
    "nested": ("[" * 100_000, ": cannot be read ("),
    "list": ("[]", ": a list, expected a JSON object"),
    "text": ('"settings"', ": text, expected a JSON object"),
    "number": ("7", ": a number, expected a JSON object"),
    "null": ("null", ": null, expected a JSON object"),
    "NaN": (settings(sigma_max=float("nan")), ": cannot be read (NaN, which is no JSON number)"),
    "infinite": (settings(scale=float("inf")), ": cannot be read (Infinity, which is no JSON"),
    "digits": ('{"settings": {"scale": ' + "9" * 5000 + "}}", ": cannot be read ("),
    "no settings": ("{}", "[settings]: no settings, expected a JSON object"),
    "settings list": ('{"settings": []}', "[settings]: a list, expected a JSON object"),
    "no scale": ('{"settings": {}}', ": no settings.scale, expected a whole number 1..64"),
    "scale text": (settings(scale="4"), '[settings.scale]: "4", expected a whole number'),
    "scale true": (settings(scale=True), "[settings.scale]: true, expected a whole number"),
    "scale half": (settings(scale=2.5), "[settings.scale]: 2.5, expected a whole number"),
    "scale 0": (settings(scale=0), "[settings.scale]: 0, expected a whole number 1..64"),
    "scale huge": (settings(scale=10**12), "[settings.scale]: 1000000000000, expected"),
    "sigma list": (settings(sigma_max=[5]), "[settings.sigma_max]: [5], expected a number above 0"),
    "sigma 0": (settings(sigma_max=0), "[settings.sigma_max]: 0, expected a number above 0"),
    "sigma below": (settings(sigma_max=-5), "[settings.sigma_max]: -5, expected a number above 0"),
    "sigma huge": (settings(sigma_max=1e9), "[settings.sigma_max]: 1000000000.0, expected"),
    "sampler": (settings(downsampler="os.system"), '[settings.downsampler]: "os.system", expected'),
    "sampler list": (settings(downsampler=[]), "[settings.downsampler]: [], expected one of sfold"),
    "phase": (settings(phase=None), "[settings.phase]: null, expected a number of HR pixels"),
    "newer": (settings(version=2), "It was made by a newer blindsr: update this one"),
    "version": (settings(version="one"), '[settings.version]: "one", expected 1 or less'),
    "train list": (lists(train=[1]), "[train]: a list, expected a JSON object"),
    "train null": (lists(train=None), "[train]: no train, expected a JSON object"),
    "draw list": (lists(train={"0001": []}), "[train.0001]: a list, expected a JSON object"),
    "kind": (lists(train={"0001": {"kind": "?"}}), '[train.0001.kind]: "?", expected VA or IVA'),
    "no sigma": (lists(train={"1": {"kind": "IVA"}}), "[train.1.sigma]: null, expected a number"),
    "sigma text": (
        lists(train={"1": {"kind": "IVA", "sigma": "2"}}),
        '[train.1.sigma]: "2", expected a number 0..100',
    ),
    "rank": (lists(train={"1": VA | {"focus_rank": 2}}), "[train.1.focus_rank]: 2, expected"),
    "upwards": (lists(train={"../x": VA}), '[train]: "../x", expected names of files'),
    "dots": (lists(train={"..": VA}), '[train]: "..", expected names of files'),
    "absolute": (lists(train={"/etc/x": VA}), '[train]: "/etc/x", expected names of files'),
    "backslash": (lists(train={"a\\b": VA}), "expected names of files, without a folder"),
    "NUL": (lists(train={"a\0b": VA}), "expected names of files, without a folder"),
    "no name": (lists(train={"": VA}), '[train]: "", expected names of files'),
    "val list": (lists(val=[]), "[val]: a list, expected a JSON object"),
    "group": (lists(val={"../G": {}}), '[val]: "../G", expected names of files'),
    "group list": (lists(val={"Group1": []}), "[val.Group1]: a list, expected a JSON object"),
}


def plant(folder, text):
    (folder / MANIFEST).write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_manifest_is_named_with_its_key(case, tmp_path):
    text, expected = MALFORMED[case]
    plant(tmp_path, text)
    with pytest.raises(BlindSRError) as caught:
        read_manifest(tmp_path)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / MANIFEST))
    assert expected in message
    assert message.count("\n") == 0
    assert len(message) < 600


@pytest.mark.parametrize("case", MALFORMED)
def test_check_reports_it_and_goes_on(case, bsr):
    plant(bsr, MALFORMED[case][0])
    report = check_folder(bsr)
    first = str(report.faults[0])
    assert first.startswith(MANIFEST)
    assert len(report.facts) == 7
    assert not any(".." in fault.file for fault in report.faults)


def test_the_command_says_it_in_one_line(bsr, capsys):
    plant(bsr, settings(scale="4"))
    assert app.main(["prepare", "check", str(bsr), "--workers", "1"]) == 1
    out = capsys.readouterr()
    assert 'manifest.json[settings.scale]: "4", expected a whole number 1..64\n' in out.out
    assert out.err == ""


@pytest.mark.parametrize("case", ["list", "scale text", "upwards", "newer", "sampler list"])
def test_a_data_module_refuses_it_when_it_is_made(case, bsr):
    text, expected = MALFORMED[case]
    plant(bsr, text)
    with pytest.raises(BlindSRError) as caught:
        NYUv2BSR(root=str(bsr), num_workers=0)
    assert expected in str(caught.value)


@pytest.mark.parametrize("name", [MANIFEST, PARTIAL])
@pytest.mark.parametrize("text", ["", "[]", '{"settings": [1]}', '{"settings": {"scale": NaN}}'])
def test_prepare_refuses_a_folder_with_it_but_replaces_it_on_request(name, text, sources, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text(text)
    with pytest.raises(BlindSRError) as caught:
        prepare_nyuv2(*sources, out, operator="gather")
    assert str(out / name) in str(caught.value)
    assert (out / name).read_text() == text
    prepare_nyuv2(*sources, out, operator="gather", overwrite=True)
    assert read_manifest(out)["counts"]["train"] == {"VA": 4, "IVA": 1}


def test_a_manifest_that_is_no_file(tmp_path):
    os.mkfifo(tmp_path / MANIFEST)  # reading it would wait for ever
    with pytest.raises(
        BlindSRError, match=r"manifest\.json: a named pipe, expected an ordinary file"
    ):
        read_manifest(tmp_path)
