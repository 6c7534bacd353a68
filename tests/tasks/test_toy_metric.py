"""A metric that one entry of the table adds reaches tasks, tables and files."""

from __future__ import annotations

import csv
import json

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from tests.helpers.restoration_data import ESTIMATOR, RESTORER, Fake, trainer

from blindsr.callbacks import ScoreTable
from blindsr.metrics import METRICS, Metric, PreservationScores, checkpoint_mode
from blindsr.tasks import CMOSTask, RRDBSFTTask


def mean_error(sr, hr, crop=0):
    inner = (..., slice(crop, hr.shape[-2] - crop), slice(crop, hr.shape[-1] - crop))
    return (sr.clamp(0, 1) - hr)[inner].abs().double().mean((1, 2, 3))


def map_error(estimate, blur, sigma_max):
    return (estimate - blur).abs().double().mean((1, 2, 3)) / sigma_max


@pytest.fixture
def toys(monkeypatch):
    """The two entries, all that a user adds."""
    toy = Metric(
        title="MAE",
        compares="image",
        score=mean_error,
        better="lower",
        decimals=3,
        least_size=8,
        every_epoch=True,
        dropped=0,
    )
    monkeypatch.setitem(METRICS, "mae", toy)
    maps = Metric(title="blur MAE", compares="blur", score=map_error, better="lower")
    monkeypatch.setitem(METRICS, "blur_mae", maps)


def run_test(folder, model, data):
    table = ScoreTable()
    assert table._repr_html_() is None
    loop = trainer(folder, logger=CSVLogger(folder, version=""), callbacks=[table])
    loop.test(model, datamodule=data, verbose=False)
    assert "</table>" in table._repr_html_()  # in Jupyter the callback shows the last test
    return json.loads(next(folder.rglob("scores.json")).read_text())


def csv_rows(folder):
    return list(csv.DictReader(next(folder.rglob("scores.csv")).read_text().splitlines()))


def test_a_toy_metric_of_images_is_one_entry(toys, tmp_path, capsys):
    model, data = RRDBSFTTask(6, **RESTORER), Fake(groups=("Group1", "Group2"))
    content = run_test(tmp_path, model, data)
    printed = capsys.readouterr().out
    assert "MAE" in printed
    assert "lower is better: GMSD, MAE" in printed
    assert content["better"]["mae"] == "lower"
    assert 0 < content["scores"]["Group1"]["mae"] < 1
    assert 0 < content["others"]["bicubic"]["mean"]["mae"] < 1
    assert all(0 < float(row["mae"]) < 1 for row in csv_rows(tmp_path))
    assert "| MAE |" in next(tmp_path.rglob("scores.md")).read_text()
    found = trainer(tmp_path).validate(model, datamodule=data, verbose=False)[0]
    assert 0 < found["val/mae"] < 1
    assert checkpoint_mode("val/mae") == "min"
    regional = PreservationScores().scores
    assert {"mae", "blurred_mae", "sharp_mae"} <= set(regional)
    assert regional["blurred_mae"].higher_is_better is False


def test_all_metrics_are_scored_where_they_are_asked_for(tmp_path, capsys):
    pytest.importorskip("piq")
    torch.manual_seed(0)
    usual = run_test(tmp_path / "usual", RRDBSFTTask(6, **RESTORER), Fake())["scores"]["mean"]
    torch.manual_seed(0)
    model = RRDBSFTTask(6, **{**RESTORER, "metrics": "all"})
    found = run_test(tmp_path / "all", model, Fake())["scores"]["mean"]
    assert set(found) - set(usual) >= {"gmsd_full", "vif_wavelet", "vsi", "ms_ssim", "niqe"}
    assert 0 < found["vsi"] < 1
    assert found["gmsd"] == usual["gmsd"]


def test_a_toy_metric_of_maps_is_one_entry(toys, tmp_path, capsys):
    content = run_test(tmp_path, CMOSTask(6, **ESTIMATOR), Fake())
    assert content["scores"]["mean"]["blur_mae"] > 0
    assert content["better"] == {
        "blur_psnr": "higher",
        "blur_ssim": "higher",
        "blur_rank": "higher",
        "miou": "higher",
        "blur_mae": "lower",
    }
    assert "lower is better: blur MAE" in capsys.readouterr().out


def test_exact_matches_reach_logs_table_and_files(tmp_path, capsys, monkeypatch):
    model, data = RRDBSFTTask(6, **RESTORER), Fake(groups=("Group1", "Group2"))
    restore = RRDBSFTTask.restore

    def first_exact(self, batch):
        sr, estimate = restore(self, batch)
        sr = sr.clone()
        sr[0] = batch["hr"][0]
        return sr, estimate

    monkeypatch.setattr(RRDBSFTTask, "restore", first_exact)
    content = run_test(tmp_path, model, data)  # all of Group1 is exact, nothing of Group2
    assert content["scores"]["Group1"]["psnr"] == "inf"
    assert content["scores"]["Group1"]["psnr_exact"] == 2
    assert "psnr_exact" not in content["scores"]["Group2"]
    assert content["scores"]["mean"]["psnr_exact"] == 2
    assert "psnr_exact" not in content["others"]["bicubic"]["mean"]
    printed = " ".join(capsys.readouterr().out.split())
    assert "exact, not in the mean: PSNR of 2 (RRDB-SFT, true maps, Group1)" in printed
    assert "psnr_exact" not in printed
    counts = [row["psnr_exact"] for row in csv_rows(tmp_path) if row["method"] == model.title]
    assert counts == ["2.0", "", "2.0"]
    assert "exact, not in the mean" in next(tmp_path.rglob("scores.md")).read_text()
    assert "test/Group1/psnr_exact" in next(tmp_path.rglob("metrics.csv")).read_text()
    found = trainer(tmp_path).validate(model, datamodule=data, verbose=False)[0]
    assert found["val/psnr_exact"] == 2
