"""Photos that are cut off, damaged, missing or too large; and results that cannot be written."""

import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import photo_pixels
import pytest
from PIL import Image

from tf_colorize.photos import files


def test_a_truncated_jpeg_is_an_error_unless_allowed(color):
    whole = photo_pixels.encoded(color, "JPEG", quality=95)
    data = whole[: len(whole) * 6 // 10]
    with pytest.raises(files.ImageError, match="truncated"):
        files.read(data)
    picture = files.read(data, allow_truncated=True)
    assert picture.notes == ["truncated, read as far as it goes"]
    np.testing.assert_array_equal(np.asarray(picture.image)[:24], photo_pixels.pixels(whole)[:24])
    assert picture.image.size == (120, 80)


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "WEBP", "BMP", "GIF", "AVIF"])
def test_other_truncated_files_are_errors(color, image_format):
    whole = photo_pixels.encoded(color, image_format)
    for options in ({}, {"allow_truncated": True}):
        with pytest.raises(files.ImageError) as caught:
            files.read(whole[: len(whole) // 2], **options)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "the file is empty"),
        (b"hello, world, this is text", "not a picture in a readable format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture in a readable format"),
    ],
)
def test_files_that_are_not_pictures_are_reported(tmp_path, content, reason):
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    with pytest.raises(files.ImageError) as caught:
        files.open_rgb(path)
    assert str(caught.value) == f"{path}: {reason}"
    with pytest.raises(files.ImageError, match=f"<bytes>: {reason}"):
        files.open_rgb(content)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(files.ImageError, match="x.jpg: No such file"):
        files.open_rgb(tmp_path / "x.jpg")
    with pytest.raises(files.ImageError, match="Is a directory"):
        files.open_rgb(tmp_path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_over_the_limit_is_refused_before_decoding(color):
    with pytest.raises(files.ImageError, match="120 x 80 pixels are over the limit of 9,599"):
        files.read(photo_pixels.encoded(color, "PNG"), max_pixels=9599)
    assert files.read(photo_pixels.encoded(color, "PNG"), max_pixels=9600).image.size == (120, 80)
    # A head that lies: 13000 x 13000 pixels in 100 bytes.
    data = bytearray(photo_pixels.encoded(Image.new("1", (1, 1)), "PNG"))
    data[16:24] = struct.pack(">II", 13000, 13000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(files.ImageError):
        files.read(bytes(data))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "AVIF"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files_only_raise_image_errors(color, image_format):
    random = np.random.default_rng(0)
    whole = np.frombuffer(photo_pixels.with_metadata(color, image_format), np.uint8)
    for _ in range(40):
        damaged = whole.copy()
        places = random.integers(0, min(len(whole), random.choice([60, 400, len(whole)])), 8)
        damaged[places] = random.integers(0, 256, 8)
        try:
            assert files.read(damaged.tobytes(), max_pixels=10**7).image.mode in ("L", "LA", "RGB", "RGBA")
        except files.ImageError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".bmp", ".gif", ".avif"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, suffix, color):
    path = tmp_path / f"x{suffix}"
    files.save(Image.fromarray(color), path)
    room = path.stat().st_size - 10  # the last write is cut short, which is not yet an error to the system
    script = f"""
import resource, signal
import numpy as np
from PIL import Image
from tf_colorize.photos import files
image = files.open_rgb({str(path)!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
try:
    files.save(Image.fromarray(np.asarray(image)), {str(path)!r}, quality=95)
except files.ImageError as error:
    print(error)
"""
    before = path.read_bytes()
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == f"{path}: cannot be written: File too large\n"
    assert os.listdir(tmp_path) == [path.name] and path.read_bytes() == before


def test_files_that_cannot_be_written_are_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(files.ImageError, match="x.png: cannot be written: "):
        files.save(Image.new("RGB", (3, 3)), tmp_path / "file" / "x.png")
    no_space = pytest.raises(files.ImageError, match="No space left on device")
    with open("/dev/full", "wb", buffering=0) as full, no_space:
        files.save(Image.new("RGB", (3, 3)), full, image_format="JPEG")
