"""Flat margins are found, and only they: photos of scikit-image in mounts of all kinds."""

import io

import mounts
import numpy as np
import pytest
from mounts import PHOTOS, disk, fog, mounted, seen, sky
from PIL import Image

from tf_colorize.color import margins


def check(picture, inside, least=0.95):
    share = margins.color_share(seen(picture))
    assert np.mean(share[inside == 0] == 0) >= least and np.mean(share[inside == 1] == 1) >= 0.97


@pytest.mark.parametrize("level", [0, 60, 120, 180, 235, 255])
@pytest.mark.parametrize("name", ["camera", "astronaut", "coffee"])
def test_mounts_of_any_gray_are_found(name, level):
    check(*mounted(PHOTOS[name], level))


def test_noise_uneven_light_and_jpeg_do_not_hide_a_mount():
    _, inside = mounted(PHOTOS["camera"], 120)
    file = io.BytesIO()
    Image.fromarray(mounts.grainy(PHOTOS["camera"])).save(file, "JPEG", quality=70)
    check(Image.open(file), inside)


@pytest.mark.parametrize("angle", [-2.0, 1.0, 2.5])
def test_a_photo_rotated_on_the_scanner(angle):
    check(*mounted(PHOTOS["coffee"], 200, angle=angle), least=0.9)


@pytest.mark.parametrize("sides", [(60, 60, 0, 0), (0, 0, 60, 60)])
def test_bars_on_two_sides(sides):
    check(*mounted(PHOTOS["astronaut"], 0, sides))
    check(*mounted(PHOTOS["coffee"], 128, sides))


def test_a_mount_around_a_white_border():
    white, _ = mounted(PHOTOS["camera"], 250, (20, 20, 20, 20))
    picture, _ = mounted(white, 110)
    part = np.zeros(picture.shape, np.uint8)
    part[100 : 100 + 512, 80 : 80 + 512] = 255
    inside = np.asarray(Image.fromarray(part).resize((mounts.SIDE, mounts.SIDE), Image.Resampling.BOX)) / 255
    check(picture, inside, least=0.9)


def test_writing_on_the_mount_is_part_of_it():
    picture, inside = mounted(PHOTOS["camera"], 180, (60, 60, 60, 120))
    picture = picture.copy()
    picture[610:630:4, 200:320] = 40  # below the photo
    check(picture, inside)


@pytest.mark.parametrize("name", PHOTOS)
def test_photos_without_a_margin_keep_all_color(name):
    assert margins.color_share(seen(PHOTOS[name])).min() == 1


@pytest.mark.parametrize(
    "picture",
    [
        disk(190),  # a backdrop that ends at a subject
        sky(),
        fog(),
        np.full((300, 400), 128, np.uint8),
        np.where(np.mgrid[:300, :400][1] < 130, 90, 180).astype(np.uint8),  # two flat parts
        mounted(PHOTOS["camera"], 120, (4, 4, 4, 4))[0],  # narrower than 3%
        mounted(PHOTOS["camera"], 120, (60, 0, 60, 0))[0],  # on two sides that meet
        np.random.default_rng(1).integers(0, 256, (300, 400), dtype=np.uint8),
    ],
)
def test_areas_that_are_not_margins_keep_all_color(picture):
    assert margins.color_share(seen(picture)).min() == 1


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (16, 16), (33, 70)])
def test_small_squares_do_not_fail(shape):
    share = margins.color_share(np.zeros(shape, np.float32))
    assert share.shape == shape and share.dtype == np.float32
