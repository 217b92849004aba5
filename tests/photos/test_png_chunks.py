"""PNG files that Pillow rejects although their pixels are intact, and colors that are converted only once."""

import struct
import zlib

import color_profiles
import numpy as np
import photo_bytes as made
import pytest

from tf_colorize import Colorizer
from tf_colorize.color import profiles
from tf_colorize.photos import files

GRAY = made.gray()
PIXELS = np.asarray(GRAY)
LONG_TEXT = b"Author\0\0" + zlib.compress(b"x" * 3_000_000)  # Pillow refuses more than 1 MB


def png(*chunks):
    return made.with_chunks(made.encoded(GRAY, "PNG"), *chunks)


def wrong_sum(kind, data):
    chunk = made.chunk(kind, data)
    return chunk[:-1] + bytes([chunk[-1] ^ 1])


def test_long_text_does_not_make_a_picture_unreadable_and_is_kept(tmp_path):
    picture = files.read(png(made.chunk(b"zTXt", LONG_TEXT)))
    np.testing.assert_array_equal(np.asarray(picture.image), PIXELS)
    assert picture.notes == []
    files.save(picture.image, tmp_path / "x.png", picture)
    assert (b"zTXt", LONG_TEXT) in list(made.chunks_of((tmp_path / "x.png").read_bytes()))


@pytest.mark.parametrize(
    ("chunk", "name"),
    [
        (made.chunk(b"gAMA", b"\0"), "gAMA"),
        (made.chunk(b"cHRM", bytes(8)), "cHRM"),
        (wrong_sum(b"pHYs", bytes(9)), "pHYs"),
        (made.chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1 << 21))), "iCCP"),
    ],
)
def test_a_broken_chunk_that_pixels_do_not_need_is_left_out_with_a_notice(chunk, name):
    picture = files.read(png(chunk))
    np.testing.assert_array_equal(np.asarray(picture.image), PIXELS)
    assert picture.notes == [f"broken {name} left out"]


def test_a_wrong_sum_in_text_loses_no_pixels():
    np.testing.assert_array_equal(np.asarray(files.read(png(wrong_sum(b"tEXt", b"Title\0x"))).image), PIXELS)


@pytest.mark.parametrize("kind", [b"IDAT", b"IHDR"])
def test_broken_pixels_stay_an_error(kind):
    data = png(made.chunk(b"gAMA", b"\0"))
    place = data.index(kind) + 5
    with pytest.raises(files.ImageError):
        files.read(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("chunks", ["gamma", "primaries", "profile"])
def test_colors_are_converted_once_from_file_to_result(mode, chunks):
    image = GRAY.convert(mode)
    gamma = made.chunk(b"gAMA", struct.pack(">I", 100_000))
    if chunks == "profile":
        data = made.encoded(image, "PNG", icc_profile=color_profiles.gamma(1.8, gray=mode.startswith("L")))
    else:
        wide = made.chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600))
        data = made.with_chunks(made.encoded(image, "PNG"), gamma, *([wide] if chunks == "primaries" else []))
    picture = files.read(data)
    again, note = profiles.convert(picture.image.copy())
    assert note is None
    np.testing.assert_array_equal(np.asarray(again), np.asarray(picture.image))
    colorless = Colorizer(lambda lightness: np.zeros((*lightness.shape[:3], 2), np.float32), 32)
    expected = np.asarray(picture.image.convert("RGB")).astype(int)
    assert np.abs(colorless(picture).astype(int) - expected).max() <= 1
