"""Properties of results (size, lightness, alpha and metadata) and of looks."""

import functools
import io
import pathlib
import tempfile

import numpy as np
import photo_bytes
import skimage.color
import tiny_models
from hypothesis import strategies as some
from PIL import Image, ImageCms, ImageOps

from tf_colorize.albums import work
from tf_colorize.color import look as looks
from tf_colorize.inference import colorizer
from tf_colorize.photos import files, opening
from trials.trial import Fault

# Modes that each format supports; alpha is compared in formats that keep it exactly.
_MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "YCbCr", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("L", "RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("1", "L", "P", "RGB", "RGBA"),
    "AVIF": ("L", "RGB", "RGBA"),
    "HEIF": ("L", "RGB", "RGBA"),
}
_EXACT = ("PNG", "TIFF")
_LIGHTNESS = 0.7  # L* that rounding to 8 bits may change: half a level of each channel, in the darkest colors
_sides = some.one_of(some.integers(1, 80), some.sampled_from([1, 2, 255, 256, 257, 1000]))


@functools.cache
def _colorizer():
    opening.register_heif()
    return colorizer.Colorizer.load(tiny_models.STORED, threads=1)


@functools.cache
def _profiles():
    made = {"none": None, "garbage": b"garbage" * 20, "empty": b""}
    for name in ("sRGB", "LAB", "XYZ"):
        made[name] = ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()
    return made


_look = some.builds(
    looks.Look,
    vividness=some.floats(0, 2),
    warmth=some.one_of(some.just(0.0), some.floats(-1, 1, allow_subnormal=True)),
)


def picture(source, mode, width, height, seed, orientation, profile, target, look, compare):
    """Colorizes one picture; returns how that ended."""
    mode = mode if mode in _MODES[source] else _MODES[source][seed % len(_MODES[source])]
    made = _made(mode, width, height, seed)
    data = _encoded(made, source, orientation, _profiles()[profile])
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "source.bin")
        path.write_bytes(data)
        suffix = next(one for one, name in files.FORMATS.items() if name == target)
        result = path.with_name(f"result{suffix}")
        options = work.Options(adjustments={"vividness": look.vividness, "warmth": look.warmth})
        job = work.Job(path, result, result.with_name(f"compared{suffix}") if compare else None)
        outcome = work.colorize_file(_colorizer(), job, options)
        if outcome.reason is not None:
            if outcome.reason.endswith("; choose PNG or TIFF"):
                return "refused"
            raise Fault(outcome.reason)
        _judge(data, result, source, target, orientation)
    return "as promised"


picture.given = dict(
    source=some.sampled_from(sorted(_MODES)),
    mode=some.sampled_from(sorted({mode for modes in _MODES.values() for mode in modes})),
    width=_sides,
    height=_sides,
    seed=some.integers(0, 1 << 32),
    orientation=some.integers(1, 8),
    profile=some.sampled_from(["none", "none", "sRGB", "LAB", "XYZ", "garbage", "empty"]),
    target=some.sampled_from(["PNG", "PNG", "TIFF", *sorted(_MODES)]),
    look=_look,
    compare=some.booleans(),
)


def _made(mode, width, height, seed):
    rng = np.random.default_rng(seed)
    low, high = sorted(rng.integers(0, 256, 2))
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, (height, width), np.uint16))
    pixels = rng.integers(low, high + 1, (height, width, 4), np.uint8)
    gray = Image.fromarray(pixels[..., 0])
    if mode in ("1", "L"):
        return gray.convert(mode)
    if mode == "LA":
        return Image.merge("LA", (gray, Image.fromarray(pixels[..., 3])))
    if mode == "RGBA":
        return Image.fromarray(pixels)
    color = Image.fromarray(pixels[..., :3])
    if mode == "P":
        return color.quantize(int(rng.integers(2, 256)))
    if mode == "LAB":
        to = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        return ImageCms.applyTransform(color, to)
    return color.convert(mode)


def _encoded(made, source, orientation, profile):
    parameters = {} if profile is None or source in ("BMP", "GIF") else {"icc_profile": profile}
    if source not in ("BMP", "GIF"):
        # Pillow rewrites the block of an AVIF file with an orientation.
        block = photo_bytes.exif(orientation=None if source == "AVIF" else orientation)
        parameters["exif"] = b"Exif\0\0" + block if source == "JPEG" else block
    file = io.BytesIO()
    made.save(file, source, **parameters)
    return file.getvalue()


def _judge(data, result, source, target, orientation):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        before = ImageOps.exif_transpose(image)
    with Image.open(result) as image:
        image.load()
        after = ImageOps.exif_transpose(image)
        exif = image.getexif()
    if before.size != after.size:
        raise Fault(f"{before.size} became {after.size}")
    holds = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF")
    if source in holds and target in holds:
        if exif.get(0x0112, 1) != 1:
            raise Fault(f"the result is to be turned: {exif[0x0112]}")
        with open(result, "rb") as file:
            if photo_bytes.CAPTION in data and photo_bytes.CAPTION not in file.read():
                raise Fault("the caption is lost")
    read = files.read(data).image
    if target in _EXACT:
        _judge_pixels(read, after)
    if "icc" not in str(sorted(before.info)) and before.mode in ("L", "RGB", "LA", "RGBA"):
        oracle = np.asarray(before.convert("RGB")).astype(int)
        if np.abs(oracle - np.asarray(read.convert("RGB")).astype(int)).max() > 0:
            raise Fault("it is read in another way than by Pillow")


def _judge_pixels(read, after):
    alphas = [image.getchannel("A").tobytes() if image.mode.endswith("A") else None for image in (read, after)]
    if alphas[0] not in (None, alphas[1]):
        raise Fault("alpha is not as it was")
    one, other = (skimage.color.rgb2lab(np.asarray(image.convert("RGB")))[..., 0] for image in (read, after))
    if np.abs(one - other).max() > _LIGHTNESS:
        raise Fault(f"lightness changed by {np.abs(one - other).max():.2f}")


def looked(look, lightness, a, b):
    """Applies a look and undoes it; returns how that ended."""
    lightness, ab = np.full((1, 1, 1), lightness, np.float32), np.array([[[a, b]]], np.float32)
    applied = look.applied(lightness, ab)
    if not np.isfinite(applied).all() or applied.shape != ab.shape:
        raise Fault(f"it gives {applied}")
    if look == looks.UNCHANGED and (applied != ab).any():
        raise Fault("an unchanged look changes colors")
    try:
        given = look.undone(lightness, ab)
    except ValueError as error:
        if look.vividness == 0:
            return "refused"
        raise Fault(str(error)) from error
    if not np.isfinite(given).all():
        raise Fault(f"undone, it gives {given}")
    return "as promised"


looked.given = dict(
    look=_look,
    lightness=some.floats(-1, 1, width=32),
    a=some.floats(-1, 1, width=32),
    b=some.floats(-1, 1, width=32),
)
