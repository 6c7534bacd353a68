"""Whole files of every kind that a user may name, small, as seeds of damaged ones."""

import io
import json

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from blindsr.networks import CMOS, RRDBSFT, BlindSR
from blindsr.weights import build_anchor
from blindsr.weights.checkpoint import SETTINGS_KEY

SIZE = (20, 24)
ESTIMATOR = {
    "num_classes": 3,
    "scale": 4,
    "backbone": "pyramid_small",
    "window": [4, 4],
    "gia_parts": "F",
}
RESTORER = {
    "code_length": 4,
    "features": 8,
    "growth": 4,
    "blocks": 1,
    "condition": "lr",
    "window": [4, 4],
    "num_classes": 3,
}


def picture(mode="RGB"):
    """A smooth colour picture with an edge."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    planes = [x * 10, y * 12, np.where(x > 11, 255, 0)]
    return Image.fromarray(np.stack(planes, -1).astype(np.uint8)).convert(mode)


def saved(image, form, **options):
    """Bytes of an image file."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def photographs():
    """Suffix and bytes of image files."""
    import cv2

    colour, alpha = picture(), picture("RGBA")
    deep = (np.asarray(colour).astype(np.uint16) * 257)[..., ::-1]
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 6
    return {
        "rgb.png": saved(colour, "PNG", dpi=(300, 300)),
        "rgba.png": saved(alpha, "PNG"),
        "palette.png": saved(picture("P"), "PNG"),
        "grey.png": saved(picture("L"), "PNG"),
        "deep.png": cv2.imencode(".png", deep)[1].tobytes(),
        "photo.jpg": saved(colour, "JPEG", exif=exif.tobytes(), quality=80),
        "progressive.jpg": saved(colour, "JPEG", progressive=True),
        "cmyk.jpg": saved(picture("CMYK"), "JPEG"),
        "rgb.webp": saved(colour, "WEBP"),
        "lossless.webp": saved(alpha, "WEBP", lossless=True),
        "rgb.tif": saved(colour, "TIFF"),
        "lzw.tif": saved(colour, "TIFF", compression="tiff_lzw"),
        "deep.tif": cv2.imencode(".tif", deep)[1].tobytes(),
        "pages.tif": saved(colour, "TIFF", save_all=True, append_images=[alpha.convert("L")]),
        "frames.gif": saved(picture("P"), "GIF", save_all=True, append_images=[picture("P")]),
        "rgb.bmp": saved(colour, "BMP"),
        "rgb.avif": saved(colour, "AVIF"),
        "rgb.jp2": saved(colour, "JPEG2000"),
    }


def weights():
    """Suffix and bytes of files of weights."""
    torch.manual_seed(0)
    estimator, restorer = CMOS(**ESTIMATOR), RRDBSFT(**RESTORER)
    state = BlindSR(estimator, restorer).state_dict()
    settings = {"num_classes": 3, "scale": 4, "estimator": ESTIMATOR, "restorer": RESTORER}
    about = {"kind": "blind", "settings": settings, "sigma_max": 5.0}
    training = {
        "state_dict": {f"network.{name}": tensor for name, tensor in state.items()},
        "hyper_parameters": settings,
        "epoch": 1,
    }
    anchor = build_anchor("compact", {"num_feat": 4, "num_conv": 1}).network.state_dict()
    return {
        "export.safetensors": save(state, {SETTINGS_KEY: json.dumps(about)}),
        "training.ckpt": _pickled(training),
        "anchor.pth": _pickled({"params": anchor}),
        "bare.safetensors": save(anchor),
    }


def _pickled(content):
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()
