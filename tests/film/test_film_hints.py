"""Hints in films: given once, at a time and a place, they follow their object until the shot ends."""

import json

import films
import numpy as np
import pytest

import tf_colorize
from tf_colorize import hints as hints_module
from tf_colorize.color import lab
from tf_colorize.commands import film as film_command
from tf_colorize.film import coloring, frames, reading, tracking
from tf_colorize.hints import Hint

SIZE = (192, 128)
N_FRAMES = 60  # in two shots; the camera moves by a pixel a frame, across and down
CUT = N_FRAMES // 2 / films.RATE  # seconds


@pytest.fixture
def movie(tmp_path):
    return films.write(tmp_path / "movie.mp4", n_frames=N_FRAMES, n_shots=2, size=SIZE, audio=None)


def lightness_of(frame):
    return lab.rgb_to_lightness(frame.rgb())[np.newaxis, :, :, :1]


def followed(film, *hints, **part):
    """Frame number -> places in pixels of the hints."""
    wanted = film.table.part(part.get("start"), part.get("end"))
    found = tracking.tracks(film, hints, lightness_of, wanted)
    return {number: [hint.place(*SIZE) for hint in tracking.hints_at(found, hints, number)] for number in found}


def test_hints_follow_their_object_and_end_with_their_shot(movie):
    film = reading.open_film(movie)
    found = followed(film, Hint(100, 60, "red", time=0.6), Hint("50%", "50%", "navy", time=1.6))
    assert list(found) == list(range(N_FRAMES))
    for index, places in found.items():
        (place,) = places  # only that of its own shot
        moved = 15 - index if index < 30 else 40 - index
        expected = np.add((100, 60) if index < 30 else (96, 64), moved)
        assert np.abs(place - expected).max() < 2.5, index


def test_hints_at_one_time_apply_only_within_the_selected_part(movie):
    film = reading.open_film(movie)
    both = Hint(100, 60, "red", time=0.6), Hint(50, 80, "navy", time=0.6)
    found = followed(film, *both, start=0.4, end=0.8)
    assert set(range(10, 20)) <= set(found) <= set(range(10, 22))
    assert all(len(places) == 2 for places in found.values())
    # From outside of the part, too, if the shot goes on in it.
    assert set(range(5)) <= set(followed(film, both[0], end=0.2))


def test_a_hint_ends_where_its_place_leaves_the_frame(movie):
    found = followed(reading.open_film(movie), Hint(10, 60, "red", time=0.0))
    assert max(found) < 15 and max(found) > 5


@pytest.mark.parametrize(
    ("hint", "reason"),
    [
        (Hint(10, 10, "red"), r"needs a time in a film"),
        (Hint(10, 10, "red", time=100.0), r"has no frame at 100 s, the time of a hint"),
        (Hint(1000, 10, "red", time=0.5), r"hint at 1000,10: must be inside"),
    ],
)
def test_hints_that_apply_to_no_frame_are_reported(movie, hint, reason):
    with pytest.raises(frames.FilmError, match=reason):
        followed(reading.open_film(movie), hint)


class Painter:
    """A colorizer whose network gives gray, and a hint's color all around it."""

    image_size = 64

    def __new__(cls):
        return tf_colorize.Colorizer(hints_module.WithHints(cls.automatic, cls.hinted), cls.image_size)

    @staticmethod
    def automatic(lightness):
        return np.zeros((*lightness.shape[:3], 2), np.float32)

    @staticmethod
    def hinted(lightness, hints):
        color = hints[..., :2].sum(axis=(1, 2)) / hints[..., 2:].sum(axis=(1, 2))
        near = np.hypot(*(np.indices(hints.shape[1:3]) - np.argwhere(hints[0, :, :, 2]).mean(0)[:, None, None])) < 12
        return (near[None, :, :, None] * color).astype(np.float32)


def test_a_hint_colors_its_shot_and_no_other(movie, tmp_path):
    result = tmp_path / "result.mp4"
    options = coloring.Options(hints=(Hint(100, 60, "#a02020", time=0.6),))
    coloring.color_film(Painter(), movie, result, options)
    for index, (_, rgb) in enumerate(films.pictures(result)):
        redness = rgb[..., 0].astype(int) - rgb[..., 1]
        x, y = np.add((100, 60), 15 - index)
        if index < 30:
            around = redness[max(y - 20, 0) : y + 21, x - 30 : x + 31]
            assert around.mean() > 15 > 5 * np.abs(redness[:, :30]).mean(), index
        else:
            assert np.abs(redness).mean() < 3, index


