"""Writes tiny data sets in the layouts of ReBlurSR, which documents them.

Eight pictures 1, 12, 120, ... whose names sort otherwise with a suffix; the left half of picture k
is blurred (mask 0) up to column 20 + k. The last four are the test pictures.
"""

import numpy as np

from blindsr.imaging.files import write_png

NAMES = ("1", "12", "120", "2", "7", "70", "71", "8")
TEST = NAMES[4:]
TYPES = {name: number % 2 for number, name in enumerate(NAMES)}  # 0 defocus, 1 motion
DEGREES = {name: number % 3 for number, name in enumerate(NAMES)}
AREAS = {name: (number + 1) % 3 for number, name in enumerate(NAMES)}
SPLIT = {name: int(name in TEST) for name in NAMES}
LABELS = {
    "defocus_motion_class": TYPES,
    "degree_class": DEGREES,
    "area_class": AREAS,
    "train_validation": SPLIT,
}
SIZE = (50, 70)


def picture(number, size=SIZE):
    """A picture whose first pixel says which one it is."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    image[0, 0] = number
    return image


def mask(number, size=SIZE):
    """255 is sharp; the first 20 + number columns are blurred."""
    values = np.full(size, 255, np.uint8)
    values[:, : 20 + number] = 0
    return values


def write_labels(root, *, pickled=False):
    for stem, labels in LABELS.items():
        values = [labels[name] for name in sorted(NAMES)]
        content = {f"{name}.png": labels[name] for name in NAMES} if pickled else np.array(values)
        np.save(root / f"{stem}.npy", content, allow_pickle=True)


def write_lr(folder, number):
    lr = np.full((SIZE[0] // 4, SIZE[1] // 4, 3), 100 + number, np.uint8)
    write_png(folder / "LR" / "X4" / f"{NAMES[number]}x4.png", lr)


def make_raw(root, *, pickled=False):
    for number, name in enumerate(NAMES):
        write_png(root / "ALL_HR" / f"{name}.png", picture(number))
        write_png(root / "ALL_mask" / f"{name}.png", mask(number))
        if name in TEST:
            write_lr(root / "valid" / ("defocus", "motion")[TYPES[name]], number)
    write_labels(root, pickled=pickled)
    return root


def make_split(root):
    for number, name in enumerate(NAMES):
        part = "valid" if name in TEST else "train"
        folder = root / part / ("defocus", "motion")[TYPES[name]]
        write_png(folder / "HR" / f"{name}.png", picture(number))
        write_png(folder / "mask" / f"{name}.png", mask(number))
        if part == "valid":
            write_lr(folder, number)
    write_labels(root)
    return root


def make_general(root, count=5, size=(60, 64)):
    for number in range(count):
        write_png(root / f"{number:04d}.png", picture(100 + number, size))
    return root
