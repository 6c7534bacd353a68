"""Open a file of weights as a model that is ready to run."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks import accelerate, kinds
from blindsr.networks.blocks.padding import any_size
from blindsr.networks.fast.bf16 import processor_has_bf16
from blindsr.networks.ssr.ssr import SSR
from blindsr.networks.ssr.svkr import SVKR
from blindsr.networks.tile_needs import TileNeeds
from blindsr.weights.anchors.anchor import read_anchor
from blindsr.weights.checkpoint import OtherNetworkError, read_network
from blindsr.weights.export import TRAINED_FOR, UNTRUSTED_MAPS
from blindsr.weights.ncnn.layers import param_file
from blindsr.weights.ncnn.proof import prove
from blindsr.weights.network_file import NetworkFile
from blindsr.weights.reading import is_safetensors, read_state_dict

from .catalogue import card_of, file_of
from .model import Estimator, Model, Precision, Upscaler
from .sampling import SampledRun, estimated

_ALIGNED, _OVERLAP = 8, 32  # LR pixels: tiles of networks of other projects


def open_model(
    source: str | Path | None,
    device: torch.device,
    precision: Precision,
    layout: Literal["fixed", "legacy"] | None,
) -> Model:
    """Read a file that this package or spandrel knows, and put its networks on a device.

    Raises:
        FileError: if there is no such file.
        WeightsError: if it cannot be read, or holds an unknown network.
    """
    path, card = file_of(source), card_of(source)
    try:
        file = read_network(path)
    except OtherNetworkError as error:
        model = _of_anchor(path, device, precision, error)
        if card is None:
            return model
        return replace(model, title=card.title, trained_for=card.good_for)
    if file.official and file.has_windows and layout is None:
        raise WeightsError(
            path,
            found="a file with official names, which tells no window layout",
            expected="layout='legacy' or 'fixed'",
            fix="The six released files need 'legacy' by all evidence; weights trained after "
            "March 2024 need 'fixed'.",
        )
    return _own(file, device, precision, layout)


def _own(
    file: NetworkFile,
    device: torch.device,
    precision: Precision,
    layout: Literal["fixed", "legacy"] | None,
) -> Model:
    network = file.network(layout)
    estimator, upscaler = engine_parts(network, device)
    named = kinds.networks(network)
    sees = "estimator" in named
    classes = named["estimator"].num_classes if sees else file.settings.get("num_classes", 0)
    return Model(
        file.title,
        file.path,
        next(reversed(named.values())).scale,
        device,
        precision,
        estimator,
        upscaler,
        file.sigma_max,
        int(classes) or None,
        file.class_names,
        _word(file.path, TRAINED_FOR),
        file.facts,
        _word(file.path, UNTRUSTED_MAPS),
    )


def engine_parts(
    network: kinds.Network, device: torch.device
) -> tuple[Estimator | None, Upscaler | None]:
    """An accelerated copy of a network, in one or two parts, with their tile needs.

    Args:
        network: in evaluation mode; of a pipeline both parts are there.
        device: where to put the copy.
    """
    fast: Any = accelerate(network).to(device)
    named, copies = kinds.networks(network), kinds.networks(fast)
    estimator, upscaler = None, None
    if "estimator" in named:
        kinds.trim(named["estimator"], copies["estimator"])
        own = named["estimator"]
        sees = "blur_scale" in own.estimates
        small = getattr(network, "enlarges", False) and "seg" not in own.estimates
        run = copies["estimator"].estimate if small else fast.estimate
        if isinstance(copies["estimator"], SVKR):
            run = partial(estimated, copies["estimator"])
        estimator = Estimator(
            run,
            kinds.tile_needs(own),
            own.estimates,
            sees,
            enlarged=getattr(network, "phase", None) if small else None,
        )
    if "joint" in named:
        own, copy = named["joint"], copies["joint"]
        needs = kinds.tile_needs(own)
        if isinstance(copy, SSR):
            drawn = SampledRun(copy)
            estimator = Estimator(drawn.estimate, needs, own.estimates)
            upscaler = Upscaler(drawn, needs, samples=drawn)
        else:
            estimator = Estimator(copy.estimate, needs, own.estimates)
            upscaler = Upscaler(lambda lr: copy.restore(lr)[0], needs)
    if "restorer" in named:
        upscaler = _restoring(network, fast, device)
    return estimator, upscaler


def _restoring(network: Any, fast: Any, device: torch.device) -> Upscaler:
    """The restorer of a pipeline, or one alone, that is told maps.

    One that is told kernels runs behind its estimator, tile by tile: a kernel for each pixel of a
    strip would take more memory than the tiles do.
    """
    own, copy = (kinds.networks(one)["restorer"] for one in (network, fast))
    needs = kinds.tile_needs(own)
    condition = copy.encode if needs.picture_means else None
    told_max, auto = getattr(network, "told_max", None), _auto(own, device)
    told = Upscaler(copy, needs, copy.needs, told_max, condition, auto=auto)
    if not getattr(network, "tells_kernels", False):
        return told
    both = kinds.tile_needs(network.estimator).before(needs)
    return Upscaler(lambda lr: fast(lr)[0], both, told=told)


def _auto(restorer: kinds.Network, device: torch.device) -> Precision:
    """bfloat16 for networks that lose nothing by it, on processors that compute with it."""
    kind = kinds.kind_of(restorer)
    good = kind is not None and kind.bf16
    return "bf16" if good and device.type == "cpu" and processor_has_bf16() else "float32"


def _of_anchor(
    path: Path, device: torch.device, precision: Precision, ours: OtherNetworkError
) -> Model:
    """A network of another project, or the average of two branches that PBaSR made of one.

    Args:
        path: a file of weights.
        device: where to put the network.
        precision: of the computation.
        ours: why it is no CMOS, RRDB-SFT or BlindSR.
    """
    try:
        anchor = read_anchor(path)
    except WeightsError as error:
        expected = f"{ours.expected}; or {error.expected}"
        fix = error.fix if "arches" in error.fix or "--anchor" in error.fix else ""
        raise WeightsError(path, found=error.found, expected=expected, fix=fix) from error
    network = anchor.network.eval().requires_grad_(False)
    param = param_file(path)
    if param is not None:
        prove(param, network)
    network = network.to(device)

    def run(lr: Tensor) -> Tensor:
        sizes = {"multiple": anchor.multiple, "minimum": anchor.minimum}
        return any_size(network, lr, scale=anchor.scale, **sizes)

    multiple = math.lcm(anchor.multiple, _ALIGNED)  # windows have the size a network pads to
    needs = TileNeeds((multiple, multiple), _OVERLAP, max(1, anchor.minimum))
    upscaler = Upscaler(run, needs)
    facts, title = anchor.facts, anchor.title
    return Model(title, str(path), anchor.scale, device, precision, upscaler=upscaler, facts=facts)


def _word(path: str, key: str) -> str:
    """Metadata of a file under a key, or an empty text."""
    if not is_safetensors(path):
        return ""
    _, metadata = read_state_dict(path)
    return metadata.get(key, "")


def pick_device(name: str | torch.device, where: str = "device") -> torch.device:
    """``"auto"`` -> the first accelerator there is, else the CPU; others are tried out.

    ``"gpu"`` is another word for ``"cuda"``.

    ``where`` is what an error calls the option.

    Raises:
        ConfigError: if there is no such device.
    """
    if str(name) == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        # Lightning's word for CUDA and ROCm, which torch does not know
        return torch.zeros(1, device=re.sub(r"^gpu(?=$|:)", "cuda", str(name))).device
    except (RuntimeError, AssertionError) as error:
        here = devices_here()
        raise ConfigError(
            where,
            found=f"{name}, which torch cannot use on this machine",
            expected=f"one of {', '.join(here)}",
            fix="" if len(here) > 2 else "No GPU is found here: cpu works everywhere.",
        ) from error


def devices_here() -> list[str]:
    """What :func:`pick_device` takes on this machine."""
    kind = torch.accelerator.current_accelerator(check_available=True)
    count = torch.accelerator.device_count() if kind is not None else 0
    return ["auto", "cpu", *(f"{kind}:{index}" for index in range(count))]


def pick_precision(name: str) -> Precision:
    """Check the name.

    Raises:
        ConfigError: if it is another.
    """
    for known in get_args(Precision):
        if name == known:
            return known
    raise ConfigError("precision", found=repr(name), expected="auto, float32, bf16 or fp16")
