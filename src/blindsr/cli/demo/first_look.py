"""The first look: what the model in the box does, and an estimator that learns to see blur."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .runs import best_of, fit, require, write_scores

if TYPE_CHECKING:
    import argparse

CONFIG = "cmos_demo"
ANNOUNCED = (
    "Takes about 4 minutes on two quiet cores: half a minute for the model in the box, about two "
    "for the training of an estimator from scratch, the rest for scores and pictures."
)


def first_look(arguments: argparse.Namespace, console: Any) -> int:
    """Show the model in the box, then train CMOS from scratch; tables, two pages of pictures."""
    import numpy as np

    from blindsr.data.scenes.known_blur import cases
    from blindsr.drawing.samples import save_samples
    from blindsr.networks.settings.build import build

    from .box import METHODS, as_table, box_page, look
    from .estimate import as_table as estimate_table
    from .estimate import score
    from .learning import learning_page, loss_curve, maps_of

    start = time.monotonic()
    require(arguments, [CONFIG])
    console.print(ANNOUNCED)
    console.print("\n1. the model in the box")
    import blindsr

    box = blindsr.load()
    looks = [look(box, case) for case in cases()]
    console.print(as_table(looks))
    console.print(MEANING)
    page = box_page(looks, f"The model in the box: {box.title}")
    page.save(arguments.out / "box.png")
    console.print(f"picture: {arguments.out / 'box.png'}\n\n2. an estimator from scratch")
    cli = fit(arguments, CONFIG, "cmos")
    checkpoint = best_of(arguments.out / "cmos")
    trained = type(cli.model).load_from_checkpoint(checkpoint, map_location="cpu").eval()
    fresh = build(type(trained.network), trained.hparams).eval()
    scores, samples = score(trained, cli.datamodule)
    console.print(estimate_table(scores))
    batches = list(cli.datamodule.test_dataloader())
    truth = np.concatenate([batch["blur"].flatten().numpy() for batch in batches])
    constant = float(np.abs(truth - np.median(truth)).mean())
    first = batches[0]["lr"][: len(samples)]
    shown = samples[: len(first)]
    curve = loss_curve(arguments.out / "cmos" / "metrics.csv")
    title = "CMOS from scratch, on scenes that it never saw"
    page = learning_page(shown, maps_of(fresh, first), curve, constant, title)
    page.save(arguments.out / "learning.png")
    save_samples(arguments.out / "blur_maps.png", samples, title="Held-out scenes")
    restored = {one.case.name: {name: one.psnr[name] for name in METHODS} for one in looks}
    write_scores(arguments, {"box": restored, "estimate": scores})
    console.print(f"pictures: {arguments.out / 'learning.png'}, blur_maps.png")
    console.print(f"checkpoint: {checkpoint}")
    seconds = time.monotonic() - start
    console.print(f"done in {seconds:.0f} s; `blindsr demo --full` trains all stages")
    return 0


MEANING = (
    "no map: told that nothing is blurred; estimated: by itself; true: told the truth. "
    "Sigma in pixels of the 4 times larger picture."
)
