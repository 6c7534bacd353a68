"""A folder as of Stable Diffusion, with random weights that fit in a test."""

import torch
from safetensors.torch import save_file


def save_tiny_diffusion(folder, *, prediction="epsilon", in_channels=4):
    """UNet and VAE of two levels each, HR over latents 2; returns the folder."""
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

    torch.manual_seed(0)
    UNet2DConditionModel(
        sample_size=16,
        in_channels=in_channels,
        layers_per_block=1,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=8,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 16),
        norm_num_groups=8,
        sample_size=256,
    ).save_pretrained(folder / "vae")
    DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type=prediction,
    ).save_pretrained(folder / "scheduler")
    save_file({"prompt": torch.randn(1, 7, 8)}, folder / "null_prompt.safetensors")
    return folder
