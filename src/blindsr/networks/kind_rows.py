"""The networks of this package as rows of the table of kinds."""

from __future__ import annotations

from blindsr.networks.fast.blur_sr import FastBlurSR
from blindsr.networks.fast.blur_unet import fast_blur_unet
from blindsr.networks.fast.rrdb_sft import fast_rrdb_sft

from .blur_sr import BlurSR
from .blur_unet import BlurUNet
from .cmos import CMOS
from .dan import DAN
from .dan import official_settings as dan_settings
from .dcls import DCLS
from .dcls import official_settings as dcls_settings
from .koalanet import KOALAnet, from_tensorflow, to_tensorflow
from .koalanet import official_settings as koalanet_settings
from .manet import RRDBSFTPCA, MANet, MANetSR
from .manet import estimator_settings as manet_settings
from .manet import pipeline_settings as manet_sr_settings
from .manet import restorer_settings as rrdb_sft_pca_settings
from .network_kind import NetworkKind, Official
from .rrdb_sft import RRDBSFT
from .ssr.ssr import SSR
from .ssr.svkr import SVKR
from .tile_needs import (
    blur_sr_needs,
    blur_unet_needs,
    cmos_needs,
    dan_needs,
    dcls_needs,
    koalanet_needs,
    manet_needs,
    rrdb_sft_needs,
    rrdb_sft_pca_needs,
    ssr_needs,
    svkr_needs,
)

ROWS = (
    NetworkKind(
        "rrdb_sft",
        RRDBSFT,
        "RRDB-SFT",
        marks=("conv_first.weight",),
        tile_needs=rrdb_sft_needs,
        fast=fast_rrdb_sft,
        official=Official(
            "RRDB_SFT_*",
            {"": ""},
            mark="RRDB_trunk.0.",
            rows={"code_length": "blur_conv.weight"},
            fixed={"condition": "hr", "skip": "none", "residual": 0.2},
        ),
    ),
    NetworkKind(
        "cmos",
        CMOS,
        "CMOS",
        marks=("predict.",),
        tile_needs=cmos_needs,
        trim=CMOS.drop_auxiliary,
        official=Official(
            "CMOS_*",
            {"cmos.": ""},
            mark="heads.0.",
            rows={"num_classes": "predict.seg.last_layer.3.weight"},
            sigma_max={40: 5.0, 19: 15.0},
        ),
    ),
    NetworkKind(
        "blur_unet",
        BlurUNet,
        "BlurUNet",
        marks=("spread", "stem.", "decoder."),
        tile_needs=blur_unet_needs,
        fast=fast_blur_unet,
    ),
    NetworkKind(
        "blur_sr",
        BlurSR,
        "BlurSR",
        marks=("first.weight", "blocks.0.modulation."),
        tile_needs=blur_sr_needs,
        fast=FastBlurSR,
        bf16=True,
    ),
    NetworkKind(
        "dan",
        DAN,
        "DAN",
        marks=("init_ker_map",),
        tile_needs=dan_needs,
        official=Official(
            "DANv1_* or DANv2_*",
            {"": ""},
            mark="init_ker_map",
            fixed={"group_skip": "double"},
            settings=dan_settings,
        ),
    ),
    NetworkKind(
        "koalanet",
        KOALAnet,
        "KOALAnet",
        marks=("SISR_DDF.", "SISR_DUF."),
        tile_needs=koalanet_needs,
        official=Official(
            "KOALAnet (TensorFlow names)",
            {},
            mark="SISR_DDF/",
            settings=koalanet_settings,
            ours=from_tensorflow,
            theirs=to_tensorflow,
        ),
    ),
    NetworkKind(
        "dcls",
        DCLS,
        "DCLS",
        marks=("Restorer.head2.reduce_feature.",),
        tile_needs=dcls_needs,
        official=Official(
            "DCLS",
            {"": ""},
            mark="Restorer.head2.grad_filter.",
            fixed={"group_skip": "double"},
            settings=dcls_settings,
        ),
    ),
    NetworkKind(
        "manet_sr",
        MANetSR,
        "MANet, all stages",
        marks=("estimator.m_head.", "restorer.pca_matrix"),
        official=Official(
            "MANet stage 3",
            {"kernel_estimation.": "estimator.", "": "restorer."},
            mark=("kernel_estimation.", "pca_matrix"),
            settings=manet_sr_settings,
        ),
        parts=("manet", "rrdb_sft_pca"),
    ),
    NetworkKind(
        "manet",
        MANet,
        "MANet",
        marks=("m_head.", "m_tail."),
        tile_needs=manet_needs,
        official=Official(
            "MANet stage 1",
            {"kernel_estimation.": ""},
            mark="kernel_estimation.",
            settings=manet_settings,
        ),
    ),
    NetworkKind(
        "rrdb_sft_pca",
        RRDBSFTPCA,
        "RRDB-SFT told kernels",
        marks=("conv_first.weight", "pca_matrix"),
        tile_needs=rrdb_sft_pca_needs,
        official=Official(
            "MANet stage 2",
            {"": ""},
            mark="pca_matrix",
            fixed={"skip": "none", "residual": 0.2},
            settings=rrdb_sft_pca_settings,
        ),
    ),
    NetworkKind(
        "svkr",
        SVKR,
        "SVKR",
        marks=("kernel_net.",),
        tile_needs=svkr_needs,
    ),
    NetworkKind(
        "ssr",
        SSR,
        "SSR",
        marks=("svkr.kernel_net.", "conditioned.amf."),
        tile_needs=ssr_needs,
    ),
)
"""Every kind of this package but BlindSR, whose fast copy is made of those of its parts."""
