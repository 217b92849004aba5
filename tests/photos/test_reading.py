"""Where photos come from: pipes, and containers that several formats share; the limits of formats."""

import os
import stat
import struct
import sys
import threading

import numpy as np
import photo_bytes as made
import pytest
from PIL import Image

from tf_colorize.photos import files, origins


def with_brands(data, major, *compatible):
    """An AVIF or HEIC file with other brands at the start and adjusted offsets."""
    length = int.from_bytes(data[:4], "big")
    n_brands = (length - 16) // 4
    assert len(compatible) <= n_brands
    brands = b"".join(compatible).ljust(4 * n_brands, b"\0")
    return data[:4] + b"ftyp" + major + bytes(4) + brands + data[length:]


@pytest.mark.parametrize("brands", [(b"mif1", b"avif"), (b"mif1", b"miaf", b"avif"), (b"avif",)])
def test_compatible_brands_say_that_it_is_an_avif(brands):
    data = with_brands(made.encoded(made.gray().convert("RGB"), "AVIF"), *brands)
    picture = files.read(data)
    assert picture.format == "AVIF" and picture.image.size == (64, 48)


@pytest.mark.parametrize("brands", [(b"mif1", b"heic"), (b"mif1", b"miaf", b"heix")])
def test_compatible_brands_say_that_it_is_a_heic(brands):
    pytest.importorskip("pillow_heif").register_heif_opener()
    data = with_brands(made.encoded(made.gray().convert("RGB"), "HEIF"), *brands)
    assert files.read(data).format == "HEIF"


def test_without_a_heic_reader_the_brands_show_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = made.encoded(made.gray().convert("RGB"), "AVIF")
    assert files.read(with_brands(data, b"mif1", b"avif")).format == "AVIF"
    with pytest.raises(files.ImageError, match="HEIC needs the package pillow-heif"):
        files.read(with_brands(data, b"mif1", b"heic"))


def test_another_container_is_named():
    with pytest.raises(files.ImageError, match="not a picture in a readable format"):
        files.read(struct.pack(">I4s4sI4s", 20, b"ftyp", b"mp42", 0, b"isom") + bytes(100))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_a_pipe_is_read_once(image_format, tmp_path):
    data = made.encoded(made.gray().convert("RGB"), image_format)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    assert files.pixel_count(pipe) == 0  # which leaves the pipe alone
    picture = files.read(pipe)
    writer.join()
    np.testing.assert_array_equal(np.asarray(picture.image), np.asarray(files.read(data).image))
    assert picture.origin is None


def test_an_open_descriptor_is_read_once():
    data = made.encoded(made.gray(), "JPEG")
    reading, writing = os.pipe()
    with open(writing, "wb") as file:
        file.write(data)
    try:
        assert files.read(f"/dev/fd/{reading}").image.size == (64, 48)
    finally:
        os.close(reading)


@pytest.mark.parametrize(
    "suffix, size, name",
    [
        ("jpg", (65_501, 2), "JPEG"),
        ("webp", (2, 16_384), "WebP"),
        ("gif", (65_536, 2), "GIF"),
        ("avif", (32_769, 4), "AVIF"),
    ],
)
def test_pictures_too_large_for_a_format_are_rejected_with_an_alternative(suffix, size, name, tmp_path):
    wanted = rf"{size[0]} x {size[1]} pixels are more than {name} supports, [\d,]+ a side; choose PNG or TIFF"
    with pytest.raises(files.ImageError, match=wanted):
        files.check_size(size, files.FORMATS[f".{suffix}"])
    with pytest.raises(files.ImageError, match=wanted):
        files.save(Image.new("RGB", size), tmp_path / f"x.{suffix}")
    assert os.listdir(tmp_path) == []
    for other in ("png", "tif"):
        files.check_size(size, files.FORMATS[f".{other}"])
        files.save(Image.new("RGB", size), tmp_path / f"x.{other}")
        assert files.read(tmp_path / f"x.{other}").image.size == size
    largest = tuple(side - 1 if side == max(size) else side for side in size)
    files.save(Image.new("RGB", largest), tmp_path / f"y.{suffix}")
    assert files.read(tmp_path / f"y.{suffix}").image.size == largest


posix = pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")


@posix
@pytest.mark.parametrize(
    "mode, expected", [(0o600, 0o600), (0o640, 0o640), (0o644, 0o644), (0o777, 0o664), (0o444, 0o444)]
)
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_the_result_has_the_access_permissions_of_the_photo(mode, expected, suffix, tmp_path):
    photo = tmp_path / f"photo.{suffix}"
    made.gray().save(photo)
    photo.chmod(mode)
    os.utime(photo, ns=(10**18, 10**18))
    picture = files.read(photo)
    before = os.umask(0o022)
    try:
        files.save(picture.image, tmp_path / f"new.{suffix}", picture)
        files.save(picture.image, tmp_path / f"new.{suffix}", picture)  # again, over the first
    finally:
        os.umask(before)
    status = (tmp_path / f"new.{suffix}").stat()
    assert stat.S_IMODE(status.st_mode) == expected and status.st_mtime_ns == 10**18


@posix
def test_others_cannot_read_a_result_while_it_is_written(tmp_path, monkeypatch):
    photo = tmp_path / "photo.png"
    made.gray().save(photo)
    photo.chmod(0o600)
    picture, seen = files.read(photo), []

    def look(*arguments, **parameters):
        seen.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())

    monkeypatch.setattr(Image.Image, "save", look)
    files.save(picture.image, tmp_path / "new.jpg", picture)
    assert seen == [0o600, 0o600]


@posix
def test_a_private_result_stays_private_when_it_is_made_again(tmp_path):
    photo = tmp_path / "photo.png"
    made.gray().save(photo)
    picture = files.read(photo)
    for _ in range(2):
        files.save(picture.image, tmp_path / "new.png", picture)
        (tmp_path / "new.png").chmod(0o600)
    files.save(picture.image, tmp_path / "new.png", picture)
    assert stat.S_IMODE((tmp_path / "new.png").stat().st_mode) == 0o600


@posix
def test_group_permissions_are_not_given_to_another_group(tmp_path, monkeypatch):
    whose = origins.Origin(0o640, os.getuid(), os.getgid() + 1, 0)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getgroups", lambda: [os.getgid()])
    assert origins.mode_for(whose, tmp_path / "new") == 0o600
    monkeypatch.setattr(os, "getgroups", lambda: [os.getgid() + 1])
    assert origins.mode_for(whose, tmp_path / "new") == 0o640


def test_a_result_may_go_into_a_pipe(tmp_path):
    made.gray().save(tmp_path / "photo.png")
    picture = files.read(tmp_path / "photo.png")
    os.mkfifo(tmp_path / "pipe.png")
    said = []
    reader = threading.Thread(target=lambda: said.append((tmp_path / "pipe.png").read_bytes()))
    reader.start()
    files.save(picture.image, tmp_path / "pipe.png", picture)
    reader.join()
    assert files.read(said[0]).image.size == (64, 48)