def test_a_hints_file_beside_the_film_is_used_and_reported(movie, monkeypatch, capsys):
    monkeypatch.setattr(film_command, "_load", lambda options: (Painter(), "painter"))
    file = movie.with_name("movie.hints.json")
    hints_module.write([Hint(100, 60, "#a02020", time=0.6)], file)
    assert film_command.main([str(movie)]) == 0
    assert "1 hint from movie.hints.json" in capsys.readouterr().out
    _, first = films.pictures(movie.with_name("movie.color.mp4"))[0]
    assert (first[..., 0].astype(int) - first[..., 1]).max() > 25
    # Another file: the pieces and the result of these hints are not taken for those of others.
    content = json.loads(file.read_text())
    del content["hints"][0]["time"]
    other = movie.with_name("other.json")
    other.write_text(json.dumps(content))
    assert film_command.main([str(movie), "--hints", str(other), "--overwrite"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "needs a time in a film" in line
    assert film_command.main([str(movie), str(movie), "--hints", str(other)]) == 2
    assert "NAME.hints.json beside each" in capsys.readouterr().err


def test_missing_hints_are_reported_in_one_line_although_a_result_exists(movie, capsys):
    result = movie.with_name("movie.color.mp4")
    result.write_bytes(b"made before")
    missing = movie.with_name("nowhere.json")
    assert film_command.main([str(movie), "--hints", str(missing)]) == 1
    said = capsys.readouterr()
    assert said.err == f"tf-colorize film: {missing}: No such file or directory\n" and said.out == ""
    assert result.read_bytes() == b"made before"


def test_a_preview_shows_hints(movie, monkeypatch):
    monkeypatch.setattr(film_command, "_load", lambda options: (Painter(), "painter"))
    hints_module.write([Hint("50%", "50%", "#a02020", time=0.6)], movie.with_name("movie.hints.json"))
    assert film_command.main([str(movie), "--preview", "2"]) == 0
    pixels = np.asarray(films.stills(movie.with_name("movie.compare.jpg"), 2, SIZE)).astype(int)
    reds = (pixels[..., 0] - pixels[..., 1] > 20).mean(axis=1)
    # The first still is of the shot with the hint, the second is not.
    middle = len(reds) // 2
    assert reds[:middle].max() > 0.05 and reds[middle + 20 :].max() < 0.01


def test_a_model_without_hints_is_reported(movie, monkeypatch, capsys):
    model = tf_colorize.Colorizer(Painter.automatic, Painter.image_size)
    monkeypatch.setattr(film_command, "_load", lambda options: (model, "plain"))
    hints_module.write([Hint(100, 60, "red", time=0.6)], movie.with_name("movie.hints.json"))
    assert film_command.main([str(movie)]) == 1
    assert "the model takes no hints" in capsys.readouterr().err
    assert not movie.with_name("movie.color.mp4").exists()


def decoded_frames(monkeypatch):
    """Collects the number of each frame that is decoded."""
    seen, whole = [], reading.frames_of

    def counted(*arguments, **options):
        for frame in whole(*arguments, **options):
            seen.append(frame.number)
            yield frame

    monkeypatch.setattr(reading, "frames_of", counted)
    return seen


def test_the_film_is_read_once_for_all_hints(movie, monkeypatch):
    film = reading.open_film(movie)
    seen = decoded_frames(monkeypatch)
    hints = [Hint(96, 64, "red", time=number / films.RATE) for number in range(0, N_FRAMES, 3)]
    found = tracking.tracks(film, hints, lightness_of)
    assert seen == list(range(N_FRAMES))
    assert len(found[20]) > 5 and len(found[50]) > 5
    # Each in its own shot: none of a later one is in the first.
    assert {index for index, *_ in found[20]} <= set(range(10))


def test_hints_are_not_followed_again_on_resume(movie, tmp_path, monkeypatch):
    monkeypatch.setattr(coloring, "_PIECE_SECONDS", 0.0)
    options = coloring.Options(hints=(Hint(100, 60, "#a02020", time=0.6),))

    def stop(n_frames):
        if n_frames > 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        coloring.color_film(Painter(), movie, tmp_path / "result.mp4", options, report=stop)
    monkeypatch.setattr(tracking, "tracks", lambda *arguments: pytest.fail("followed again"))
    done = coloring.color_film(Painter(), movie, tmp_path / "result.mp4", options)
    assert done.n_resumed > 0 and done.n_frames == N_FRAMES
    _, rgb = films.pictures(tmp_path / "result.mp4")[20]
    assert (rgb[..., 0].astype(int) - rgb[..., 1]).max() > 25
