"""A recipe: everything that was drawn for one LR image, as plain numbers that can be kept.

Drawing and applying are separate. A recipe holds every sampled parameter and the seed of every
noise field, so that it can be stored beside an image, compared, and replayed to the same bits
(with the same versions of numpy and OpenCV).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.random.steps import STEPS, Sharpen, Step
from blindsr.errors import ConfigError, DataError

_BY_NAME = {kind.__name__: kind for kind in STEPS}


def step_to_dict(step: Step) -> dict[str, Any]:
    """Return the fields of a step, led by its class name under ``step``."""
    return {"step": type(step).__name__, **vars(step)}


def step_from_dict(values: Any) -> Step:
    """Rebuild a step.

    Raises:
        DataError: unknown step, missing or unknown field, or a value of the wrong type.
    """
    name = values.get("step") if isinstance(values, dict) else values
    if not (isinstance(values, dict) and name in _BY_NAME):
        raise DataError("recipe step", found=repr(name), expected=f"one of {', '.join(_BY_NAME)}")
    hints = _fields(name)
    fields = {key: value for key, value in values.items() if key != "step"}
    if set(fields) != set(hints):
        raise DataError(
            f"recipe step {name}", found=f"fields {sorted(fields)}", expected=str(sorted(hints))
        )
    return _BY_NAME[name](**{key: _checked(name, key, fields[key], hints[key]) for key in fields})


@lru_cache
def _fields(name: str) -> dict[str, Any]:
    return get_type_hints(_BY_NAME[name])


def _checked(step: str, field: str, value: Any, hint: Any) -> Any:
    """Return the value in the type of its field: tuples came back from JSON as lists."""
    if get_origin(hint) is Literal:
        good, expected = value in get_args(hint), " or ".join(get_args(hint))
    elif get_origin(hint) is tuple:
        value = tuple(value) if isinstance(value, list) else value
        good = isinstance(value, tuple) and all(type(item) in (float, int) for item in value)
        expected = "a list of numbers"
    elif hint is float:
        good, expected = type(value) in (float, int), "a number"
    else:
        good, expected = type(value) is hint, hint.__name__
    if not good:
        raise DataError(f"recipe step {step}, {field}", found=repr(value), expected=expected)
    return value


Pipeline = Literal["bsrgan", "bsrgan_plus", "realesrgan"]
PIPELINES: tuple[Pipeline, ...] = ("bsrgan", "bsrgan_plus", "realesrgan")
SMALLEST_SIDE = 16
"""HR sides below this, or below 4 LR pixels, leave nothing to resize to a quarter twice."""
_SMALLEST_LR_SIDE = 4


@dataclass(frozen=True)
class Recipe:
    """The degradation of one image.

    Args:
        pipeline: the model it was drawn from.
        scale: LR is this many times smaller.
        steps: applied in this order.
        sharpen: unsharp mask of HR before the steps; the sharpened HR is then the target.
    """

    pipeline: Pipeline
    scale: int
    steps: tuple[Step, ...]
    sharpen: Sharpen | None = None

    def to_json(self) -> str:
        """Return one line of JSON; floats keep all their digits."""
        sharpen = None if self.sharpen is None else asdict(self.sharpen)
        return json.dumps(
            {
                "pipeline": self.pipeline,
                "scale": self.scale,
                "sharpen": sharpen,
                "steps": [step_to_dict(step) for step in self.steps],
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what :meth:`to_json` wrote.

        Raises:
            DataError: not JSON, or a key or value that does not belong there.
        """
        try:
            values = json.loads(text)
            if set(values) != {"pipeline", "scale", "sharpen", "steps"}:
                raise _bad(f"keys {sorted(values)}", "pipeline, scale, sharpen and steps")
            pipeline, scale, sharpen = values["pipeline"], values["scale"], values["sharpen"]
            if pipeline not in PIPELINES or type(scale) is not int or scale < 1:
                raise _bad(f"{pipeline!r} of scale {scale!r}", f"one of {', '.join(PIPELINES)}")
            steps = tuple(step_from_dict(step) for step in values["steps"])
            first = None if sharpen is None else step_from_dict({"step": "Sharpen", **sharpen})
        except (TypeError, ValueError) as error:
            raise _bad(f"{text[:40]!r} ({error})", "the JSON of Recipe.to_json") from None
        if not (first is None or isinstance(first, Sharpen)):
            raise _bad(repr(first), "the parameters of Sharpen")
        return cls(pipeline, scale, steps, first)


class Degraded(NamedTuple):
    """A training pair."""

    lr: NDArray[np.float32]
    """(h, w, 3) in [0, 1], h = H // scale; multiples of 1/255."""
    hr: NDArray[np.float32]
    """(scale * h, scale * w, 3): HR cropped to fit, sharpened if the recipe says so."""
    recipe: Recipe


def apply_recipe(hr: NDArray[np.float32], recipe: Recipe) -> Degraded:
    """Degrade one image as a recipe says; nothing is drawn here.

    HR loses the rows at the bottom and the columns at the right that are no multiple of the scale.

    Args:
        hr: (H, W, 3) float32 in [0, 1]; not modified.
        recipe: from one of the ``sample_`` functions, or read from JSON.

    Raises:
        DataError: ``hr`` is no such image, or a side is below 16 pixels or 4 LR pixels.
    """
    _check_image(hr, recipe.scale)
    lr_size = hr.shape[0] // recipe.scale, hr.shape[1] // recipe.scale
    target = np.ascontiguousarray(hr[: lr_size[0] * recipe.scale, : lr_size[1] * recipe.scale])
    if recipe.sharpen is not None:
        target = recipe.sharpen(target, lr_size)
    image = target
    for step in recipe.steps:
        image = step(image, lr_size)
    if image.shape[:2] != lr_size:
        raise DataError(
            "recipe",
            found=f"steps that end at {image.shape[1]} x {image.shape[0]} pixels",
            expected=f"{lr_size[1]} x {lr_size[0]}",
        )
    return Degraded(image, target, recipe)


def checked_scale(scale: int) -> int:
    """Return the scale as an int.

    Raises:
        ConfigError: it is not an integer of at least 1.
    """
    if int(scale) != scale or scale < 1:
        raise ConfigError("scale", found=repr(scale), expected="an integer of at least 1")
    return int(scale)


def smallest_side(scale: int) -> int:
    """Return the shortest HR side that recipes take."""
    return max(SMALLEST_SIDE, _SMALLEST_LR_SIDE * scale)


def shuffled(rng: np.random.Generator, draws: list[Callable[[], list[Step]]]) -> list[Step]:
    """Run the draws in random order and return their steps in that order."""
    return [step for index in rng.permutation(len(draws)) for step in draws[index]()]


def _check_image(hr: NDArray[np.float32], scale: int) -> None:
    if hr.ndim != 3 or hr.shape[2] != 3 or hr.dtype != np.float32:
        raise DataError(
            "hr",
            found=f"shape {hr.shape}, {hr.dtype}",
            expected="(H, W, 3) float32 in [0, 1]",
            fix="Read it with read_rgb",
        )
    least = smallest_side(scale)
    if min(hr.shape[:2]) < least:
        raise DataError(
            "hr",
            found=f"{hr.shape[1]} x {hr.shape[0]} pixels",
            expected=f"at least {least} x {least} at scale {scale}",
            fix="Leave the image out",
        )


def _bad(found: str, expected: str) -> DataError:
    return DataError("recipe", found=found, expected=expected)
