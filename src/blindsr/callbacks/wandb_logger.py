"""Weights & Biases logger that is offline without an account and never asks for one."""

from __future__ import annotations

import netrc
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import yaml
from lightning.pytorch.loggers import WandbLogger as _WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from blindsr.errors import ConfigError

PROJECT = "blindsr"
SITES = ("wandb", "coreweave")
"""Parts of the names of hosts: that of wandb has changed."""
AT_HOME = ("offline", "dryrun", "disabled")
"""Values of ``WANDB_MODE`` that use no network."""
INIT_SECONDS = 30
"""After which a site that does not answer ends the run; wandb's own default is longer."""
FINISH_SECONDS = "600"
"""For what is left to upload at the end; `wandb sync` uploads the rest."""
STEP = "trainer/global_step"


def has_account() -> bool:
    """Whether credentials of Weights & Biases are found: environment or netrc file."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    path = Path(os.environ.get("NETRC", Path.home() / ".netrc"))
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, netrc.NetrcParseError):
        return False
    own = urlparse(os.environ.get("WANDB_BASE_URL", "")).hostname
    return any(host == own or any(site in host for site in SITES) for host in hosts)


class WandbLogger(_WandbLogger):
    """Lightning's logger with few arguments, for YAML.

    The ``wandb`` package is loaded when the run begins.

    Args:
        project: on the site; ``None`` takes ``WANDB_PROJECT``, or "blindsr".
        name: of the run; ``None`` takes ``WANDB_NAME``, or the command line's name and folder of
            the run.
        group: of the run; ``None`` takes ``WANDB_RUN_GROUP``, or the command line's name.
        tags: of the run.
        save_dir: folder that gets ``wandb/``.
        offline: ``True`` keeps the run on disk for ``wandb sync``, ``False`` insists on the site;
            ``None`` goes online only where an account is found. ``WANDB_MODE`` wins over all.
        checkpoints: store the best and the last one as an artifact at the end of a training.
    """

    def __init__(
        self,
        project: str | None = None,
        name: str | None = None,
        group: str | None = None,
        tags: list[str] | None = None,
        save_dir: str = "logs",
        offline: bool | None = None,
        checkpoints: bool = False,
    ) -> None:
        mode = os.environ.get("WANDB_MODE")
        if mode is not None:
            offline = mode in AT_HOME
        elif offline is None:
            offline = not has_account()
        # an end without network must not wait for ever; older versions know no such setting
        os.environ.setdefault("WANDB_FINISH_TIMEOUT", FINISH_SECONDS)
        self.checkpoints = checkpoints
        super().__init__(
            project=project or os.environ.get("WANDB_PROJECT", PROJECT),
            name=name,
            group=group,
            tags=tags,
            save_dir=save_dir,
            offline=offline and mode != "disabled",
            # wandb reads the environment once a process, and takes what is said here first
            mode="disabled" if mode == "disabled" else "offline" if offline else "online",
            settings={"init_timeout": float(os.environ.get("WANDB_INIT_TIMEOUT", INIT_SECONDS))},
        )
        self._wandb_init.pop("anonymous")  # Lightning's, which wandb complains of

    def preflight(self) -> None:
        """Refuse to begin where nobody can log in: wandb would ask for a key.

        Not in the constructor: of one in a list, the parser loses what it raises.

        Raises:
            ConfigError: the site is insisted on and there is no account.
        """
        if self._wandb_init["mode"] == "online" and not has_account():
            raise ConfigError(
                "trainer.logger",
                found="no login of Weights & Biases",
                fix="Run `wandb login`, or set WANDB_MODE=offline.",
            )

    @property
    def experiment(self) -> Any:
        """The run, which begins when it is first asked for."""
        if self._experiment is None:
            self.preflight()
            # wandb falls back to /tmp without it
            Path(self._wandb_init["dir"]).mkdir(parents=True, exist_ok=True)
        return super().experiment

    def name_run(self, group: str, folder: str) -> None:
        """Name the run after its folder, unless it was named otherwise; before it begins."""
        for key, variable, value in (
            ("name", "WANDB_NAME", f"{group}/{folder}"),
            ("group", "WANDB_RUN_GROUP", group),
        ):
            if not self._wandb_init.get(key) and not os.environ.get(variable):
                self._wandb_init[key] = value

    @rank_zero_only
    def keep_best(self, best: Mapping[str, str]) -> None:
        """Let the summary of logged values be their ``max`` or ``min``, not the last one."""
        for name, kind in best.items():
            self.experiment.define_metric(name, step_metric=STEP, step_sync=True, summary=kind)

    @rank_zero_only
    def log_config(self, path: Path) -> None:
        """Store a configuration: the file, and every value of it as a setting of the run."""
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.experiment.config.update(content, allow_val_change=True)
        if not getattr(self.experiment, "disabled", False):
            place = Path(self.experiment.dir, "blindsr")  # beside it, wandb writes a config.yaml
            place.mkdir(exist_ok=True)
            shutil.copy(path, place)

    @rank_zero_only
    def log_checkpoints(self, folder: Path) -> None:
        """Store the files of ``folder`` as one artifact; offline, `wandb sync` uploads it."""
        import wandb

        files = sorted(folder.glob("*.ckpt"))
        if files:
            artifact = wandb.Artifact(f"checkpoints-{self.experiment.id}", type="model")
            for path in files:
                artifact.add_file(str(path))
            self.experiment.log_artifact(artifact)
