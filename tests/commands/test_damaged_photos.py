"""Damaged photos on the command line: a line for each, whatever the libraries below write."""

import io
import subprocess
import sys

import photo_bytes
import pytest
import tiny_models
from PIL import Image


def damaged_tiffs():
    file = io.BytesIO()
    picture = photo_bytes.gray()
    picture.save(file, "TIFF", compression="tiff_adobe_deflate")
    data = file.getvalue()
    pixels = int.from_bytes(photo_bytes.tags_of(data)[0x0111][:4], "little")
    broken_pixels = data[: pixels + 4] + bytes(8) + data[pixels + 12 :]  # libtiff complains on its own
    directory = int.from_bytes(data[4:8], "little")
    position = data.index(b"\x02\x01\x03\x00", directory)  # how many bits a pixel has, now as many numbers
    broken_tag = data[: position + 4] + (5000).to_bytes(4, "little") + data[position + 8 :]  # Pillow warns
    return {"pixels.tif": broken_pixels, "tag.tif": broken_tag}


@pytest.mark.parametrize("name", ["pixels.tif", "tag.tif"])
@pytest.mark.parametrize("is_piped", [False, True])
def test_messages_of_libraries_about_damaged_photos_are_hidden(tmp_path, name, is_piped):
    data = damaged_tiffs()[name]
    probe = "import io, sys; from PIL import Image; Image.open(io.BytesIO(sys.stdin.buffer.read())).load()"
    by_pillow = subprocess.run([sys.executable, "-c", probe], input=data, capture_output=True)
    assert by_pillow.stderr.count(b"\n") > 1  # so there is something to hide
    (tmp_path / name).write_bytes(data)
    Image.new("L", (8, 8), 99).save(tmp_path / "whole.png")
    paths = ["-"] if is_piped else [tmp_path / name, tmp_path / "whole.png"]
    command = [sys.executable, "-m", "tf_colorize", *paths, "-o", tmp_path / ("x.png" if is_piped else "out")]
    command += ["--model", tiny_models.STORED]
    done = subprocess.run([*map(str, command)], input=data if is_piped else None, capture_output=True)
    complaints = done.stderr.decode().splitlines()
    named = [line for line in complaints if name in line or "standard input" in line]
    assert done.returncode == 1 and len(named) == 1 and len(complaints) == (1 if is_piped else 2), complaints
