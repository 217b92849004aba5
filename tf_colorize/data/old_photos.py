"""Artificial aging of photos: film response, fading, grain, dust, and scanning.

Each fault is a function of a gray picture, float32 `(height, width)` in [0, 1], sRGB-encoded like the values in a gray
file; it is deterministic for given arguments and random numbers. `age` applies several random faults.
"""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from tf_colorize.color import lab

# Spectral response of plates and films, as shares of red, green and blue light.
FILMS = {
    "blue": (0.02, 0.13, 0.85),  # collodion and early dry plates
    "orthochromatic": (0.04, 0.51, 0.45),  # until the 1930s: lips and flags are dark, skies white
    "panchromatic": (0.35, 0.45, 0.20),
    "red filter": (0.75, 0.20, 0.05),  # dark skies, pale lips
}
_SCRATCH_WIDTH = 0.7  # pixels, a standard deviation
_LEVELS = np.arange(256, dtype=np.float32) / 255
_LIGHT = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)


def film(rgb: np.ndarray, shares: tuple[float, float, float]) -> np.ndarray:
    """Returns the gray picture that a film would record of a color photo.

    Args:
        rgb: uint8 `(height, width, 3)`, sRGB.
        shares: of red, green and blue light in the response of the film; they add up to 1.
    """
    return _encoded(_light(rgb) @ np.asarray(shares, np.float32))


def exposed(rgb: np.ndarray, stops: float) -> np.ndarray:
    """Returns a color photo with more or less exposure; a darker one has less color, and overexposed parts are white.

    Args:
        rgb: uint8 `(height, width, 3)`, sRGB.
        stops: Change of exposure in stops (factors of two); negative for a darker photo.
    """
    return to_bytes(_encoded(_light(rgb) * np.float32(2.0**stops)))


def toned(gray: np.ndarray, *, contrast: float = 1.0, black: float = 0.0, white: float = 1.0) -> np.ndarray:
    """Returns the picture with another tone curve: changed contrast, then faded to the range from `black` to `white`.

    Args:
        gray: float32 `(height, width)` in [0, 1].
        contrast: The slope of an S-shaped curve in the middle, over 0; 1 for a straight line.
        black, white: The new values of black and white, in [0, 1].
    """
    centered = 2 * gray - 1
    power = np.float32(contrast)
    curve = 0.5 + 0.5 * np.sign(centered) * (1 - (1 - np.abs(centered)) ** power)
    return (black + (white - black) * curve).astype(np.float32)


def vignetted(gray: np.ndarray, strength: float, center: tuple[float, float] = (0.5, 0.5)) -> np.ndarray:
    """Returns the picture darker towards its corners, or lighter with a negative `strength`, in [-1, 1].

    Args:
        gray: float32 `(height, width)` in [0, 1].
        strength: Share of the light that is lost at a distance of half the diagonal from the center.
        center: The place without loss, as shares of height and width.
    """
    height, width = gray.shape
    down = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height - center[0]
    across = (np.arange(width, dtype=np.float32)[None, :] + 0.5) / width - center[1]
    loss = np.float32(strength) * np.minimum(2 * (down**2 + across**2), 1.0)
    return np.clip(gray * (1 - loss) if strength >= 0 else gray - (1 - gray) * loss, 0, 1).astype(np.float32)


def grained(gray: np.ndarray, strength: float, size: float, random: np.random.Generator) -> np.ndarray:
    """Returns the picture with grain, strongest in the middle tones.

    Args:
        gray: float32 `(height, width)` in [0, 1].
        strength: Standard deviation in the middle tones.
        size: Size of a grain in pixels, at least 1.
        random: `np.random.Generator`.
    """
    height, width = gray.shape
    coarse = (math.ceil(width / size) + 1, math.ceil(height / size) + 1)
    plane = Image.fromarray(random.normal(size=coarse[::-1]).astype(np.float32))
    noise = np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC, box=(0, 0, width / size, height / size)))
    noise = noise / max(float(noise.std()), 1e-6)
    return np.clip(gray + np.float32(strength) * noise * (0.3 + 2.8 * gray * (1 - gray)), 0, 1).astype(np.float32)


