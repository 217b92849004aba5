"""Damaged picture files: the message begins with plain words."""

import io

import photo_bytes
import pytest
from PIL import Image

from tf_colorize.photos import files


def png(data):
    """A PNG whose header says 8 x 8 pixels, with this data."""
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "PNG")
    chunks = [(kind, data if kind == b"IDAT" else content) for kind, content in photo_bytes.chunks_of(file.getvalue())]
    return b"\x89PNG\r\n\x1a\n" + b"".join(photo_bytes.chunk(*one) for one in chunks)


def tiff(tag, value):
    file = io.BytesIO()
    photo_bytes.gray().save(file, "TIFF")
    data = file.getvalue()
    position = data.index(tag.to_bytes(2, "little"), int.from_bytes(data[4:8], "little")) + 8
    return data[:position] + value.to_bytes(4, "little") + data[position + 4 :]


@pytest.mark.parametrize("data", [png(b"no zlib"), png(b"\x78\x9c" + b"\xff" * 20), tiff(0x0103, 5)])
def test_a_damaged_file_is_called_damaged(data):
    with pytest.raises(files.ImageError, match=r"^<bytes>: the file is damaged \(.+\)$"):
        files.read(data)


@pytest.mark.parametrize("max_pixels, reason", [(10, "over the limit"), (100, "32-bit pixels have no defined white")])
def test_an_intact_file_is_not_called_damaged(max_pixels, reason):
    file = io.BytesIO()
    Image.new("F", (8, 8)).save(file, "TIFF")
    with pytest.raises(files.ImageError, match=reason) as error:
        files.read(file.getvalue(), max_pixels=max_pixels)
    assert "damaged" not in str(error.value)


def test_a_picture_that_an_encoder_refuses_is_reported_in_a_clear_line(tmp_path):
    pytest.importorskip("pillow_heif")
    with pytest.raises(files.ImageError, match=r"x.heic: cannot.*HEIC does not support 5000 x 4 pixels.*choose PNG"):
        files.save(Image.new("RGB", (5000, 4)), tmp_path / "x.heic")
    assert not list(tmp_path.iterdir())
