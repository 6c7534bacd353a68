"""``blindsr models``."""

import json
import subprocess
import sys

import pytest
from tests.helpers.make_ncnn import compact

from blindsr.cli import app
from blindsr.cli.models import file_card, official
from blindsr.inference.catalogue import ASSETS, cards


def test_every_model_says_what_it_is_for_and_what_not(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert app.main(["models"]) == 0
    out = capsys.readouterr().out
    for name, card in cards().items():
        assert f"\n  {name}\n" in out
        assert card.good_for in out
        assert card.not_for in out
    for name, card in official().items():
        assert f"\n  {name}\n" in out
        assert set(card) == {"does", "use", "good_for", "not_for", "get", "licence"}
    assert "On disk, in weights and logs (--model PATH):\n  none\n" in out


def test_files_on_disk_are_told_by_their_own_words(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "mine.safetensors").write_bytes(
        (ASSETS / "small.safetensors").read_bytes()
    )
    (tmp_path / "weights" / "RealESRGAN_x4plus.pth").touch()
    (tmp_path / "weights" / "notes.txt").touch()
    assert app.main(["models", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["on_disk"]
    assert list(found) == ["weights/RealESRGAN_x4plus.pth", "weights/mine.safetensors"]
    assert found["weights/mine.safetensors"]["good_for"].startswith("photographs, clean")
    assert "noise" in found["weights/RealESRGAN_x4plus.pth"]["good_for"]


def test_another_folder(capsys, tmp_path):
    param = compact(tmp_path)
    assert app.main(["models", str(tmp_path)]) == 0
    assert f"\n  {param}\n" in capsys.readouterr().out
    assert app.main(["models", str(tmp_path / "none")]) == 2
    assert "none, no folder" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"x" * 20, (2).to_bytes(8, "little") + b"[]"])
def test_a_damaged_file_is_listed(content, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(content)
    assert file_card(tmp_path / "a.safetensors") == {}


def test_a_reader_that_ends_early_is_no_error():
    code = "from blindsr.cli.app import run; run()"
    words = [sys.executable, "-c", code, "models"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        error = child.stderr.read()
    assert (child.returncode, error) == (141, b"")


def test_it_loads_nothing_heavy():
    code = (
        "import sys; from blindsr.cli.app import main; main(['models'])\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)


def test_cost_counts_parameters_and_operations(capsys):
    assert app.main(["models", "--cost", "small", "--size", "32x16", "--json"]) == 0
    small = json.loads(capsys.readouterr().out)["small"]
    assert small["parameters"] == 1_043_037
    assert app.main(["models", "--cost", "small", "--size", "64x32"]) == 0
    text = capsys.readouterr().out
    assert "small: 1.043 M parameters, " in text
    assert float(text.split(", ")[1].split()[0]) > 3 * small["flops"] / 1e9
    assert app.main(["models", "--cost", "small", "--size", "12"]) == 2
    assert "--size: 12, expected a size such as 320x180" in capsys.readouterr().err
