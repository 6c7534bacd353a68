"""What a model can do, its description in one line, and the errors for what it cannot do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from blindsr.errors import ConfigError

from .model import HALF, Model

if TYPE_CHECKING:
    from blindsr.types import DataFacts


def can_estimate(model: Model) -> bool:
    """Whether it gives maps: not if its file says that they are wrong."""
    return model.estimator is not None and not model.untrusted_maps


def may_look(model: Model) -> bool:
    """Whether the estimator in the box may tell its blur: it restores, and estimates nothing."""
    return model.estimator is None and model.upscaler is not None and not model.upscaler.uses


def needs_maps(model: Model) -> bool:
    """Whether it needs ``blur`` or ``seg`` from the user: a restorer without its estimator."""
    upscaler = model.upscaler
    return upscaler is not None and model.estimator is None and bool(upscaler.uses)


def describe(model: Model) -> str:
    """One line: which model, from where, trained for what."""
    line = f"{model.title} x{model.scale} from {Path(model.origin).name}"
    if model.sigma_max is not None:
        line += f", sigma up to {model.sigma_max:g} HR pixels"
    if model.num_classes is not None:
        line += f", {model.num_classes} classes"
    if model.facts is not None:
        line += f", {_of_data(model.facts)}"
    if model.upscaler is not None and model.precision_of(model.upscaler) in HALF:
        line += f", computed in {model.precision_of(model.upscaler)}"
    return f"{line}; trained for {model.trained_for}" if model.trained_for else line


def require_estimator(model: Model) -> None:
    """Refuse a model without maps that can be shown.

    Raises:
        ConfigError: says why.
    """
    if model.untrusted_maps:
        raise untrusted(model)
    if model.estimator is None:
        raise ConfigError(
            model.origin,
            found=f"{model.title}, which estimates no maps",
            expected="a CMOS or BlindSR network",
        )


def require_upscaler(model: Model, blur: object, seg: object) -> None:
    """Refuse a model that cannot restore, and maps that it does not need or lacks.

    Args:
        model: to restore with.
        blur: of the user, or ``None``.
        seg: of the user, or ``None``.

    Raises:
        ConfigError: says why.
    """
    upscaler = model.upscaler
    if upscaler is None:
        raise ConfigError(
            model.origin,
            found=f"{model.title}, which estimates maps and restores nothing",
            expected="a BlindSR network, or another that restores",
            fix="Call .estimate, or train the later stages.",
        )
    for name, value in (("blur", blur), ("seg", seg)):
        wanted = needs_maps(model) and name in upscaler.uses
        if wanted and value is None:
            raise ConfigError(
                model.origin,
                found=f"a restorer without an estimator, and no {name}",
                expected=f"upscale(image, {name}=...), a number or a map at HR size",
                fix="Or load a BlindSR network, which estimates it.",
            )
        if not wanted and value is not None:
            raise ConfigError(
                name,
                found=f"a value for {model.title}",
                expected="none: it estimates or ignores it",
                fix="model.without_estimator() is told." if model.estimator else "",
            )


def untrusted(model: Model) -> ConfigError:
    """The error for a model whose file says that its maps are wrong."""
    return ConfigError(
        model.origin,
        found=f"{model.title} with maps that its file calls not to be trusted "
        f"({model.untrusted_maps})",
        expected="a model whose maps can be shown",
        fix="It still restores: blindsr upscale.",
    )


def _of_data(facts: DataFacts) -> str:
    """Down-sampler, phase, window and depth of the training data."""
    words = [f"LR by {facts.downsampler} in phase {facts.phase:g}"]
    if facts.sigma_max:
        words.append(f"blur in windows of {facts.window_taps} pixels")
    if facts.metric_depth is not None:
        words.append("depth in metres" if facts.metric_depth else "relative depth")
    return ", ".join(words)
