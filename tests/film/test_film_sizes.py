"""A model of several sizes: films are seen at the smallest, photos at the largest that enlarges nothing."""

import film_kinds
import numpy as np
import pytest
from PIL import Image

import tf_colorize
from tf_colorize.albums import variants
from tf_colorize.film import coloring, preview, reading
from tf_colorize.inference import predictor

pytestmark = film_kinds.needs_ffmpeg


class Recorder:
    """A network of three sizes that takes hints, and the sides of the squares that it has seen."""

    def __init__(self):
        self.sides = []
        model = predictor.Predictor(16, self.automatic, self.hinted, larger_sizes=(32, 48))
        self.colorizer = tf_colorize.Colorizer(model, threads=1)

    def automatic(self, lightness):
        self.sides.append(lightness.shape[1:3])
        return np.full((*lightness.shape[:3], 2), 0.2, np.float32)

    def hinted(self, lightness, given):
        assert given.shape == (*lightness.shape[:3], 3)
        return self.automatic(lightness)


def test_films_are_seen_at_the_smallest_size(tmp_path):
    recorder = Recorder()
    film = film_kinds.make(tmp_path / "movie.mkv", "-c:v", "ffv1", sound=False, seconds=0.4)  # of 64 x 48 pixels
    coloring.color_film(recorder.colorizer, film, tmp_path / "result.mkv", coloring.Options())
    assert set(recorder.sides) == {(16, 16)}
    recorder.sides.clear()
    options, label = coloring.Options(), str
    preview.write(recorder.colorizer, reading.open_film(film), tmp_path / "stills.jpg", 2, options, label=label)
    assert set(recorder.sides) == {(16, 16)}


@pytest.mark.parametrize(("size", "side"), [((64, 48), 48), ((48, 48), 48), ((48, 47), 32), ((8, 8), 16)])
def test_photos_with_hints_and_variants_are_seen_at_the_largest(size, side):
    recorder = Recorder()
    photo = Image.new("L", size, 120)
    recorder.colorizer(photo)
    recorder.colorizer(photo, hints=[(3, 3, "navy")])
    variants.sheet(recorder.colorizer, photo, tf_colorize.Look(), [], lambda one: "", has_colors=False)
    assert set(recorder.sides) == {(side, side)} and len(recorder.sides) > 3
