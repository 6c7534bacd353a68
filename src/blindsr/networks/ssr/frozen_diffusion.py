"""A pre-trained latent diffusion (Stable Diffusion) of a local folder; the one user of diffusers.

Nothing is downloaded, and no file that can run code is opened.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from blindsr.errors import ConfigError, FileError, WeightsError

INSTALL = "uv pip install 'blindsr[diffusion]'"
PROMPT = "null_prompt.safetensors"
_WEIGHTS = "diffusion_pytorch_model.safetensors"
FILES = (
    *("unet/config.json", f"unet/{_WEIGHTS}", "vae/config.json", f"vae/{_WEIGHTS}"),
    *("scheduler/scheduler_config.json", PROMPT),
)
"""What a folder must hold."""
_WHERE = "docs/methods/ssr.md says where to get them and where to place them."


class FrozenDiffusion(nn.Module):
    """UNet, VAE and noise levels that never learn: no gradients, always in evaluation mode.

    Copies share it, since it never changes.

    Args:
        unet: a ``UNet2DConditionModel``.
        vae: an ``AutoencoderKL``.
        alphas: (steps,) cumulative products, descending from 1.
        prediction: what the UNet predicts.
        prompt: (1, tokens, channels) what the text encoder makes of the empty prompt.
    """

    alphas: Tensor
    prompt: Tensor

    def __init__(
        self,
        unet: Any,
        vae: Any,
        *,
        alphas: Tensor,
        prediction: Literal["epsilon", "v_prediction"],
        prompt: Tensor,
    ) -> None:
        super().__init__()
        self.unet, self.vae, self.prediction = unet, vae, prediction
        self.register_buffer("alphas", alphas)
        self.register_buffer("prompt", prompt)
        self.channels = tuple(int(width) for width in unet.config.block_out_channels)
        self.factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.coarsest = 2 ** (len(self.channels) - 1)
        self.requires_grad_(False).eval()

    @classmethod
    def from_folder(cls, folder: str | Path) -> FrozenDiffusion:
        """Read the files of :data:`FILES`.

        Raises:
            ConfigError: the extra ``diffusion`` is not installed.
            FileError: the folder or a file is missing.
            WeightsError: a file cannot be read, or they do not fit together.
        """
        folder = Path(folder)
        require_files(folder)
        require_diffusers()
        from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

        options = {"local_files_only": True, "use_safetensors": True, "low_cpu_mem_usage": False}
        made = {}
        for name, kind in (("unet", UNet2DConditionModel), ("vae", AutoencoderKL)):
            try:
                made[name] = kind.from_pretrained(str(folder / name), **options)
            except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
                raise _unreadable(folder / name, f"a folder of {kind.__name__}", error) from error
            except SafetensorError as error:
                raise _unreadable(folder / name / _WEIGHTS, "safetensors", error) from error
        try:
            noise = DDIMScheduler.from_pretrained(str(folder / "scheduler"), local_files_only=True)
        except (OSError, ValueError, TypeError) as error:
            raise _unreadable(folder / FILES[4], "a scheduler of diffusers", error) from error
        _check_fit(folder, made["unet"], made["vae"], noise)
        made["vae"].enable_tiling()  # of pictures larger than it was trained on
        return cls(
            made["unet"],
            made["vae"],
            alphas=noise.alphas_cumprod.float(),
            prediction=noise.config.prediction_type,
            prompt=_prompt(folder / PROMPT, int(made["unet"].config.cross_attention_dim)),
        )

    def train(self, mode: bool = True) -> FrozenDiffusion:
        """Stays in evaluation mode."""
        del mode
        super().train(False)
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenDiffusion:
        return self

    @torch.no_grad()
    def encode(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1], sides multiples of ``factor`` -> latents (N, C, ., .)."""
        found = self.vae.encode(2 * picture - 1).latent_dist.mode()
        return (found * self.vae.config.scaling_factor).float()

    def decode(self, latent: Tensor) -> Tensor:
        """Latents -> (N, 3, H, W), not clipped."""
        return (self.vae.decode(latent / self.vae.config.scaling_factor).sample / 2 + 0.5).float()

    def predict(self, x: Tensor, level: Tensor, pyramid: list[Tensor]) -> Tensor:
        """Run the UNet with residuals where a T2I-Adapter has them: after each level.

        Args:
            x: (N, C, h, w) noisy latents.
            level: (N,) noise level, an index of ``alphas``.
            pyramid: one residual for each of ``channels``: (N, channels, h, w), then half of it.
        """
        prompt = self.prompt.to(x).expand(len(x), -1, -1)
        residuals = list(pyramid)  # the UNet takes them off this list
        return self.unet(
            x, level, prompt, down_intrablock_additional_residuals=residuals
        ).sample.float()


def require_diffusers() -> None:
    """Raise ConfigError if the extra ``diffusion`` is not installed."""
    if find_spec("diffusers") is None:
        raise ConfigError(
            "model.diffusion",
            found="diffusers not installed",
            expected="the extra `diffusion`",
            fix=f"Type: {INSTALL}",
        )


def require_files(folder: Path) -> None:
    """Raise FileError for the first file of :data:`FILES` that a folder lacks."""
    if not folder.is_dir():
        raise FileError(
            folder,
            found="no such folder",
            expected=f"Stable Diffusion with {', '.join(FILES)}",
            fix=f"Place it there; {_WHERE}",
        )
    for name in FILES:
        if not (folder / name).is_file():
            raise FileError(
                folder / name,
                found="no such file",
                expected=f"in a folder of Stable Diffusion {', '.join(FILES)}",
                fix=f"Place it there; {_WHERE}",
            )


def _check_fit(folder: Path, unet: Any, vae: Any, noise: Any) -> None:
    latent, prediction = vae.config.latent_channels, noise.config.prediction_type
    if (unet.config.in_channels, unet.config.out_channels) != (latent, latent):
        raise WeightsError(
            folder / "unet",
            found=f"{unet.config.in_channels} -> {unet.config.out_channels} channels",
            expected=f"{latent} -> {latent} as the latents of {folder / 'vae'}",
            fix="Inpainting and upscaling models do not fit.",
        )
    if prediction not in ("epsilon", "v_prediction"):
        raise WeightsError(
            folder / FILES[4],
            found=f"prediction_type {prediction}",
            expected="epsilon, v_prediction",
        )


def _prompt(path: Path, channels: int) -> Tensor:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise _unreadable(path, "safetensors", error) from error
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(shapes) != 1 or len(shape := next(iter(shapes.values()))) != 3 or shape[2] != channels:
        raise WeightsError(path, found=f"{shapes}", expected=f"one tensor (1, tokens, {channels})")
    return next(iter(tensors.values())).float()


def _unreadable(path: Path, expected: str, error: Exception) -> WeightsError:
    reason = " ".join(str(error).split())[:200]
    return WeightsError(path, found=f"cannot be read ({reason})", expected=expected)
