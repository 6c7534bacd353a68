import shutil

import numpy as np
import pytest
from tests.helpers.make_reblursr import (
    AREAS,
    DEGREES,
    NAMES,
    TEST,
    TYPES,
    make_raw,
    make_split,
    mask,
    picture,
)

from blindsr.data.files.masks import read_mask
from blindsr.data.pbasr.reblursr_files import AREAS as AREA_WORDS
from blindsr.data.pbasr.reblursr_files import DEGREES as DEGREE_WORDS
from blindsr.data.pbasr.reblursr_files import ReBlurSRFolder, Subset
from blindsr.errors import ConfigError, DataError, FileError
from blindsr.imaging.files import read_array, write_png

MAKERS = {"raw": make_raw, "split": make_split}


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    return {layout: make(tmp_path_factory.mktemp(layout)) for layout, make in MAKERS.items()}


@pytest.fixture(params=sorted(MAKERS))
def layout(request):
    return request.param


def copy(roots, layout, tmp_path):
    return shutil.copytree(roots[layout], tmp_path / "copy")


def names(root, part, subset=Subset(), **options):  # noqa: B008
    return [item.name for item in ReBlurSRFolder(root, **options).files(part, subset)]


def test_parts_and_pairs(roots, layout):
    folder = ReBlurSRFolder(roots[layout])
    assert folder.layout == layout
    train, test = folder.files("train"), folder.files("valid")
    assert [item.name for item in train] == sorted(set(NAMES) - set(TEST))
    assert [item.name for item in test] == sorted(TEST)
    for item in (*train, *test):
        number = NAMES.index(item.name)
        assert read_array(item.hr)[0, 0, 0] == number  # 12 and 120 are not swapped
        np.testing.assert_array_equal(read_mask(item.mask), mask(number) // 255)
    assert all(item.lr is None for item in train)
    for item in test:
        assert read_array(item.lr)[0, 0, 0] == 100 + NAMES.index(item.name)


def test_subsets_by_type_degree_and_area(roots, layout):
    folder = ReBlurSRFolder(roots[layout])
    for word, number in (("defocus", 0), ("motion", 1)):
        found = [item.name for item in folder.files("train", Subset(types=(word,)))]
        assert found == sorted(n for n in NAMES[:4] if TYPES[n] == number)
    for number, word in enumerate(("heavy", "little", "middle")):
        wanted = sorted(n for n in TEST if DEGREES[n] == number)
        if wanted:
            assert names(roots[layout], "valid", Subset(degrees=(word,))) == wanted
        assert all(folder.kind(n, "degree") == word for n in NAMES if DEGREES[n] == number)
    for number, word in enumerate(("large", "medium", "small")):
        assert all(folder.kind(n, "area") == word for n in NAMES if AREAS[n] == number)
    assert (DEGREE_WORDS, AREA_WORDS) == (
        ("heavy", "little", "middle"), ("large", "medium", "small"),
    )  # fmt: skip
    both = Subset(types=("motion",), areas=("small", "large"))
    assert names(roots[layout], "valid", both) == sorted(
        n for n in TEST if TYPES[n] == 1 and AREAS[n] in (0, 2)
    )


def test_labels_of_the_test_pictures_alone(roots, layout, tmp_path):
    root = copy(roots, layout, tmp_path)
    np.save(root / "degree_class.npy", np.array([DEGREES[name] for name in sorted(TEST)]))
    folder = ReBlurSRFolder(root)
    assert all(folder.kind(n, "degree") == DEGREE_WORDS[DEGREES[n]] for n in TEST)
    with pytest.raises(DataError, match=r"degree_class\.npy: no label for 1 "):
        folder.files("train", Subset(degrees=("heavy",)))


def test_dictionaries_are_pickles_and_need_consent(tmp_path):
    root = make_raw(tmp_path, pickled=True)
    with pytest.raises(
        DataError,
        match=r"train_validation\.npy: a pickled object, expected an array of numbers\. "
        r"If you trust the file .* set allow_pickle: true",
    ):
        ReBlurSRFolder(root).files("train")
    folder = ReBlurSRFolder(root, allow_pickle=True)
    assert [item.name for item in folder.files("valid")] == sorted(TEST)
    assert all(folder.kind(n, "degree") == DEGREE_WORDS[DEGREES[n]] for n in NAMES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros(5), r"5 labels, expected 8 or 4, one for each picture"),
        (np.full(8, 3), r"3 for 1, expected 0 \(heavy\), 1 \(little\), 2 \(middle\)"),
        (np.full(8, 0.5), r"0\.5 for 1, expected 0 \(heavy\)"),
        (np.array(["heavy"] * 8), r"'heavy' for 1, expected 0 \(heavy\)"),
        (np.zeros((8, 2)), r"shape \(8, 2\), expected \(N,\) or a dictionary"),
    ],
)
def test_bad_labels(content, message, roots, layout, tmp_path):
    root = copy(roots, layout, tmp_path)
    np.save(root / "degree_class.npy", content)
    with pytest.raises(DataError, match=rf"degree_class\.npy: {message}"):
        ReBlurSRFolder(root).files("valid", Subset(degrees=("heavy",)))
    (root / "degree_class.npy").write_bytes(b"no array")
    with pytest.raises((DataError, FileError), match=r"degree_class\.npy"):
        ReBlurSRFolder(root).files("valid", Subset(degrees=("heavy",)))
    (root / "degree_class.npy").unlink()
    with pytest.raises(FileError, match=r"degree_class\.npy: no such file"):
        ReBlurSRFolder(root).files("valid", Subset(degrees=("heavy",)))
    assert names(root, "valid") == sorted(TEST)  # not needed where nothing asks


def test_a_picture_without_mask(roots, layout, tmp_path):
    root = copy(roots, layout, tmp_path)
    next(root.glob("**/*mask/12.png")).unlink()
    with pytest.raises(DataError, match=r"HR/12\.png: no partner in .*mask, expected one file"):
        ReBlurSRFolder(root).files("train")


def test_a_plain_folder_trains(tmp_path):
    write_png(tmp_path / "HR" / "a.png", picture(0))
    write_png(tmp_path / "mask" / "a_mask.png", mask(0))
    folder = ReBlurSRFolder(tmp_path)
    assert folder.layout == "plain"
    assert [item.name for item in folder.files("train")] == ["a"]
    with pytest.raises(DataError, match="no valid picture"):
        folder.files("valid")


def test_sigma_maps_instead_of_masks(roots, layout, tmp_path):
    for name in NAMES:
        for kind in ("sigma", "classes", "preview"):
            write_png(tmp_path / f"{name}_{kind}.png", np.zeros((4, 4), np.uint16))
    folder = ReBlurSRFolder(roots[layout], sigma_masks=tmp_path)
    files = folder.files("train") + folder.files("valid")
    assert {item.name: item.blur.name for item in files} == {n: f"{n}_sigma.png" for n in NAMES}
    assert all(item.mask is None for item in files)


def test_nothing_to_find(roots, tmp_path):
    with pytest.raises(FileError, match="expected a folder with ALL_HR and ALL_mask, with train"):
        ReBlurSRFolder(tmp_path)
    with pytest.raises(ConfigError, match="degrees: huge, expected some of heavy, little, middle"):
        Subset(degrees=("huge",))
    with pytest.raises(ConfigError, match="types: none"):
        Subset(types=())
    with pytest.raises(DataError, match="no valid picture of that kind"):
        names(
            roots["raw"], "valid", Subset(types=("motion",), degrees=("heavy",), areas=("large",))
        )
