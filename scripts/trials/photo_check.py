"""Checks one picture file, with any contents: opens, colorizes and saves it, and checks the promises."""

import io
import os
import pathlib
import time
import traceback
import warnings
import zlib

from PIL import Image, ImageOps

import tf_colorize
from tf_colorize.albums import work
from tf_colorize.photos import files, opening
from trials.trial import Fault

MAX_PIXELS = 4_000_000
MOST_SECONDS = 5.0  # seconds of processor time
MOST_BYTES = 1 << 30
_PACKAGE = os.path.dirname(tf_colorize.__file__)
# Exceptions that our own code may raise for a file; those of Pillow become one line.
_LISTED = (files.ImageError, MemoryError, OSError)


def check(colorizer, data: bytes, folder: pathlib.Path) -> str:
    """Colorizes a file; returns how that ended.

    Args:
        colorizer: A `Colorizer`.
        data: The file.
        folder: Folder for it and its result; empty before and after.

    Raises:
        Fault: a promise was broken.
    """
    formats = sorted(set(files.FORMATS.values()))
    pick = zlib.crc32(data)  # the same file is always treated the same
    suffix = next(s for s, f in files.FORMATS.items() if f == formats[pick % len(formats)])
    source, target = folder / "source.bin", folder / f"result{suffix}"
    source.write_bytes(data)
    options = work.Options(max_pixels=MAX_PIXELS, allow_truncated=bool(pick & 256), overwrite=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome, seconds = _measured(colorizer, work.Job(source, target), options)
            if outcome.reason is None:
                ending = _judged_result(source, target, outcome, options)
            else:
                ending = _judged_refusal(source, target, outcome, options)
        if seconds > MOST_SECONDS:
            raise Fault(f"{seconds:.1f} s of processor time: {ending}")
        return ending
    finally:
        for path in folder.iterdir():
            path.unlink()


def _measured(colorizer, job, options):
    _forget_peak()
    before = _status("VmRSS")  # a fuzzer's own memory grows, too
    start = time.process_time()
    outcome = work.colorize_file(colorizer, job, options)
    seconds = time.process_time() - start
    needed = _status("VmHWM") - before
    if needed > MOST_BYTES:
        raise Fault(f"{needed >> 20} MB: {outcome.reason or outcome.size}")
    return outcome, seconds


def _judged_result(source, target, outcome, options):
    found = sorted(path.name for path in target.parent.iterdir())
    if found != sorted((source.name, target.name)):
        raise Fault(f"left behind: {found}")
    try:
        with Image.open(target) as image:
            image.load()
            size = ImageOps.exif_transpose(image).size
    except Exception as error:
        raise Fault(f"the result cannot be read: {error!r}") from error
    if size != outcome.size:
        raise Fault(f"the result has {size} pixels, not {outcome.size}")
    picture = files.read(source, max_pixels=options.max_pixels, allow_truncated=options.allow_truncated)
    if picture.image.size != size:
        raise Fault(f"the result has {size} pixels, the photo {picture.image.size}")
    if not options.allow_truncated:
        try:
            with Image.open(io.BytesIO(_essential(source.read_bytes()))) as image:
                image.load()
        except Exception as error:
            raise Fault(f"Pillow cannot read it: {error!r}") from error
    return "colorized"


def _essential(data):
    """Returns a PNG with only what its pixels need: a broken optional chunk is no reason to refuse it."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    out, position = [data[:8]], 8
    while position + 12 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        if kind[:1].isupper() or kind == b"tRNS":
            out.append(data[position:end])
        position = end
    return b"".join((*out, data[position:]))


def _judged_refusal(source, target, outcome, options):
    if target.exists() or len(list(target.parent.iterdir())) != 1:
        raise Fault(f"left behind: {sorted(path.name for path in target.parent.iterdir())}")
    line = outcome.reason
    if not line.isprintable() or len(line) > 600 or "Traceback" in line:
        raise Fault(f"not a clear line: {line!r}")
    try:
        files.read(source, max_pixels=options.max_pixels, allow_truncated=options.allow_truncated)
    except files.ImageError as error:
        cause = error.__cause__
        where = traceback.extract_tb(cause.__traceback__)[-1]
        is_own = where.filename.startswith(_PACKAGE) and not (where.line or "").startswith("raise ")
        if is_own and not isinstance(cause, _LISTED):
            raise Fault(
                f"{type(cause).__name__} in {os.path.basename(where.filename)}:{where.lineno}: {line}"
            ) from error
        return "refused"
    if line.endswith("; choose PNG or TIFF"):  # what the format of the result cannot hold
        return "refused"
    raise Fault(f"a picture that can be read has no result: {line}")


def _forget_peak():
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")


def _status(name):
    """Returns the memory of this process in bytes, current or peak since the last reset."""
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


def register() -> None:
    """Makes Pillow read results of all formats."""
    opening.register_heif()
