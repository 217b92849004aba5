"""Whom a film keeps out, its result keeps out, too."""

import os
import pathlib
import stat

import film_kinds
import pytest

from tf_colorize import Colorizer
from tf_colorize.film import coloring, pieces, preview, reading

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"
pytestmark = [film_kinds.needs_ffmpeg, pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o644])
def test_a_result_is_for_the_same_people_as_the_film(tmp_path, bits):
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
