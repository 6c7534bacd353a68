"""First half of the demonstration: scores and pictures of the estimated sigma map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from blindsr.types import PictureSample

TOTAL, VARYING = "blur PSNR [dB]", "blur PSNR, varying blur [dB]"
CONSTANT = "blur PSNR, best constant over the set [dB]"
OWN = "blur PSNR, varying blur, each image's own best constant [dB]"
GRID_STEP = 0.1
PICTURES = 5


def score(model: Any, datamodule: Any) -> tuple[dict[str, float], list[PictureSample]]:
    """Scores on the test scenes and what is drawn of the first ones.

    The two constants are what a network could reach without looking at the picture (one sigma for
    the whole set, the one that scores best) and without knowing where the blur is (each picture's
    own mean). The second is left out where the truth is a constant, since it would be infinite.
    """
    import torch

    from blindsr.metrics import EstimateScores, best_constant_blur_psnr, blur_psnr
    from blindsr.metrics.score_rows import title_of
    from blindsr.tasks.picture_samples import estimate_sample

    datamodule.setup("test")
    sigma_max = float(datamodule.sigma_max)
    shown: dict[str, Any] = {
        "scale": datamodule.scale,
        "phase": datamodule.phase,
        "sigma_max": sigma_max,
        "class_names": datamodule.class_names,
    }
    scores, blurs, rows = EstimateScores(datamodule.num_classes, sigma_max), [], []
    pictures: list[PictureSample] = []
    for batch in datamodule.test_dataloader():
        with torch.inference_mode():
            estimate = model(batch["lr"])
        blur = batch["blur"]
        scores.update(estimate, blur, batch["seg"])
        own = best_constant_blur_psnr(blur, sigma_max)
        rows.append(torch.stack([blur_psnr(estimate.blur, blur, sigma_max), own]))
        blurs.append(blur)
        for index in range(len(blur)):
            if len(pictures) < PICTURES:
                pictures.append(estimate_sample(batch, estimate, index, **shown))
    psnr, own = torch.cat(rows, dim=1)
    varying = own < 60  # a uniform map is its own constant
    found = {title_of(name): float(value) for name, value in scores.compute().items()}
    first = {
        "images": len(psnr),
        "images with varying blur": int(varying.sum()),
        TOTAL: found.pop(TOTAL),
        CONSTANT: best_constant_of_set(blurs, sigma_max),
        VARYING: float(psnr[varying].mean()),
        OWN: float(own[varying].mean()),
    }
    return first | found, pictures


def best_constant_of_set(blurs: list[Tensor], sigma_max: float) -> float:
    """Mean blur PSNR of the one constant that scores best, found on a grid.

    The grid lies between the tenths that uniform blur takes: a constant that meets one picture
    exactly would win by an infinite score.
    """
    import torch

    from blindsr.metrics import blur_psnr

    grid = torch.arange(GRID_STEP / 2, sigma_max, GRID_STEP)
    means = [
        torch.cat([blur_psnr(torch.full_like(b, float(c)), b, sigma_max) for b in blurs]).mean()
        for c in grid
    ]
    return float(torch.stack(means).max())


def as_table(scores: dict[str, float]) -> Any:
    """Rich table with the gains over the two constants."""
    from rich.table import Table

    table = Table(title="Held-out scenes: estimated sigma map", title_justify="left")
    for name in ("", "images", "estimate", "best constant", "gain"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_row(
        "PSNR (dB), one for the set",
        f"{scores['images']:.0f}",
        f"{scores[TOTAL]:.2f}",
        f"{scores[CONSTANT]:.2f}",
        f"{scores[TOTAL] - scores[CONSTANT]:+.2f}",
    )
    table.add_row(
        "PSNR (dB), one per image",
        f"{scores['images with varying blur']:.0f}",
        f"{scores[VARYING]:.2f}",
        f"{scores[OWN]:.2f}",
        f"{scores[VARYING] - scores[OWN]:+.2f}",
    )
    for name, value in scores.items():
        if name not in ("images", "images with varying blur", TOTAL, CONSTANT, VARYING, OWN):
            table.add_row(name, f"{scores['images']:.0f}", f"{value:.3g}", "", "")
    return table
