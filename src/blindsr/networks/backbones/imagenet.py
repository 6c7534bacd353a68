"""ImageNet weights for the HRNet backbone: from timm's hub or from a local file."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from blindsr.errors import FileError, WeightsError, missing_file

from .hrnet import STAGES

if TYPE_CHECKING:
    from torch import Tensor

HUB_NAME = "timm/hrnet_w18_small_v2.ms_in1k"
HUB_FILE = "model.safetensors"
PROBE_SECONDS = 5.0
CLASSIFIER = ("incre_modules.", "downsamp_modules.", "final_layer.", "classifier.")
"""Layers of an ImageNet file that are not part of the backbone."""


def load_imagenet(backbone: nn.Module, source: bool | str = True) -> None:
    """Load ImageNet weights into the HRNet backbone of CMOS.

    Args:
        backbone: made by :func:`blindsr.networks.backbones.hrnet.hrnet_w18_small_v2`; changed in
            place.
        source: ``True`` for timm's ``ms_in1k`` weights through the Hugging Face hub and its cache,
            or a local ``.safetensors`` or ``.pth`` file with timm's or the original HRNet's names;
            ``False`` does nothing.

    Raises:
        FileError: if the file is missing or unreadable.
        WeightsError: if the backbone is no HRNet, the weights do not fit, or they cannot be
            downloaded. Without an internet connection this takes seconds.
    """
    if source is False:
        return
    if not all(hasattr(backbone, stage) for stage in STAGES):
        raise WeightsError(
            "pretrained",
            found=f"no ImageNet weights for backbone {type(backbone).__name__}",
            expected="hrnet_w18_small_v2",
            fix="Set --model.pretrained false.",
        )
    path = _cached() if source is True else str(source)
    if path is None:
        _fill(backbone, _download(), HUB_NAME)
    else:
        _fill(backbone, _read(path), path)


def _cached() -> str | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(HUB_NAME, HUB_FILE)
    return path if isinstance(path, str) else None


def _read(path: str) -> dict[str, Tensor]:
    from timm.models import load_state_dict

    if not Path(path).is_file():
        raise missing_file(
            path,
            "an ImageNet checkpoint of HRNet-W18-small-v2",
            "Give an existing file to --model.pretrained, or false to go without.",
        )
    try:
        return load_state_dict(path, weights_only=True)
    except Exception as error:  # timm, pickle, zip and safetensors each raise their own
        raise FileError(
            path,
            found=f"unreadable ({type(error).__name__})",
            expected=".safetensors or .pth with tensors only",
            fix="Get the file again, or set --model.pretrained false.",
        ) from error


def _download() -> dict[str, Tensor]:
    from timm.models import load_state_dict_from_hf

    try:
        _probe()
        return load_state_dict_from_hf(HUB_NAME, weights_only=True)
    except Exception as error:  # the hub raises its own, those of its HTTP client and OSError
        raise WeightsError(
            HUB_NAME,
            found=f"ImageNet weights are neither cached nor downloadable ({_reason(error)})",
            fix=f"Copy {HUB_FILE} of {_hub_address()} here from a machine with a network and set "
            "--model.pretrained PATH, or go without: --model.pretrained false.",
        ) from error


def _hub_address() -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{HUB_NAME}"


def _probe() -> None:
    """Request the file once: the hub's own client retries for most of a minute before it fails."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        msg = "HF_HUB_OFFLINE is set"
        raise ConnectionError(msg)
    request = urllib.request.Request(f"{_hub_address()}/resolve/main/{HUB_FILE}", method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return  # the server answers: the hub's client, which may have credentials, tries next
    except urllib.error.URLError as error:
        if isinstance(error.reason, OSError) and "CERTIFICATE" in str(error.reason).upper():
            return  # certificates are set up for the hub's client, not for this one
        raise


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", error)).splitlines()[0][:120] or type(error).__name__


def _fill(backbone: nn.Module, state: dict[str, Tensor], where: str) -> None:
    own = backbone.state_dict()
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    # Older files lack this counter; it has no effect with a fixed momentum.
    missing = [
        name for name in own if name not in state and not name.endswith("num_batches_tracked")
    ]
    extra = [name for name in state if name not in own and not name.startswith(CLASSIFIER)]
    shapes = [name for name in own if name in state and state[name].shape != own[name].shape]
    for names, what in ((missing, "missing"), (extra, "unknown"), (shapes, "of another shape")):
        if names:
            raise WeightsError(
                where,
                found=f"{len(names)} tensors {what} ({', '.join(names[:3])}"
                f"{', ...' if len(names) > 3 else ''})",
                expected=f"the {len(own)} tensors of HRNet-W18-small-v2",
                fix=f"Use {HUB_FILE} of {HUB_NAME}, or set --model.pretrained false.",
            )
    backbone.load_state_dict({name: state.get(name, tensor) for name, tensor in own.items()})
