import threading

import pytest
import torch
from tests.helpers.filled import filled
from torch.nn.functional import interpolate

from blindsr.imaging.tiling import split
from blindsr.networks import CMOS, RRDBSFT
from blindsr.networks.blocks.gia.align import warp
from blindsr.networks.blocks.gia.channel import ChannelStream
from blindsr.networks.blocks.whole_picture import Frame, PictureMeans, framed, picture_mean, resize
from blindsr.networks.kinds import tile_needs


def random(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def cut(x, tile, up=1, down=1):
    """The part of a whole feature map that a tile has."""
    rows, columns = (slice(-(-s.start * up // down), -(-s.stop * up // down)) for s in tile)
    return x[:, :, rows, columns]


def interior(x, tile, size, margin):
    """Without the borders that are no borders of the picture."""
    edges = []
    for span, length, side in zip(tile, size, x.shape[2:], strict=True):
        edges.append(
            slice(margin if span.start else 0, side if span.stop == length else side - margin)
        )
    return x[:, :, edges[0], edges[1]]


SIZE = (101, 91)  # odd: the ratio between scales is no power of two
GRID = split(SIZE, (48, 40), overlap=16, multiple=(8, 8))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("coarse", "fine"), [((1, 8), (1, 4)), ((1, 2), (1, 1)), ((1, 1), (4, 1))])
def test_resizing_in_a_tile_is_a_part_of_resizing_the_picture(coarse, fine, align_corners):
    sizes = [[-(-side * up // down) for side in SIZE] for up, down in (coarse, fine)]
    x = random(1, 2, *sizes[0])
    whole = interpolate(x, sizes[1], mode="bilinear", align_corners=align_corners)
    assert torch.equal(resize(x, tuple(sizes[1]), align_corners=align_corners), whole)
    for tile in GRID:
        expected = cut(whole, tile, *fine)
        with framed(Frame(tile, SIZE, PictureMeans())):
            size = tuple(expected.shape[2:])
            found = resize(cut(x, tile, *coarse), size, align_corners=align_corners)
        margin = 4 * fine[0]
        difference = interior((found - expected).abs(), tile, SIZE, margin)
        assert difference.max() < 1e-9


@pytest.mark.parametrize(("coarse", "fine"), [((1, 8), (1, 4)), ((1, 1), (1, 1)), ((4, 1), (4, 1))])
def test_warping_a_tile_is_a_part_of_warping_the_picture(coarse, fine):
    sizes = [[-(-side * up // down) for side in SIZE] for up, down in (coarse, fine)]
    x, flow = random(1, 3, *sizes[0]), 2 * random(1, 2, *sizes[1]) - 1
    whole = warp(x, flow)
    for tile in GRID:
        with framed(Frame(tile, SIZE, PictureMeans())):
            found = warp(cut(x, tile, *coarse), cut(flow, tile, *fine))
        difference = (found - cut(whole, tile, *fine)).abs()
        assert interior(difference, tile, SIZE, 2).max() < 1e-9


def test_means_of_tiles_are_the_mean_of_the_picture_at_every_scale():
    module = ChannelStream(4, 2)
    for up, down in ((1, 8), (1, 1), (4, 1)):
        x = random(2, 3, *(-(-side * up // down) for side in SIZE))
        means = PictureMeans()
        for tile in GRID:
            with framed(Frame(tile, SIZE, means, recording=True)):
                local = picture_mean(module, cut(x, tile, up, down))
            assert torch.equal(local, cut(x, tile, up, down).mean(dim=(2, 3), keepdim=True))
        means.finish_round()
        with framed(Frame(tile, SIZE, means)):
            replayed = picture_mean(module, x[:, :, :2, :2])
        torch.testing.assert_close(
            replayed, x.mean(dim=(2, 3), keepdim=True), rtol=1e-6, atol=0, check_dtype=False
        )


@torch.no_grad()
def test_a_frame_leaves_no_trace():
    network = filled(CMOS(5, backbone="pyramid_small", window=(6, 8)))
    lr = random(1, 3, 40, 44).float()
    before = network(lr)
    keys = list(network.state_dict())
    means = PictureMeans()
    tile = next(iter(split((80, 88), (40, 44), overlap=0)))
    with framed(Frame(tile, (80, 88), means, recording=True)):
        inside = network(lr)
    assert not torch.equal(inside.blur, before.blur)
    for part, again in zip(before[:4], network(lr)[:4], strict=True):
        assert torch.equal(part, again)
    assert list(network.state_dict()) == keys


def test_threads_do_not_see_each_others_frame():
    seen = []
    tile = next(iter(split((8, 8), None)))
    means = PictureMeans()
    module = torch.nn.Identity()
    means.known[module] = torch.full((1, 1, 1, 1), 7.0)
    x = torch.ones(1, 1, 8, 8)
    with framed(Frame(tile, (8, 8), means)):
        thread = threading.Thread(target=lambda: seen.append(picture_mean(module, x).item()))
        thread.start()
        thread.join()
        assert picture_mean(module, x).item() == 7
    assert seen == [1.0]
    assert picture_mean(module, x).item() == 1


def test_tiles_lie_on_the_windows_of_every_scale():
    options = {"backbone": "pyramid_small", "window": (6, 8)}
    assert tile_needs(CMOS(5, **options)).multiple == (48, 64)  # the coarsest scale has stride 8
    assert tile_needs(CMOS(5, **options, gia_parts="FC")).multiple == (8, 8)
    full = tile_needs(RRDBSFT())  # windows of 15x20 HR pixels
    assert full.multiple == (15, 5)
    assert full.picture_means
    assert tile_needs(RRDBSFT(condition="lr")).multiple == (15, 20)
    plain = tile_needs(RRDBSFT(use_semantics=False))
    assert plain.multiple == (1, 1)
    assert not plain.picture_means
    assert full.bytes_per_pixel > 5 * plain.bytes_per_pixel