def unsharp(gray: np.ndarray, sigma: float) -> np.ndarray:
    """Returns the picture out of focus: blurred by a Gaussian with that standard deviation in pixels."""
    import scipy.ndimage

    return scipy.ndimage.gaussian_filter(gray, sigma, mode="nearest")


def halftoned(gray: np.ndarray, period: float, angle: float, softness: float) -> np.ndarray:
    """Returns the picture as a halftone, as in a newspaper.

    Args:
        gray: float32 `(height, width)` in [0, 1].
        period: Pixels from dot to dot, at least 2.
        angle: Angle of the screen in radians.
        softness: How much the dots are blurred, over 0; at 1 they are almost invisible.
    """
    height, width = gray.shape
    down, across = np.mgrid[:height, :width].astype(np.float32) * np.float32(2 * np.pi / period)
    u = across * np.cos(angle) + down * np.sin(angle)
    v = down * np.cos(angle) - across * np.sin(angle)
    screen = np.float32(0.25) * (np.cos(u) + np.cos(v))  # -0.5 to 0.5
    return np.clip(0.5 + (gray - 0.5) + screen * (1 - np.float32(softness)), 0, 1).astype(np.float32)


def dusty(gray: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Returns the picture with specks of dust, light ones and dark ones, a few pixels wide.

    Args:
        gray: float32 `(height, width)` in [0, 1].
        count: Number of specks.
        random: `np.random.Generator`.
    """
    result = gray.copy()
    for row, column, radius, light, opacity in zip(
        *random.uniform(size=(2, count)),
        random.exponential(0.8, count) + 0.5,
        random.uniform(size=count),
        random.uniform(0.4, 1.0, count),
    ):
        y, x, reach = row * gray.shape[0], column * gray.shape[1], math.ceil(2 * radius) + 1
        rows = slice(max(0, int(y) - reach), int(y) + reach + 1)
        columns = slice(max(0, int(x) - reach), int(x) + reach + 1)
        part = result[rows, columns]
        down = np.arange(rows.start, rows.start + part.shape[0])[:, None] - y
        across = np.arange(columns.start, columns.start + part.shape[1])[None, :] - x
        cover = opacity * np.clip(radius + 0.5 - np.hypot(down, across), 0, 1)
        result[rows, columns] += np.float32(cover) * ((0.95 if light < 0.6 else 0.05) - part)
    return result


def scratched(gray: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Returns the picture with thin scratches, most of them light and nearly vertical, as on film.

    Args:
        gray: float32 `(height, width)` in [0, 1].
        count: Number of scratches.
        random: `np.random.Generator`.
    """
    height, width = gray.shape
    result = gray.copy()
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None, :]
    for _ in range(count):
        start, tilt, bend = random.uniform(0, width), random.normal(0, 0.1), random.normal(0, 4.0)
        first, last = np.sort(random.uniform(-0.2, 1.2, 2)) * height
        path = start + tilt * rows + bend * np.sin(rows / height * np.pi * random.uniform(0.5, 2))
        cover = np.exp(-0.5 * ((columns - path) / _SCRATCH_WIDTH) ** 2) * ((rows >= first) & (rows <= last))
        level, opacity = (0.95 if random.uniform() < 0.7 else 0.1), random.uniform(0.3, 0.9)
        result += np.float32(opacity) * cover * (level - result)
    return result.astype(np.float32)


