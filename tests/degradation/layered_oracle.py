"""The generator of the data sets step by step, slow and literal, with the exact membrane fill."""

import numpy as np
from scipy.ndimage import correlate1d
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu


def window(sigma, taps):
    offsets = np.arange(taps) - taps // 2
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    weights[weights < np.finfo(float).eps * weights.max()] = 0
    return weights / weights.sum()


def blur(planes, sigma, taps):
    weights = window(sigma, taps)
    for axis in (0, 1):
        planes = correlate1d(planes, weights, axis=axis, mode="reflect")  # numpy's 'symmetric'
    return planes


def membrane(values, unknown):
    """Solve the discrete Laplace equation at the unknown pixels; the others are given."""
    height, width = unknown.shape
    number = np.full(unknown.shape, -1)
    number[unknown] = np.arange(unknown.sum())
    rows, columns = np.nonzero(unknown)
    here = number[rows, columns]
    count, entries = np.zeros(len(here)), []
    right = np.zeros((len(here), values.shape[2]))
    for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        r, c = rows + down, columns + across
        inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
        count += inside
        r, c, source = r[inside], c[inside], here[inside]
        open_ = unknown[r, c]
        entries.append((source[open_], number[r[open_], c[open_]]))
        np.add.at(right, source[~open_], values[r[~open_], c[~open_]])
    row = np.concatenate([here] + [a for a, _ in entries])
    column = np.concatenate([here] + [b for _, b in entries])
    data = np.concatenate([count, -np.ones(len(row) - len(here))])
    solution = splu(csr_matrix((data, (row, column)), shape=(len(here),) * 2).tocsc()).solve(right)
    result = values.copy()
    result[unknown] = solution
    return result


def runs(coc, depth):
    """Yield (coc, mask) from far to near."""
    values, inverse = np.unique(-depth, return_inverse=True)
    inverse = inverse.reshape(depth.shape)
    first = np.zeros(len(values))
    first[inverse.ravel()] = coc.ravel()
    change = np.flatnonzero(np.diff(first)) + 1
    group = np.searchsorted(change, inverse, side="right")
    for index in range(len(change) + 1):
        mask = group == index
        yield coc[mask][0], mask


def layered(image, sigma, depth, sigma_max, fill=True):
    taps = round(4 * sigma_max) + 1
    coc = np.round(4 * sigma.astype(float) + 1, 6)
    image = image.astype(float)
    colour, alpha = np.zeros_like(image), np.zeros(coc.shape)
    done, focus_passed = np.zeros(coc.shape, bool), False
    for c, mask in runs(coc, depth):
        coverage, layer = mask.astype(float), mask[..., None] * image
        if c > 1:
            coverage, layer = (blur(x, (c - 1) / 4, taps) for x in (coverage, layer))
            coverage[coverage < 1e-4] = 0
        if fill and focus_passed and c > 1:
            colour[alpha > 0] /= alpha[alpha > 0][:, None]
            alpha = (alpha > 0).astype(float)
            band = (blur(done.astype(float), (c - 1) / 4, taps) >= 1e-3) & ~done
            if band.any():
                given = np.dstack([colour, np.ones(coc.shape)]) * done[..., None]
                filled = membrane(given, band)
                colour[band], alpha[band] = filled[band, :3], filled[band, 3]
        colour = (1 - coverage[..., None]) * colour + layer
        alpha = (1 - coverage) * alpha + coverage
        done |= mask
        focus_passed |= c <= 1
    return colour / alpha[..., None]
