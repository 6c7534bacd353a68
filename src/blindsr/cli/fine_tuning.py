"""The training behind ``blindsr train``: data, duration, scores before and after, card."""

from __future__ import annotations

import argparse
import datetime
import logging
import shlex
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint

from blindsr import __version__
from blindsr.callbacks import (
    SaveOnStop,
    SkipNonFinite,
    StopSignals,
    TrainingStopped,
    progress_bar,
    use_whole_checkpoints,
)
from blindsr.cli.training.quiet import quiet
from blindsr.data.scenes.leaves.own_photographs import PhotographFolder
from blindsr.errors import WeightsError, printable
from blindsr.imaging.files import atomic_path
from blindsr.inference.catalogue import file_of
from blindsr.inference.open_model import pick_device
from blindsr.tasks import BlindSRTask
from blindsr.types import Batch
from blindsr.weights.export import read_own, save_safetensors
from blindsr.weights.network_file import NetworkFile

BATCH, CROP, LOOKS = 8, 32, 10
"""Samples of a step, their side in LR pixels, and validations of a training."""
NOT_FOR = "other noise, other blur (motion), measuring what was never seen"
_PER_PHOTOGRAPH = 12  # different parts of each, at most
_MOST_PICTURES, _VALIDATED = 400, 24
_TIMED = 3
_USED: tuple[Literal["lr", "hr", "blur"], ...] = ("lr", "hr", "blur")


class Scores(NamedTuple):
    """PSNR in dB on the photographs that are kept apart."""

    before: float
    after: float


