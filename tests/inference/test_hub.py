"""Models of the Hub against one on loopback: pushed, loaded, refused in one line, offline."""

import os
import subprocess
import sys

import pytest
from tests.helpers.fake_hub import fake_hub

import blindsr
from blindsr.errors import WeightsError
from blindsr.inference.hub import hub_file

SCRIPT = """
import sys
import numpy as np
import blindsr
from blindsr.errors import BlindSRError
from blindsr.restore import Restorer

def told(call):
    try:
        call()
    except BlindSRError as error:
        print(error)
    else:
        print("no error")

picture = (np.arange(20 * 24 * 3).reshape(20, 24, 3) % 251).astype(np.uint8)
"""
ONLINE = """
model = blindsr.load(device="cpu")
print(model.push_to_hub("owner/small", token="t"))
for other in (blindsr.load("hf:owner/small", device="cpu"),
              blindsr.load("hf:owner/small@main", device="cpu"),
              Restorer.from_pretrained("owner/small", device="cpu")):
    print(np.array_equal(model.upscale(picture), other.upscale(picture)))
told(lambda: blindsr.load("hf:owner/nothing"))
told(lambda: blindsr.load("hf:owner/pickle"))
told(lambda: Restorer.from_pretrained("owner/pickle"))
told(lambda: blindsr.load("hf:owner/small/pytorch_model.bin"))
"""
OFFLINE = """
print(blindsr.load("hf:owner/small", device="cpu").title)  # of the cache
told(lambda: blindsr.load("hf:owner/never"))
told(lambda: Restorer.from_pretrained("owner/never"))
told(lambda: blindsr.load(device="cpu").push_to_hub("owner/small"))
"""


def run(script, home, address):
    hub = {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    none = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), "")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + script],
        env=os.environ | hub | none,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


def test_a_model_goes_to_the_hub_and_comes_back(tmp_path):
    with fake_hub() as (server, address):
        server.repos["owner/pickle"] = {"pytorch_model.bin": b"would run code"}
        lines, _ = run(ONLINE, tmp_path, address)
        pushed = server.repos["owner/small"]
    assert set(pushed) == {"model.safetensors", "config.json", "README.md"}
    assert 'blindsr.load("hf:owner/small")' in pushed["README.md"].decode()
    assert "pictures without noise" in pushed["README.md"].decode()
    assert lines[1:4] == ["True"] * 3
    assert lines[4].startswith("hf:owner/nothing: no such model on the Hub")
    assert lines[5].startswith("hf:owner/pickle: a model without model.safetensors, expected safe")
    assert lines[6].startswith("hf:owner/pickle: a model without model.safetensors")
    assert "pytorch_model.bin, expected a file of safetensors: others could run code" in lines[7]
    # nobody answers at that address any more
    lines, error = run(OFFLINE, tmp_path, address)
    assert lines[0] == blindsr.load(device="cpu").title
    assert lines[1].startswith("hf:owner/never: the Hub cannot be reached, and the model is not in")
    assert lines[2].startswith("hf:owner/never: the Hub cannot be reached")
    assert lines[3].startswith("owner/small: the Hub cannot be reached")
    assert "Retry" not in error


def test_a_folder_is_saved_and_loaded_without_the_hub(tmp_path):
    from blindsr.restore import Restorer

    blindsr.load(device="cpu").save_pretrained(tmp_path / "folder")
    assert Restorer.from_pretrained(tmp_path / "folder", device="cpu").scale == 4
    assert (tmp_path / "folder" / "README.md").read_text().startswith("---\nlibrary_name: blindsr")
    (tmp_path / "folder" / "model.safetensors").unlink()
    with pytest.raises(blindsr.errors.FileError, match=r"a folder without model\.safetensors"):
        Restorer.from_pretrained(tmp_path / "folder")


@pytest.mark.parametrize("word", ["hf:", "hf:name", "hf:/name", "hf:a b/c", "hf:a/b@"])
def test_words_that_name_nothing(word):
    with pytest.raises(WeightsError, match="expected hf:owner/name"):
        hub_file(word)
