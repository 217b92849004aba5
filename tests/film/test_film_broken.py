"""Files that break the rules of their formats: truncated, packed, with pictures that are not a film."""

import film_kinds
import pytest

from tf_colorize.film import coloring, reading

pytestmark = film_kinds.needs_ffmpeg


X264 = ("-c:v", "libx264", "-c:a", "aac")
CUT = {
    "index_first.mp4": (*X264, "-movflags", "+faststart"),
    "fragments.mp4": (*X264, "-movflags", "frag_keyframe+empty_moov", "-g", "10"),
    "film.mkv": X264,
    "divx.avi": ("-c:v", "mpeg4", "-bf", "2", "-c:a", "mp3"),
    "film.mpg": ("-c:v", "mpeg2video", "-bf", "2", "-c:a", "mp2", "-f", "mpeg"),
}


@pytest.mark.parametrize("name", CUT)
def test_a_truncated_film_is_colored_to_its_end(tmp_path, colorizer, name):
    film = film_kinds.make(tmp_path / name, *CUT[name], seconds=2)
    data = film.read_bytes()
    film.write_bytes(data[: len(data) * 6 // 10])
    result = tmp_path / f"result{film.suffix if film.suffix == '.mp4' else '.mkv'}"
    done = coloring.color_film(colorizer, film, result)
    n_frames = int(film_kinds.probed(film)[0]["nb_read_frames"])
    assert int(film_kinds.probed(result)[0]["nb_read_frames"]) == done.n_frames
    assert 10 < n_frames <= done.n_frames + 1


def test_packed_frames_are_shown_at_their_times(tmp_path, colorizer):
    """Two frames in one packet and an empty one after it, as in many .avi files, whose presentation times are wrong."""
    film = film_kinds.make(tmp_path / "film.avi", "-c:v", "libxvid", "-bf", "2", "-c:a", "mp3", seconds=2)
    done = coloring.color_film(colorizer, film, tmp_path / "result.mkv")
    assert film_kinds.times(tmp_path / "result.mkv") == pytest.approx(
        [number / 25 for number in range(done.n_frames)], abs=0.0021
    )
    assert done.n_frames == int(film_kinds.probed(film)[0]["nb_read_frames"])
    assert not any("damaged" in note for note in done.notes)


def test_a_cover_picture_is_left_out_with_a_notice(tmp_path, colorizer):
    film, cover = film_kinds.make(tmp_path / "film.mp4", *X264), tmp_path / "cover.png"
    film_kinds.make(cover, "-frames:v", "1", size="200x200", sound=False)
    whole = tmp_path / "whole.mp4"
    mapped = ("-map", "1", "-map", "0", "-c", "copy", "-disposition:v:0", "attached_pic", "-disposition:v:1", "0")
    film_kinds.ffmpeg("-i", film, "-i", cover, *mapped, whole)
    opened = reading.open_film(whole)
    assert (opened.width, opened.height) == (64, 48)
    done = coloring.color_film(colorizer, opened, tmp_path / "result.mp4")
    assert "the cover picture was left out" in done.notes and done.n_frames == 25


def test_two_films_in_one_file(tmp_path, colorizer):
    film = film_kinds.make(tmp_path / "film.mp4", *X264)
    whole = tmp_path / "whole.mkv"
    film_kinds.ffmpeg("-i", film, "-i", film, "-map", "0", "-map", "1:v", "-c", "copy", whole)
    done = coloring.color_film(colorizer, whole, tmp_path / "result.mkv")
    assert "another video stream was left out" in done.notes and done.n_frames == 25
