"""A recipe: everything that was drawn for one LR image, as plain numbers that can be kept.

Drawing and applying are separate. A recipe holds every sampled parameter and the seed of every
noise field, so that it can be stored beside an image, compared, and replayed to the same bits
(with the same versions of numpy and OpenCV).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsr.degradation.random.recipe_json import step_from_dict, step_to_dict
from blindsr.degradation.random.steps import Sharpen, Step
from blindsr.errors import ConfigError, DataError

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
