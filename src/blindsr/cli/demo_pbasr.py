"""``blindsr demo --method pbasr``: four ways to train one network on sharp and blurred pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blindsr.errors import ConfigError

if TYPE_CHECKING:
    import argparse

CONFIG = "pbasr_demo"
MIXING = "WeightInterpolation"
UNIFIED, POSTER, PBASR = "unified training", "average, not mixed", "PBaSR"
GENERAL, BLUR = "general branch, not mixed", "blur branch, not mixed"
BRANCH_ROWS = {"general branch": GENERAL, "blur branch": BLUR}
COLUMNS = ("psnr", "ssim", "gmsd", "vif", "blurred_psnr", "blurred_gmsd", "texture")
SHOWN = 3


def run_pbasr(arguments: argparse.Namespace) -> int:
    """Train unified, two branches without mixing, and PBaSR; print the table, draw the picture.

    Raises:
        ConfigError: without the configuration, or if it does not mix.
    """
    from blindsr.callbacks.report import table_console
    from blindsr.callbacks.score_rows import Row, as_table

    from .demo import best_of, write_scores

    console = table_console()
    apart = f"--trainer.callbacks={json.dumps(callbacks_without_mixing(arguments.configs))}"
    last: Any = None
    tables: dict[str, dict[str, Any]] = {}
    arms = {
        UNIFIED: ("unified", [apart, "--model.init_args.branches=unified"]),
        POSTER: ("apart", [apart]),
        PBASR: ("pbasr", []),
    }
    for row, (name, more) in arms.items():
        console.print(f"training: {row}")
        compare = {UNIFIED: str(best_of(arguments.out / "unified").with_name("last.ckpt"))}
        if row == PBASR:
            more = [*more, f"--model.init_args.compare={json.dumps(compare)}"]
        last = train(arguments, name, *more)
        checkpoint = best_of(arguments.out / name).with_name("last.ckpt")
        last.trainer.test(last.model, last.datamodule, ckpt_path=str(checkpoint), verbose=False)
        file = Path(last.trainer.log_dir) / "scores.json"
        tables[row] = json.loads(file.read_text(encoding="utf-8"))
    rows = [
        Row(method, group, {k: v for k, v in scores.items() if k in COLUMNS and v is not None})
        for method, by_group in collected(tables).items()
        for group, scores in by_group.items()
        if group != "mean"
    ]
    title = "PBaSR on held-out scenes, after the last step of each training"
    console.print(as_table(rows, title, width=console.width))
    draw(arguments.out / "pbasr.png", last.model.eval(), last.datamodule)
    write_scores(arguments, {"pbasr": collected(tables)})
    console.print(f"scores:  {arguments.out / 'scores.json'}")
    console.print(f"picture: {arguments.out / 'pbasr.png'}")
    return 0


def callbacks_without_mixing(configs: Path) -> list[dict[str, Any]]:
    """The callbacks of the configuration but for WeightInterpolation."""
    import yaml

    path = configs / f"{CONFIG}.yaml"
    if not path.is_file():
        raise ConfigError(
            path,
            found="no such file",
            expected="a training configuration",
            fix="Run this in the repository's folder, or name theirs with -c.",
        )
    every = yaml.safe_load(path.read_text(encoding="utf-8"))["trainer"]["callbacks"]
    kept = [one for one in every if not one["class_path"].endswith(MIXING)]
    if len(kept) == len(every):
        raise ConfigError(path, found=f"no {MIXING}", expected="it among trainer.callbacks")
    return kept


def train(arguments: argparse.Namespace, name: str, *more: str) -> Any:
    """Train one arm in this process."""
    from .demo import fit

    return fit(arguments, CONFIG, name, *more)


def collected(tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Scores by row and group: bicubic, unified, both branches apart, their average, PBaSR."""
    apart = tables[POSTER]
    rows = {"bicubic": apart["others"]["bicubic"], UNIFIED: tables[UNIFIED]["scores"]}
    rows |= {row: apart["others"][name] for name, row in BRANCH_ROWS.items()}
    rows |= {POSTER: apart["scores"], PBASR: tables[PBASR]["scores"]}
    return rows


def draw(path: Path, model: Any, datamodule: Any) -> None:
    """Draw blurred test scenes: bicubic, unified training and PBaSR with zoomed crops."""
    import torch

    from blindsr.imaging.plot_restoration import save_restoration_sheet
    from blindsr.imaging.resize import upsample
    from blindsr.metrics import psnr_y

    batches = [b for b in datamodule.test_dataloader() if b["group"][0].startswith("blur")]
    batch = batches[0]
    with torch.inference_mode():
        rivals = model.rivals(batch)
        results = {name: rivals[name] for name in ("bicubic", UNIFIED)}
        results[PBASR] = model.restore(batch)[0]
    scale = int(model.hparams["scale"])
    enlarged = upsample(batch["lr"], scale, phase=datamodule.phase, method="nearest")
    samples = []
    for index in range(min(SHOWN, len(batch["lr"]))):
        hr = batch["hr"][index]
        images = {"LR": enlarged[index], **{k: v[index] for k, v in results.items()}, "HR": hr}
        samples.append(
            {
                "name": batch["name"][index],
                "images": {k: v.clamp(0, 1).permute(1, 2, 0).numpy() for k, v in images.items()},
                "scores": {
                    name: f"{float(psnr_y(image[index : index + 1], hr[None])):.2f} dB"
                    for name, image in results.items()
                },
            }
        )
    save_restoration_sheet(path, samples, methods=list(results), sigma_max=0.0)
