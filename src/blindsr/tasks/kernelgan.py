"""Score KernelGAN and ZSSR, which learn from each test picture alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from blindsr.errors import ConfigError
from blindsr.inference.kernelgan.fitting import STEPS, TITLE, fit_predict
from blindsr.networks.kernelgan import ZSSRNet
from blindsr.types import Estimate

from .blind_restoration import BlindRestorerTask

if TYPE_CHECKING:
    from blindsr.types import Batch


class KernelGANTask(BlindRestorerTask):
    """Score :func:`blindsr.inference.kernelgan.fitting.fit_predict` as any other method.

    There is nothing to train beforehand: a test learns from every picture anew, which takes from
    seconds to tens of minutes each, by ``steps``.

    Args:
        scale: HR size over LR size, 2 or 4; follows the data.
        sigma_max: largest sigma of the data in HR pixels; follows the data.
        steps: of the kernel; the most that each size of the enlargement takes as well.
        seed: of all that is random, the same for every picture.
        options: see the base classes; those of a training have no effect.

    Raises:
        ConfigError: in ``setup``, where it is to be trained.
    """

    network: ZSSRNet
    linked_with_data = ("scale", "sigma_max")

    def __init__(
        self,
        scale: int = 4,
        sigma_max: float = 5.0,
        *,
        steps: int = STEPS,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.network = ZSSRNet()  # as large as those that are learnt
        self.rule = f"{steps} steps"
        self.title = f"{TITLE}, {self.rule}"

    def setup(self, stage: str) -> None:
        """Check the data; refuse a training.

        Raises:
            ConfigError: if it is to be trained, or the data do not say where LR pixels lie.
        """
        if stage == "fit":
            raise ConfigError(
                "model.class_path",
                found="KernelGANTask in a training",
                expected="a test: it learns from each test picture alone",
                fix="Type: lightning test with the same configuration.",
            )
        super().setup(stage)
        self.known_facts()

    def random_parts(self) -> str:
        """Empty: there are no weights that a file could hold."""
        return ""

    def forward(self, lr: Tensor) -> tuple[Tensor, Estimate]:
        """Learn from each image (N, 3, h, w) in [0, 1]: SR, its kernel and sigma everywhere."""
        settings, phase = self.hparams, self.known_facts().phase
        found = []
        for one in lr:
            # learning within a test, which is run without gradients
            with torch.inference_mode(mode=False), torch.enable_grad():
                own = one[None].clone()
                options = {"steps": settings["steps"], "seed": settings["seed"], "phase": phase}
                found.append(fit_predict(own, settings["scale"], **options))
        sr = torch.cat([image for image, _ in found])
        blur = [estimate.blur for _, estimate in found if estimate.blur is not None]
        kernels = [estimate.kernels for _, estimate in found if estimate.kernels is not None]
        return sr, Estimate(blur=torch.cat(blur), kernels=_of_one_size(kernels))

    def restore(self, batch: Batch) -> tuple[Tensor, Estimate]:
        """See :meth:`forward`."""
        return self(batch["lr"])


def _of_one_size(kernels: list[Tensor]) -> Tensor:
    """Kernels (1, n*n, h, w) of images, n odd, as many as there are -> (N, m*m, h, w)."""
    sides = [math.isqrt(one.shape[1]) for one in kernels]
    whole = []
    for side, one in zip(sides, kernels, strict=True):
        room = (max(sides) - side) // 2
        own = pad(one[:, :, 0, 0].view(1, side, side), (room,) * 4)  # the same in every pixel
        whole.append(own.view(1, -1, 1, 1).expand(-1, -1, *one.shape[2:]))
    return torch.cat(whole) if len(whole) > 1 else whole[0]
