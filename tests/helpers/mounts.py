"""Photos of scikit-image in mounts, borders and bars of all kinds, and pictures that look similar but have none."""

import numpy as np
import skimage.data
from PIL import Image

from tf_colorize.color import lab

SIDE = 224
PHOTOS = {
    "camera": skimage.data.camera(),
    "astronaut": np.asarray(Image.fromarray(skimage.data.astronaut()).convert("L")),
    "coffee": np.asarray(Image.fromarray(skimage.data.coffee()).convert("L")),
    "moon": skimage.data.moon(),  # dark and flat outside
}


def seen(picture, side=SIDE):
    """What the network sees of a gray picture."""
    lightness = lab.gray_to_lightness(np.asarray(picture))[..., 0]
    return np.asarray(Image.fromarray(lightness).resize((side, side), Image.Resampling.BILINEAR))


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


def grainy(photo, level=120):
    """In a mount with noise and in uneven light."""
    picture, _ = mounted(photo, level)
    height, width = picture.shape
    light = np.linspace(-8, 8, width) + np.linspace(-6, 6, height)[:, np.newaxis]
    noise = np.random.default_rng(0).normal(0, 4, picture.shape)
    return np.clip(np.where(picture == level, picture + light + noise, picture), 0, 255).astype(np.uint8)


def with_margins():
    """Gray pictures with margins, uint8 `(height, width)`, by name."""
    found = {}
    for name in ("camera", "astronaut", "coffee"):
        photo = PHOTOS[name]
        for level in (0, 120, 255):
            found[f"{name} on {level}"] = mounted(photo, level)[0]
        for angle in (-2.0, 0.7):
            found[f"{name}, {angle} degrees"] = mounted(photo, 200, angle=angle)[0]
        found[f"{name}, bars on the left and right"] = mounted(photo, 0, (60, 60, 0, 0))[0]
        found[f"{name}, bars above and below"] = mounted(photo, 128, (0, 0, 60, 60))[0]
        found[f"{name}, two layers"] = mounted(mounted(photo, 250, (20, 20, 20, 20))[0], 110)[0]
        found[f"{name}, grain"] = grainy(photo)
    return found


def without_margins():
    """Likewise without margins."""
    return {
        **PHOTOS,
        "disk": disk(190),
        "sky": sky(),
        "fog": fog(),
        "one gray": np.full((300, 400), 128, np.uint8),
        "narrow border": mounted(PHOTOS["camera"], 120, (4, 4, 4, 4))[0],
        "on two sides that meet": mounted(PHOTOS["camera"], 120, (60, 0, 60, 0))[0],
        "on one side": mounted(PHOTOS["camera"], 120, (0, 0, 60, 0))[0],
        "noise": np.random.default_rng(1).integers(0, 256, (300, 400), dtype=np.uint8),
    }
