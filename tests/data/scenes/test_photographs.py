"""Public-domain photographs as sharp pictures beside the scenes."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from blindsr.data import Scenes
from blindsr.data.scenes import photographs
from blindsr.data.scenes.photographs import photo_frame
from blindsr.errors import ConfigError

pytest.importorskip("skimage")


def test_a_frame_is_a_function_of_its_number() -> None:
    first, again, other = (photo_frame(0, number, (96, 128)) for number in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.rgb, other.rgb)
    assert first.rgb.shape == (96, 128, 3)
    assert first.rgb.dtype == np.uint8
    assert first.depth.min() > 0
    assert (first.seg == 255).all()


def test_training_never_sees_the_held_out_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    picture = photographs.photograph
    monkeypatch.setattr(photographs, "photograph", lambda name: used.append(name) or picture(name))
    for number in range(40):
        photo_frame(1, number, (64, 64))
    assert set(used) == set(photographs.TRAIN)
    used.clear()
    photo_frame(1, 0, (64, 64), held_out=True)
    assert used == list(photographs.HELD_OUT)
    assert "astronaut" not in (*photographs.TRAIN, *photographs.HELD_OUT)


def test_a_share_of_the_scenes() -> None:
    data = Scenes(train_count=12, val_count=2, size=(64, 96), photographs=0.25)
    data.setup("fit")
    without_class = [bool((data.train_set[i]["seg"] == 255).all()) for i in range(12)]
    assert sum(without_class) == 3


def test_a_share_of_the_crops_is_soft() -> None:
    def detail(number: int, soft: float) -> float:
        rgb = photo_frame(2, number, (64, 96), soft=soft).rgb.astype(np.float32)
        return float(np.abs(np.diff(rgb, axis=1)).mean())

    without, mixed = (np.array([detail(n, soft) for n in range(30)]) for soft in (0.0, 0.5))
    assert 8 <= (mixed < 0.97 * without).sum() <= 22
    assert (mixed <= without * 1.01).all()


def test_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"photographs: 1\.5, expected 0\.\.1"):
        Scenes(photographs=1.5)
    with pytest.raises(ConfigError, match=r"soft_photographs: -1, expected 0\.\.1"):
        Scenes(soft_photographs=-1)
    with pytest.raises(ConfigError, match="size of a photograph"):
        photo_frame(0, 0, (2000, 2000))
    real = builtins.__import__

    def missing(name: str, *rest: object) -> object:
        if name == "skimage":
            raise ImportError(name)
        return real(name, *rest)

    photographs.photograph.cache_clear()
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match="uv pip install scikit-image"):
        photo_frame(0, 0, (64, 64))
