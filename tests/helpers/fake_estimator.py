"""An estimator of blur without weights: it looks at the picture and is saturated like a network."""

import cv2
import numpy as np

from blindsr.restore import Strip


class FakeEstimator:
    """Measures how much of a texture survives one more blur: the more, the blurrier it was.

    That share follows from the spectrum exp(-(b w)^2) of white noise that was blurred by b.
    """

    title, can_upscale, can_estimate = "Fake estimator", False, True
    scale, sigma_max = 4, 5.0
    class_names = ("sky", "tree", "road")
    again, window = 1.0, 5.0

    def __init__(self):
        self.sizes = []
        self.blurs = np.linspace(0, 3, 61)
        more = np.hypot(self.blurs, self.again)
        self.shares = gradient_energy(more) / gradient_energy(self.blurs)

    def describe(self):
        return self.title

    def blur(self, image):
        """Blur (h, w) of (h, w, 3), in its pixels; up to sigma_max / scale."""
        peak = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1
        grey = (image / np.float32(peak)).mean(axis=2)
        once = cv2.GaussianBlur(grey, (0, 0), self.again, borderType=cv2.BORDER_REFLECT)
        share = self.energy(once) / (self.energy(grey) + 1e-12)
        return np.minimum(np.interp(share, self.shares, self.blurs), self.sigma_max / self.scale)

    def energy(self, grey):
        """Mean squared gradient around each pixel."""
        down = np.diff(grey, axis=0, append=grey[-1:])
        right = np.diff(grey, axis=1, append=grey[:, -1:])
        return cv2.GaussianBlur(
            down**2 + right**2, (0, 0), self.window, borderType=cv2.BORDER_REFLECT
        )

    def strips(self, image, *, tile="auto", maps=False, on_progress=None):
        assert maps
        self.sizes.append(image.shape[:2])
        scale = self.scale
        sigma = np.kron(self.blur(image) * scale, np.ones((scale, scale)))
        # The class of an LR pixel follows from how bright it is; at HR size as a network has it.
        peak = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1
        classes = np.kron((image[..., 0] * (2.9 / peak)).astype(np.uint8), np.ones((scale, scale)))
        step = 24 * scale
        tops = range(0, len(sigma), step)
        for done, top in enumerate(tops, 1):
            rows = slice(top, top + step)
            if on_progress is not None:
                on_progress(done, len(tops))
            yield Strip(top, None, sigma[rows].astype(np.float32), classes[rows].astype(np.uint8))


def gradient_energy(blurs):
    """Of white noise after blurs (n,), as differences of neighbours see it."""
    w = np.linspace(-np.pi, np.pi, 801)
    spectrum = np.exp(-((blurs[:, None] * w) ** 2))
    return (spectrum * (2 - 2 * np.cos(w))).sum(axis=1) * spectrum.sum(axis=1)


def half_blurred(sigma, height=288, width=512, seed=0):
    """(H, W, 3) uint8 texture, sharp in the left half, blurred by ``sigma`` pixels in the right."""
    rng = np.random.default_rng(seed)
    sharp = rng.random((height, width, 3), np.float32)
    picture = sharp.copy()
    blurred = cv2.GaussianBlur(sharp, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    half = width // 2
    # White noise loses nearly all contrast; a camera would not quantise it away.
    contrast = 0.25 / blurred.std()
    picture[:, half:] = ((blurred - 0.5) * contrast + 0.5)[:, half:]
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
