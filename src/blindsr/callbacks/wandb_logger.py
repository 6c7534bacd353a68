"""Weights & Biases logger that is offline without an account and never asks for one."""

from __future__ import annotations

import netrc
import os
from pathlib import Path

from lightning.pytorch.loggers import WandbLogger as _WandbLogger


def has_account() -> bool:
    """Whether credentials of Weights & Biases are found: environment or netrc file."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    path = Path(os.environ.get("NETRC", Path.home() / ".netrc"))
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, netrc.NetrcParseError):
        return False
    return any("wandb" in host for host in hosts)


class WandbLogger(_WandbLogger):
    """Lightning's logger with few arguments, for YAML.

    Args:
        project: project on the site.
        name: name of the run; ``None`` lets the site choose.
        group: group of the run.
        tags: tags of the run.
        save_dir: folder that gets ``wandb/``.
        offline: ``True`` keeps the run on disk for ``wandb sync``, ``False`` insists on the site;
            ``None`` goes online only where an account is found. ``WANDB_MODE`` wins over all.
    """

    def __init__(
        self,
        project: str = "blindsr",
        name: str | None = None,
        group: str | None = None,
        tags: list[str] | None = None,
        save_dir: str = "logs",
        offline: bool | None = None,
    ) -> None:
        if offline is None:
            offline = not has_account()
        mode = os.environ.get("WANDB_MODE")
        if mode is not None:
            offline = mode != "online"
        Path(save_dir).mkdir(parents=True, exist_ok=True)  # wandb falls back to /tmp without it
        super().__init__(
            project=project,
            name=name,
            group=group,
            tags=tags,
            save_dir=save_dir,
            offline=offline and mode != "disabled",
        )