def fine_tune(arguments: argparse.Namespace) -> int:
    """Train and write; returns 0, or 128 + the number of a signal that ended it early.

    Raises:
        BlindSRError: the photographs, the model or an option cannot be used.
    """
    quiet()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # devices, the end of it
    seed_everything(arguments.seed, workers=True, verbose=False)
    start = _start(arguments.model)
    device = pick_device(arguments.device, "--device")
    data = _data(arguments, start)
    task = BlindSRTask(
        num_classes=int(start.settings["restorer"].get("num_classes") or 1),
        scale=data.scale,
        sigma_max=data.sigma_max,
        weights={"blind": start.path},
        crop_border=data.scale,
        learning_rate=arguments.learning_rate,
        warmup_steps=min(40, arguments.steps // 4),
        min_learning_rate=arguments.learning_rate / 50,
    )
    say(
        f"{len(data.train_files)} photographs to learn from, {len(data.val_files)} kept apart, "
        f"{len(data.refused)} passed over"
    )
    for error in data.refused:
        say(f"note: {printable(error)}")
    stop = SaveOnStop(StopSignals())
    with stop.signals.installed(), tempfile.TemporaryDirectory(prefix="blindsr-train-") as place:
        best = ModelCheckpoint(place, "best", monitor="val/psnr", mode="max")
        trainer = _trainer(data, device, Path(place), [best, SkipNonFinite(), stop])
        try:
            before = _psnr(trainer, task, data)
            say(f"{time_needed(task, data, trainer)}; {before:.2f} dB on those kept apart before")
            trainer.fit(task, data)
        except TrainingStopped:
            if not best.best_model_path:
                say("stopped; nothing was written")
                return 128 + (stop.signals.received or 2)
            say("stopped early: the best so far is written")
        scores = Scores(before, float(best.best_model_score or 0))
        _write(arguments, start, Path(best.best_model_path), data, scores)
    return 0 if stop.signals.received is None else 128 + stop.signals.received


def _start(model: str) -> NetworkFile:
    """The model to start from.

    Raises:
        WeightsError: it is no blind model of this package.
    """
    path = file_of(model)
    file = read_own(path)
    if not file.is_pipeline:
        raise WeightsError(
            path,
            found=f"{file.title}, which is no blind model",
            expected="an estimator and a restorer in one file, as small",
        )
    return file


def _data(arguments: argparse.Namespace, start: NetworkFile) -> PhotographFolder:
    facts = start.facts
    steps = max(1, arguments.steps // LOOKS)
    data = PhotographFolder(
        str(arguments.folder),
        val_share=arguments.val_share or 1e-6,  # one is kept apart whatever was asked for
        noise=arguments.noise,
        count=steps * BATCH,
        val_count=_VALIDATED,
        size=arguments.size,
        crop=min(CROP, arguments.size // 4),
        batch_size=BATCH,
        num_workers=0,
        seed=arguments.seed,
        downsampler="bicubic" if facts is None else facts.downsampler,
        sigma_max=start.sigma_max or 5.0,
    )
    data.pictures = min(_MOST_PICTURES, _PER_PHOTOGRAPH * len(data.train_files))
    data.val_count = min(_VALIDATED, 4 * len(data.val_files))
    data.setup("fit")
    return data


def _trainer(
    data: PhotographFolder, device: torch.device, place: Path, callbacks: list[Any]
) -> Trainer:
    trainer = Trainer(
        accelerator="cpu" if device.type == "cpu" else device.type,
        devices=1 if device.index is None or device.type == "cpu" else [device.index],
        max_epochs=LOOKS,
        logger=False,
        default_root_dir=place,
        callbacks=[progress_bar(), *callbacks],
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        inference_mode=False,  # scores of the look before go on in the training
        log_every_n_steps=max(1, data.count // BATCH),
    )
    use_whole_checkpoints(trainer)
    return trainer


def _psnr(trainer: Trainer, task: BlindSRTask, data: PhotographFolder) -> float:
    trainer.validate(task, data, verbose=False)
    return float(trainer.callback_metrics["val/psnr"])


def time_needed(task: BlindSRTask, data: PhotographFolder, trainer: Trainer) -> str:
    """Time a few steps and pictures, and tell how long all will take."""
    device = trainer.strategy.root_device
    begin = time.perf_counter()
    samples = [data.train_set[index] for index in range(_TIMED)]
    picture = (time.perf_counter() - begin) / _TIMED
    batch: Batch = {}
    for key in _USED:
        batch[key] = torch.stack([samples[i % _TIMED][key] for i in range(BATCH)]).to(device)
    task.to(device)
    for index in range(_TIMED + 1):
        if index == 1:  # the first one is slower
            begin = time.perf_counter()
        loss = (task.restore_to_learn(batch)[0] - batch["hr"]).abs().mean()
        loss.backward()
        task.zero_grad(set_to_none=True)
    step = (time.perf_counter() - begin) / _TIMED
    steps = LOOKS * max(1, data.count // BATCH)
    looks = LOOKS * data.val_count * (picture + step)
    seconds = steps * step + data.pictures * picture + looks
    return f"{steps} steps on {device.type} take about {_minutes(seconds)}"


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _minutes(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _write(
    arguments: argparse.Namespace,
    start: NetworkFile,
    checkpoint: Path,
    data: PhotographFolder,
    scores: Scores,
) -> None:
    file = read_own(checkpoint)
    kept = {key: start.settings[key] for key in ("told_max",) if key in start.settings}
    file = replace(file, settings={**file.settings, **kept})
    about = f"photographs like {len(data.train_files)} of {arguments.folder.resolve().name}"
    save_safetensors(arguments.out, file, printable(about), not_for=NOT_FOR)
    with atomic_path(arguments.card) as temporary:
        temporary.write_text(_card(arguments, start, file, data, scores), encoding="utf-8")
    say(
        f"{arguments.out}: {scores.before:.2f} -> {scores.after:.2f} dB on photographs kept apart; "
        f"card: {arguments.card}"
    )
    if scores.after <= scores.before:
        say(f"note: it gained nothing over {arguments.model}: more photographs or --steps may help")


def _card(
    arguments: argparse.Namespace,
    start: NetworkFile,
    file: NetworkFile,
    data: PhotographFolder,
    scores: Scores,
) -> str:
    folder, out = shlex.quote(str(arguments.folder.name)), shlex.quote(arguments.out.name)
    noise = "noise and JPEG of a camera" if arguments.noise else "none"
    rows = {
        "what": f"{file.title}, enlarges x{data.scale}",
        "started from": f"{arguments.model} ({Path(start.path).name})",
        "learnt from": f"{len(data.train_files)} photographs of {folder}",
        "blur": f"made-up maps, sigma 0 to {data.sigma_max:g} HR pixels, Gaussian",
        "made small by": f"{data.downsampler}, phase {data.phase:g}",
        "noise": noise,
        "steps, seed": f"{arguments.steps}, {arguments.seed}",
        "PSNR on photographs kept apart": f"{scores.before:.2f} dB before, {scores.after:.2f} dB "
        f"after ({data.val_count} parts of {len(data.val_files)} photographs)",
        "good for": "photographs like these",
        "not for": NOT_FOR,
        "date": datetime.datetime.now().astimezone().date().isoformat(),
        "made by": f"blindsr {__version__}: `blindsr train {folder} -o {out}`",
    }
    lines = [f"# {arguments.out.stem}", "", "| | |", "|---|---|"]
    lines += [f"| {key} | {printable(value)} |" for key, value in rows.items()]
    lines += ["", "Pass it on only if you may pass on what was learnt from these photographs.", ""]
    return "\n".join(lines)
