"""Groups side by side, the paper's figures, time with the hidden stages."""

import json

from tests.helpers.benchmark_files import benchmark, write_benchmark

from blindsr.callbacks import score_table


def rows(config):
    return [
        {"name": "stage 1", "config": config, "shown": False},
        {"name": "no maps", "config": config, "overrides": {"model.init_args.use_blur": False}},
        {
            "name": "stage 2",
            "config": config,
            "overrides": {"model.init_args.weights": "{last:stage 1}"},
            "test_overrides": {"trainer.limit_test_batches": 1, "data.init_args.test_groups": 1},
        },
        {"name": "bicubic", "rival": "bicubic", "of": "no maps"},
    ]


def test_groups_stand_side_by_side_and_time_counts_hidden_stages(tmp_path, capsys):
    write_benchmark(tmp_path)
    changes = {"rows": rows(str(tmp_path / "tiny.yaml")), "shared": {"max_steps": 3}}
    assert benchmark(write_benchmark(tmp_path, **changes)) == 0
    out = capsys.readouterr().out
    assert "PSNR [dB] / SSIM" in out
    assert "average" in out
    content = {r["name"]: r for r in json.loads((tmp_path / "out/table.json").read_text())["rows"]}
    scores = content["no maps"]["scores"]
    cells = [
        f"{scores[g]['psnr']['mean']:.2f} / {scores[g]['ssim']['mean']:.4f}"
        for g in ("Group1", "Group2", "mean")
    ]
    assert f"| no maps | {' | '.join(cells)} |" in (tmp_path / "out/table.md").read_text()
    assert content["stage 2"]["costs"]["steps"] == 6
    assert (
        0 < content["no maps"]["costs"]["cpu_seconds"] < content["stage 2"]["costs"]["cpu_seconds"]
    )
    assert "Steps and time of a training include rows that are not shown." in out


def test_papers_figures_stand_there_for_their_full_test_set_alone(monkeypatch):
    full = {f"Group{n}": 654 for n in range(1, 6)}
    rows = score_table.paper_rows("NYUv2BSR", 4, full, {"psnr", "ssim"})
    names = [row.method for row in rows]
    for method in ("KernelGAN + ZSSR", "KOALAnet", "DCLS", "DAN", "MANet", "CMOS"):
        assert any(name.startswith(f"paper: {method}") for name in names), method
    city = {f"Group{n}": 1525 for n in range(1, 6)}
    rows = score_table.paper_rows("CityscapesBSR", 4, city, {"psnr"})
    assert {row.method: row.scores["psnr"] for row in rows}["paper: DCLS"] == 32.39
    assert not score_table.paper_rows("CityscapesBSR", 4, full, {"psnr"})
    assert not score_table.paper_rows("NYUv2BSR", 4, {**full, "Group5": 653}, {"psnr"})
    assert not score_table.paper_rows("NYUv2BSR", 2, full, {"psnr"})
