"""Networks that spandrel recognises from their tensors alone: ESRGAN, SwinIR, HAT and others.

Architectures whose licence restricts their use live in a distribution of their own, the extra
``arches``; they are known here once it is installed.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks.settings.checked import short_text

from .dialects import shown

if TYPE_CHECKING:
    from spandrel import ArchRegistry, ImageModelDescriptor

INSTALL = "uv pip install 'blindsr[arches]'"
RESTRICTED = {
    "FeMaSR": ("multiscale_encoder.in_conv.weight", "CC BY-NC-SA 4.0"),
    "SRFormer": (".attn.aligned_relative_position_index", "CC BY-NC 4.0"),
}
"""Architecture of the extra -> a name among its tensors, licence."""
EXTRA_PACKAGE = "spandrel_extra_arches"
_WORDS = 40
_NUMBERS_PER_TENSOR = 8  # layers without weights are numbered too
_NUMBER = re.compile(r"\d+")


class Called(nn.Module):
    """Wrapper for a network whose ``forward`` is not simply picture in, picture out.

    Args:
        network: the network of spandrel.
        call: ``call(network, lr) -> sr``.
    """

    def __init__(self, network: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.network = network
        self.call = call

    def forward(self, lr: Tensor) -> Tensor:
        """(N, 3, h, w) in [0, 1] -> (N, 3, s*h, s*w)."""
        return self.call(self.network, lr)


def recognise(state: Mapping[str, Tensor], where: str) -> ImageModelDescriptor[Any]:
    """Find the architecture that tensors belong to, build it and load them strictly.

    Args:
        state: tensors by the names of any dialect; not changed.
        where: their file, for messages.

    Returns:
        The descriptor of spandrel, of a network from 3 to 3 channels.

    Raises:
        WeightsError: if no architecture fits, if one is restricted and not installed, or if tensors
            are missing or of another shape.
    """
    import spandrel

    _require_plausible_names(state, where)
    known = _registry()
    try:
        with quiet():
            found = known.load(dict(state))
    except spandrel.UnsupportedModelError as error:
        _refuse_restricted(state, where, known)
        raise WeightsError(
            where,
            found=f"{len(state)} tensors of an unknown architecture ({shown(list(state))})",
            expected="a network that spandrel reads (ESRGAN, SwinIR, HAT, ...)",
            fix="Give a network of your own by class_path, and this file as its weights.",
        ) from error
    except Exception as error:  # every architecture raises its own errors for wrong tensors
        said = " ".join(str(error).split()[:_WORDS])
        raise WeightsError(
            where,
            found=f"tensors that make no whole network ({type(error).__name__}: {said})",
            expected="all tensors of one network",
            fix="It may be cut, or of a variant that spandrel does not know.",
        ) from error
    return _of_rgb(found, where)


def _require_plausible_names(state: Mapping[str, Tensor], where: str) -> None:
    """Refuse ``body.1000000000.weight`` in a file of few tensors: spandrel counts layers by it."""
    largest = _NUMBERS_PER_TENSOR * (len(state) + 8)
    for name in state:
        if any(len(digits) > 9 or int(digits) > largest for digits in _NUMBER.findall(name)):
            raise WeightsError(
                where,
                found=f"a tensor called {short_text(name)} among {len(state)}",
                expected="numbers of layers that the file holds",
                fix="It may be cut.",
            )


def plain_network(found: ImageModelDescriptor[Any]) -> tuple[nn.Module, str]:
    """The network of a descriptor, its forward (N, 3, h, w) -> (N, 3, s*h, s*w), and its prefix.

    Most are taken as they are (prefix empty). Those whose forward wants other values or gives
    several tensors are wrapped into :class:`Called` (prefix ``network.``).
    """
    call = found._call_fn
    if call.__module__.startswith("spandrel.__helpers"):
        return found.model, ""
    return Called(found.model, call), "network."


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress torch's warnings about the code of architectures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def explain_missing_extra(class_path: str) -> ConfigError:
    """The error for an architecture of the extra that is not installed."""
    licence = next((text for name, (_, text) in RESTRICTED.items() if name in class_path), "")
    return ConfigError(
        class_path,
        found=f"{EXTRA_PACKAGE} is not installed",
        expected="the extra `arches`",
        fix=_how_to_install(licence),
    )


def _registry() -> ArchRegistry:
    """All architectures installed; spandrel's own registry is left as it is."""
    with quiet():
        import spandrel

        known = spandrel.MAIN_REGISTRY.copy()
        try:
            from spandrel_extra_arches import EXTRA_REGISTRY
        except ImportError:
            return known
        known.add(*EXTRA_REGISTRY, ignore_duplicates=True)
        return known


def _refuse_restricted(state: Mapping[str, Tensor], where: str, known: ArchRegistry) -> None:
    for name, (mark, licence) in RESTRICTED.items():
        if name not in known and any(key.endswith(mark) for key in state):
            raise WeightsError(
                where,
                found=f"a network of the architecture {name}, which is not installed",
                expected="the extra `arches`",
                fix=_how_to_install(licence),
            )


def _how_to_install(licence: str) -> str:
    terms = f"its licence is {licence}" if licence else "mind the licence of the architecture"
    return f"Type: {INSTALL} ({terms}: for non-commercial use only)."


def _of_rgb(found: Any, where: str) -> ImageModelDescriptor[Any]:
    """The descriptor as it is, if its network maps RGB to RGB."""
    import spandrel

    if not isinstance(found, spandrel.ImageModelDescriptor):
        kind = f"{found.architecture.name}, which fills in parts of a picture"
    elif (found.input_channels, found.output_channels) != (3, 3):
        channels = f"from {found.input_channels} to {found.output_channels} channels"
        kind = f"{found.architecture.name} {channels}"
    else:
        return found
    raise WeightsError(where, found=kind, expected="a network from RGB to RGB")