def mounted(gray: np.ndarray, widths: tuple[float, float, float, float], level: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the picture with a flat gray mount over its edges, and a mask of the mount.

    Args:
        gray: float32 `(height, width)` in [0, 1].
        widths: Width of the mount at the top, bottom, left and right, as shares of height and width, each under 0.5.
        level: Level of the mount in [0, 1].

    Returns:
        float32 and bool `(height, width)`.
    """
    height, width = gray.shape
    top, bottom, left, right = (round(share * side) for share, side in zip(widths, (height, height, width, width)))
    is_mount = np.ones(gray.shape, bool)
    is_mount[top : height - bottom, left : width - right] = False
    return np.where(is_mount, np.float32(level), gray), is_mount


def compressed(gray: np.ndarray, quality: int) -> np.ndarray:
    """Returns the picture after JPEG compression at that quality (1 to 95)."""
    data = io.BytesIO()
    Image.fromarray(to_bytes(gray)).save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data), np.float32) / 255


def to_bytes(picture: np.ndarray) -> np.ndarray:
    """Returns a picture in [0, 1] as the uint8 values of a file."""
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def age(rgb: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Ages a photo with several random faults.

    Faults after the exposure change only the lightness: the true color is kept, except on a mount, which is gray.

    Args:
        rgb: uint8 `(height, width, 3)`, the photo in color, sRGB.
        random: `np.random.Generator`.

    Returns:
        `(lightness, ab)`: float32 `(height, width, 1)` and `(height, width, 2)` in [-1, 1], of the old photo.
    """
    if random.uniform() < 0.4:
        rgb = exposed(rgb, random.uniform(-2.0, 0.7))
    ab = lab.rgb_to_lightness_ab(rgb)[1]
    gray = _worn(_printed(film(rgb, _drawn_film(random)), random), random)
    if random.uniform() < 0.25:
        widths = tuple(random.uniform(0.02, 0.14, 4) * (random.uniform(size=4) < 0.75))
        gray, is_mount = mounted(gray, widths, random.uniform(0.05, 0.98))
        ab = np.where(is_mount[..., None], np.float32(0), ab)
        if random.uniform() < 0.5:
            gray = grained(gray, random.uniform(0.005, 0.02), random.uniform(1, 2), random)
    if random.uniform() < 0.5:
        gray = compressed(gray, int(random.integers(25, 90)))
    return lab.gray_to_lightness(to_bytes(gray)), ab


def _light(rgb):
    """Returns linear light of uint8 sRGB, float32 in [0, 1]."""
    return _LIGHT[rgb]


def _encoded(light):
    """Returns sRGB of linear light, float32, clipped to [0, 1]."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def _drawn_film(random):
    """Returns a random mixture of two films, for variety."""
    first, second = (FILMS[name] for name in random.choice(list(FILMS), 2))
    share = random.uniform()
    return tuple(share * one + (1 - share) * other for one, other in zip(first, second))


def _printed(gray, random):
    """Applies the faults of camera, film and paper."""
    chance = random.uniform(size=3)
    if chance[0] < 0.4:
        gray = unsharp(gray, random.uniform(0.4, 1.6))
    if chance[1] < 0.6:
        black, white = random.uniform(0, 0.25), random.uniform(0.7, 1)
        gray = toned(gray, contrast=math.exp(random.uniform(-0.4, 0.7)), black=black, white=white)
    if chance[2] < 0.3:
        gray = vignetted(gray, random.uniform(-0.4, 0.6), tuple(random.uniform(0.35, 0.65, 2)))
    return gray


def _worn(gray, random):
    """Applies grain and the later wear of a print."""
    chance = random.uniform(size=4)
    if chance[0] < 0.6:
        for _ in range(int(random.integers(1, 3))):
            size = random.uniform(1, 3.5)
            strength = math.exp(random.uniform(math.log(0.008), math.log(0.07)))
            gray = grained(gray, strength / size**0.5, size, random)  # coarse grain is fainter
    if chance[1] < 0.08:
        gray = halftoned(gray, random.uniform(2.2, 5), random.uniform(0, np.pi / 2), random.uniform(0.3, 0.8))
    if chance[2] < 0.3:
        gray = dusty(gray, int(random.integers(3, 60)), random)
    if chance[3] < 0.25:
        gray = scratched(gray, int(random.integers(1, 6)), random)
    return gray
