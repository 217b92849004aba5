"""Flat margins are found, and only they: photos of scikit-image in mounts of all kinds."""

import io

import numpy as np
import pytest
import skimage
from PIL import Image

from tf_colorize.color import lab, margins

SIDE = 224
PHOTOS = {
    "camera": skimage.data.camera(),
    "astronaut": np.asarray(Image.fromarray(skimage.data.astronaut()).convert("L")),
    "coffee": np.asarray(Image.fromarray(skimage.data.coffee()).convert("L")),
    "moon": skimage.data.moon(),  # dark and flat outside
}


def seen(picture):
    """What the network sees of a gray picture."""
    lightness = lab.gray_to_lightness(np.asarray(picture))[..., 0]
    return np.asarray(Image.fromarray(lightness).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def mounted(photo, level, sides=(60, 45, 80, 30), angle=0.0):
    """`(picture, where the photo is in [0, 1] as the network sees it)`; `sides`: left, right, top, bottom."""
    left, right, top, bottom = sides
    pasted = Image.fromarray(photo).convert("LA")
    pasted = pasted.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    size = (left + pasted.width + right, top + pasted.height + bottom)
    picture, mask = Image.new("L", size, level), Image.new("L", size)
    picture.paste(pasted.getchannel("L"), (left, top), pasted.getchannel("A"))
    mask.paste(pasted.getchannel("A"), (left, top))
    return np.asarray(picture), np.asarray(mask.resize((SIDE, SIDE), Image.Resampling.BOX)) / 255


def check(picture, inside, least=0.95):
    share = margins.color_share(seen(picture))
    assert np.mean(share[inside == 0] == 0) >= least and np.mean(share[inside == 1] == 1) >= 0.97


@pytest.mark.parametrize("level", [0, 60, 120, 180, 235, 255])
@pytest.mark.parametrize("name", ["camera", "astronaut", "coffee"])
def test_mounts_of_any_gray_are_found(name, level):
    check(*mounted(PHOTOS[name], level))


def test_noise_uneven_light_and_jpeg_do_not_hide_a_mount():
    picture, inside = mounted(PHOTOS["camera"], 120)
    height, width = picture.shape
    random = np.random.default_rng(0)
    light = np.linspace(-8, 8, width) + np.linspace(-6, 6, height)[:, np.newaxis]
    uneven = np.where(picture == 120, picture + light + random.normal(0, 4, picture.shape), picture)
    file = io.BytesIO()
    Image.fromarray(np.clip(uneven, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=70)
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
    inside = np.asarray(Image.fromarray(part).resize((SIDE, SIDE), Image.Resampling.BOX)) / 255
    check(picture, inside, least=0.9)


def test_writing_on_the_mount_is_part_of_it():
    picture, inside = mounted(PHOTOS["camera"], 180, (60, 60, 60, 120))
    picture = picture.copy()
    picture[610:630:4, 200:320] = 40  # below the photo
    check(picture, inside)


@pytest.mark.parametrize("name", PHOTOS)
def test_photos_without_a_margin_keep_all_color(name):
    assert margins.color_share(seen(PHOTOS[name])).min() == 1


def disk(background, height=300, width=400):
    rows, columns = np.mgrid[:height, :width]
    is_disk = np.hypot(rows - height / 2, columns - width / 2) < height / 3
    return np.where(is_disk, (rows + columns) % 100 + 20, background).astype(np.uint8)


def sky(height=300, width=400):
    texture = np.random.default_rng(0).integers(0, 120, (height, width))
    return np.where(np.mgrid[:height, :width][0] < height / 2, 200, texture).astype(np.uint8)


def fog(height=300, width=400):
    rows, columns = np.mgrid[:height, :width]
    return (190 + 8 * np.sin(rows / 60) + 6 * np.cos(columns / 50)).astype(np.uint8)


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
