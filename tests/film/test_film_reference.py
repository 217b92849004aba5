"""References in films: each applies from its time on, and pieces made with another one are not reused."""

import av
import films
import numpy as np
import pytest
from PIL import ImageColor

import tf_colorize
from tf_colorize import hints
from tf_colorize.color.look import Look, Reference
from tf_colorize.film import coloring, pieces
from tf_colorize.inference import matching

N_FRAMES = 48
SIZE = (96, 64)


@pytest.fixture
def movie(tmp_path):
    return films.write(tmp_path / "movie.mp4", n_frames=N_FRAMES, n_shots=2, size=SIZE, audio=None)


@pytest.fixture
def everywhere(monkeypatch):
    """Matches each place with the first pixel of the last reference."""

    def wanted(lightness, references, side, given=None):
        found = np.zeros((1, side, side, 3), np.float32)
        if references:
            found[..., :2] = tf_colorize.color.lab.rgb_to_lightness_ab(references[-1].rgb)[1][0, 0]
            found[..., 2] = 1
        return found

    monkeypatch.setattr(matching, "wanted", wanted)


def colorizer():
    def network(lightness, given=None):
        return np.zeros((*lightness.shape[:3], 2), np.float32) if given is None else given[..., :2]

    return tf_colorize.Colorizer(hints.WithHints(network, network), 64)


def plain(color, time=None):
    return Reference(color, (4, 4), np.full((4, 4, 3), ImageColor.getrgb(color), np.uint8).tobytes(), time)


def test_each_reference_applies_from_its_time_on(movie, everywhere, tmp_path):
    cut = N_FRAMES / 2 / films.RATE
    look = Look(reference=(plain("#b04040"), plain("#4040b0", time=cut)))
    result = tmp_path / "result.mp4"
    coloring.color_film(colorizer(), movie, result, coloring.Options(look=look))
    with av.open(str(result)) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    red_over_blue = [(frame[..., 0] - frame[..., 2]).mean() for frame in frames]
    assert len(frames) == N_FRAMES
    assert min(red_over_blue[: N_FRAMES // 2]) > 5 and max(red_over_blue[N_FRAMES // 2 :]) < -5


def test_pieces_made_with_another_reference_are_not_reused(movie, everywhere, tmp_path, monkeypatch):
    jobs = []

    def stopped(target, job, **options):
        jobs.append(job)
        raise KeyboardInterrupt

    monkeypatch.setattr(pieces, "Pieces", stopped)
    looks = (Look(), Look(reference=(plain("#b04040"),)), Look(reference=(plain("#4040b0"),)))
    for look in looks:
        with pytest.raises(KeyboardInterrupt):
            coloring.color_film(colorizer(), movie, tmp_path / "x.mp4", coloring.Options(look=look))
    assert jobs[0] != jobs[1] != jobs[2] and "reference" not in jobs[0]
