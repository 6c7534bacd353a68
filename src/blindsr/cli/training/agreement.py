"""What must agree before a run starts: configuration, data and checkpoint."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from blindsr.errors import ConfigError, FileError, WeightsError
from blindsr.tasks.base import DECIDED_BY_DATA, RestorationTask
from blindsr.types import HasFacts

from .config_errors import defaults_of

FREE_ON_RESUME = ("pretrained", "weights", "compare", "tell", "lpips", "dists", "pyiqa", "metrics")
"""Where a fresh training starts and what a test adds: no part of what a checkpoint continues."""


def compare_hyper_parameters(
    path: str, content: Mapping[str, Any], model: LightningModule, data: object, command: str
) -> None:
    """Refuse a checkpoint whose hyper-parameters contradict the configuration.

    A resumed training must be the same training, so every value counts; for the other commands
    only those that shape the network do.

    Args:
        path: names the file in errors.
        content: of the file.
        model: as configured.
        data: as configured; it decides the values of :data:`~blindsr.tasks.base.DECIDED_BY_DATA`.
        command: of the command line.

    Raises:
        WeightsError: if it is of another task.
        ConfigError: on the first contradiction.
    """
    stored = content.get("hyper_parameters", {})
    _refuse_another_task(path, content, model)
    current = model.hparams
    shaping = getattr(model, "architecture", tuple(current))
    for name, value in stored.items():
        relevant = name in current and not name.startswith("_") and name not in FREE_ON_RESUME
        if not relevant or (command != "fit" and name not in shaping):
            continue
        if plain(current[name]) != plain(value):
            raise ConfigError(
                f"model.{name}",
                found=f"{_shown(current[name])} in the configuration",
                expected=f"{_shown(value)} as in {path}",
                fix=f"{_how_to_set(name, value, data)}; --ckpt_path continues the same model.",
            )


def refuse_random_weights(model: LightningModule, command: str) -> None:
    """Raise a ConfigError where scores would be those of random weights without a word about it."""
    if not isinstance(model, RestorationTask):
        return  # another module may read weights by itself
    parts = model.random_parts()
    if parts:
        raise ConfigError(
            "--ckpt_path",
            found=f"nothing, so that {parts} would have random weights",
            expected=f"a checkpoint to {command}",
            fix="Give --ckpt_path FILE (or last), or --random-weights to do it on purpose.",
        )


def _refuse_another_task(path: str, content: Mapping[str, Any], model: LightningModule) -> None:
    """Refuse a checkpoint whose settings and tensors are both unknown to the model."""
    stored, tensors = content.get("hyper_parameters", {}), content.get("state_dict", {})
    strange = [n for n in stored if n not in model.hparams and not n.startswith("_")]
    if (strange or not stored) and set(tensors) != set(model.state_dict()):
        about = f"settings as {', '.join(strange[:3])}" if strange else f"{len(tensors)} tensors"
        raise WeightsError(
            path,
            found=f"a checkpoint of another task or program ({about})",
            expected=f"one of {type(model).__name__}",
            fix="Give --ckpt_path a checkpoint of this configuration.",
        )


def refuse_contradictions(
    settings: Mapping[str, Any], words: Sequence[str], model: LightningModule, data: object
) -> None:
    """Refuse values for the model that the data decide otherwise: they would have no effect.

    Args:
        settings: arguments of the model as they were asked for.
        words: of the command line; a value there was asked for even if it is the default.
        model: as made, with the values of the data.
        data: that decided.

    Raises:
        ConfigError: on the first contradiction.
    """
    facts = _plain_facts(data)
    for name in DECIDED_BY_DATA:
        asked, decided = settings.get(name), facts.get(name)
        if asked is None or decided is None or asked == decided:
            continue
        defaults = defaults_of(type(model))  # takes as long as all the rest, and few come here
        if name not in defaults:
            continue
        options = (f"--model.{name}", f"--model.init_args.{name}")
        typed = any(word.partition("=")[0] in options for word in words)
        if typed or asked != defaults[name]:
            fix = f"Leave it out: the data decide. {_how_to_set(name, asked, data)}."
            raise ConfigError(
                f"model.{name}",
                found=f"{asked}",
                expected=f"{decided} as in the data ({type(data).__name__})",
                fix=fix,
            )


def _how_to_set(name: str, value: Any, data: object) -> str:
    """Words to type that give a hyper-parameter a value, or where it comes from."""
    if name not in DECIDED_BY_DATA:
        text = value if isinstance(value, str) else json.dumps(plain(value))
        return f"Set --model.{name} {shlex.quote(text)}"
    if name in getattr(data, "hparams", ()):  # what its class and the bases of it accept
        return f"For {value} set --data.{name} {value}"
    theirs = _plain_facts(data).get(name, "none")
    return f"For {value} use data that have it; {type(data).__name__} has {theirs}"


def _shown(value: Any) -> str:
    return "''" if value == "" else str(value)


def _plain_facts(data: object) -> dict[str, Any]:
    """What data say of themselves; nothing of data that are meant for another library's model."""
    return data.facts.plain() if isinstance(data, HasFacts) else {}


FILES, FILES_PER_WORKER, MANY_FILES = 64, 32, 65536
"""Open files that a run needs, and that are more than any needs."""
SMALLEST = {
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "gradient_clip_val": 0,
    "log_every_n_steps": 0,
    "num_sanity_val_steps": -1,
}
"""Least values of the trainer's numbers that Lightning takes without a look."""


def refuse_trainer_values(trainer: Mapping[str, Any]) -> None:
    """Refuse numbers that would divide by zero later, or silently do nothing.

    Raises:
        ConfigError: on the first one.
    """
    for name, least in SMALLEST.items():
        value = trainer.get(name)
        if isinstance(value, (int, float)) and not value >= least:
            raise ConfigError(f"trainer.{name}", found=str(value), expected=f"{least} or more")


def allow_open_files(workers: int) -> None:
    """Let this process open as many files as it may; refuse to start workers with too few.

    Every tensor that a worker sends is an open file for a while; where one is missing, its
    batch never arrives and the training waits for ever.

    Raises:
        ConfigError: the limit of the system is too low.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    needed = FILES + FILES_PER_WORKER * workers
    if workers and soft != resource.RLIM_INFINITY and soft < needed:
        raise ConfigError(
            "data.num_workers",
            found=f"{workers} with a limit of {soft} open files",
            expected=f"at least {needed} of them",
            fix="Raise the limit (`ulimit -n 4096`), or set --data.num_workers 0.",
        )


def refuse_used_folder(trainer: Trainer) -> None:
    """Refuse to write over a run: a logger that is told its version would delete what is there.

    Raises:
        FileError: the folder of the run is not empty.
    """
    for logger in trainer.loggers:
        folder = getattr(logger, "log_dir", None) if _told_version(logger) else None
        if folder and Path(folder).is_dir() and any(Path(folder).iterdir()):
            raise FileError(
                folder,
                found="holds a run already",
                fix="Move it away, or leave out the version of the logger.",
            )


def _told_version(logger: object) -> bool:
    return getattr(logger, "_version", None) is not None  # asking for ``version`` would choose one


def plain(value: Any) -> Any:
    """A value as it compares after a trip through YAML: tuples are lists."""
    return list(value) if isinstance(value, tuple) else value
