"""A result has the permissions and the time of the film."""

import os
import pathlib
import stat

import film_kinds
import pytest

from tf_colorize import Colorizer, durable
from tf_colorize.film import coloring, pieces, preview, reading

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"
pytestmark = [film_kinds.needs_ffmpeg, pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def while_writable(path):
    """Flushes a file as users other than root must, who cannot open a read-only file for that."""
    assert mode(path) & stat.S_IWUSR


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o644, 0o444])
def test_a_result_has_the_access_permissions_of_the_film(tmp_path, bits, monkeypatch):
    monkeypatch.setattr(durable, "sync", while_writable)
    colorizer, film = Colorizer.load(MODEL), tmp_path / "film.mp4"
    film_kinds.make(film, "-c:v", "libx264", seconds=0.4, sound=False).chmod(bits)
    target, seen = tmp_path / "film.color.mp4", []
    coloring.color_film(
        colorizer, film, target, coloring.Options(), report=lambda _: seen.append(mode(pieces.folder_of(target)))
    )
    assert mode(target) == bits
    assert set(seen) == {0o700}  # nobody else reads the pieces
    preview.write(colorizer, reading.open_film(film), tmp_path / "film.compare.jpg", 2, coloring.Options())
    assert mode(tmp_path / "film.compare.jpg") == bits


def test_a_private_result_stays_private_when_it_is_made_again(tmp_path):
    film = film_kinds.make(tmp_path / "film.mp4", "-c:v", "libx264", seconds=0.4, sound=False)
    target = tmp_path / "film.color.mp4"
    target.touch(0o600)
    coloring.color_film(Colorizer.load(MODEL), film, target, coloring.Options())
    assert target.stat().st_size > 0 and mode(target) == 0o600


def test_a_result_has_the_time_of_the_film(tmp_path):
    film = film_kinds.make(tmp_path / "film.mp4", "-c:v", "libx264", seconds=0.4, sound=False)
    os.utime(film, (1_000_000_000, 1_000_000_000))
    target = tmp_path / "film.color.mp4"
    coloring.color_film(Colorizer.load(MODEL), film, target, coloring.Options())
    assert target.stat().st_mtime == 1_000_000_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.color.mp4", "film.mp4"]


def test_numbered_images_give_the_permissions_of_the_first(tmp_path):
    film_kinds.make(tmp_path / "%03d.png", "-frames:v", "4", sound=False)
    for path in tmp_path.glob("*.png"):
        path.chmod(0o600)
    colorizer, images = Colorizer.load(MODEL), tmp_path / "%03d.png"
    coloring.color_film(colorizer, images, tmp_path / "result.mp4", coloring.Options())
    preview.write(colorizer, reading.open_film(images), tmp_path / "result.jpg", 2, coloring.Options())
    assert mode(tmp_path / "result.mp4") == mode(tmp_path / "result.jpg") == 0o600
