"""Blind pipelines from files: an estimator and a restorer combined, taken apart, or adjusted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from blindsr.errors import ConfigError, WeightsError
from blindsr.networks import kinds
from blindsr.networks.settings.build import network_settings

from .network_file import NetworkFile, require_names


def pipeline(estimator: NetworkFile, restorer: NetworkFile) -> NetworkFile:
    """An estimator in front of a restorer, as one file.

    Args:
        estimator: of the restorer's scale, or of scale 1; of a pipeline its estimator is taken.
        restorer: its facts and range of sigma are those of the pipeline; of a pipeline its restorer
            is taken.

    Raises:
        WeightsError: if one of them has another role, or uses official names.
        ConfigError: if the two do not fit each other.
    """
    parts = {
        "estimator": part_of(estimator, "estimator"),
        "restorer": part_of(restorer, "restorer"),
    }
    settings: dict[str, Any] = {}
    for role, file in parts.items():
        require_names(file, official=False)
        kind = kinds.by_name(file.kind)
        if kind.role != role:
            raise WeightsError(file.path, found=f"a {kind.role}", expected=f"an own {role}")
        settings[role] = {kinds.KIND: kind.name, **network_settings(kind.network, file.settings)}
    facts = restorer.facts
    own = settings["restorer"].get("phase", 0.0)
    settings["phase"] = own if facts is None else facts.phase
    settings["told_max"] = restorer.sigma_max
    made = replace(
        restorer,
        kind=kinds.PIPELINE,
        settings={**settings, **kinds.shared(settings)},
        state={f"{role}.{k}": v for role, file in parts.items() for k, v in file.state.items()},
        class_names=estimator.class_names or restorer.class_names,
    )
    made.network()
    return made


def part_of(file: NetworkFile, role: kinds.Role) -> NetworkFile:
    """One network of a pipeline; any other file as it is."""
    if not file.is_pipeline:
        return file
    part, start = file.parts[role], f"{role}."
    state = {k.removeprefix(start): v for k, v in file.state.items() if k.startswith(start)}
    return replace(file, kind=part.kind.name, settings=dict(part.settings), state=state)


def cautious(file: NetworkFile, share: float) -> NetworkFile:
    """A pipeline whose restorer, or an SSR whose diffusion, is told a share of estimated sigma.

    Of a pipeline the first convolution of the sigma map is linear, so its weights times ``share``
    do it; SSR has a setting. Natural
    softness looks like blur to an estimator; a restorer that removes less of it does less harm.

    Args:
        file: of a blind pipeline or of SSR, with our own names.
        share: more than 0, at most 1.

    Raises:
        ConfigError: for another share.
        WeightsError: if the file holds another network.
    """
    if not 0 < share <= 1:
        raise ConfigError("share", found=f"{share:g}", expected="more than 0, at most 1")
    if file.kind == "ssr":
        return replace(file, settings={**file.settings, "caution": float(share)})
    name = "restorer.blur_conv.weight"
    if not file.is_pipeline or name not in file.state:
        raise WeightsError(
            file.path,
            found="a restorer without sigma" if file.is_pipeline else f"a {file.kind} network",
            expected="a blind pipeline whose restorer sees sigma, or SSR",
        )
    return replace(file, state={**file.state, name: file.state[name] * share})
