"""`--detelecine` against the film frames that FFmpeg's `telecine` filter made the video of."""

import pathlib

import film_kinds
import numpy as np
import pytest
from test_film_telecine import FILM, MPEG2, OTHERS, STILL, TELECINED, VIDEO, make

import tf_colorize
from tf_colorize.commands import film as command
from tf_colorize.film import coloring, detelecine, reading

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"
pytestmark = film_kinds.needs_ffmpeg

SIZE = (320, 240)
CASES = {
    "top.mpg": TELECINED["top.mpg"],
    "bottom.mpg": TELECINED["bottom.mpg"],
    "tape.mpg": ("telecine=pattern=2332", FILM, MPEG2, "320x240"),  # what camcorders of 24p record
    "not_marked_bottom.mp4": ("telecine=first_field=bottom", FILM, ("-c:v", "libx264"), "320x240"),
}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Luma of the film frames."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    film_kinds.make(path, "-c:v", "ffv1", rate=FILM, seconds=4, size="320x240", sound=False)
    return film_kinds.luma(path, size=SIZE).astype(float)


def planes(film, **which):
    for frame in reading.frames_of(film, **which):
        plane = frame.image.planes[0]
        yield np.frombuffer(plane, np.uint8).reshape(SIZE[1], -1)[:, : SIZE[0]].astype(float)


def nearest(number, plane, original):
    """The number of the film frame that frame `number` shows, and the difference of their luma in levels."""
    first = max(0, number - 4)
    distances = np.abs(original[first : number + 5] - plane).mean((1, 2))
    return first + int(distances.argmin()), distances.min()


@pytest.mark.parametrize("name", CASES)
def test_each_film_frame_is_restored_once_and_in_order(tmp_path, original, name):
    film = reading.open_film(make(tmp_path, name, *CASES[name]), takes_telecine_back=True)
    assert len(film.table) == len(original) == 96 and str(film.frame_rate) == FILM
    assert float(film.table.times[-1] * film.time_base) == pytest.approx(4.004, abs=0.034)
    found = [nearest(number, plane, original) for number, plane in enumerate(planes(film))]
    assert [number for number, _ in found] == list(range(96))
    assert max(distance for _, distance in found) < 2.5  # that of MPEG-2


def test_silent_film_of_18_frames_per_second_loses_none(tmp_path):
    spread = f"{film_kinds.GRAY},fps=60000/1001,tinterlace=interleave_top,fieldorder=tff"
    shape = {"rate": 18, "seconds": 6, "size": "320x240", "sound": False}
    path = film_kinds.make(tmp_path / "silent.mpg", "-r", VIDEO, "-q:v", "3", *MPEG2, filters=spread, **shape)
    original = film_kinds.luma(film_kinds.make(tmp_path / "film.mkv", "-c:v", "ffv1", **shape), size=SIZE).astype(float)
    assert any("telecined: it has at most 24 film frames" in note for note in reading.open_film(path).notes)
    film = reading.open_film(path, takes_telecine_back=True)
    shown = [np.abs(original[:, ::4, ::4] - plane[::4, ::4]).mean((1, 2)).argmin() for plane in planes(film)]
    assert len(film.table) == 144 and sorted(set(shown)) == list(range(108))


def test_a_result_has_24_frames_per_second_and_sound_in_sync_and_resumes(tmp_path, original):
    whole = f"{film_kinds.GRAY},telecine"
    tone = {"rate": FILM, "seconds": 4, "size": "320x240", "filters": whole}
    film = film_kinds.make(tmp_path / "tape.mpg", *MPEG2[:-2], "-c:a", "mp2", "-f", "mpeg", **tone)
    opened = reading.open_film(film, takes_telecine_back=True)
    colorizer, target = tf_colorize.Colorizer.from_tflite(MODEL), tmp_path / "result.mkv"
    done = coloring.color_film(colorizer, opened, target)
    video, _, _ = film_kinds.probed(target)
    assert int(video["nb_read_frames"]) == 96 == done.n_frames and str(film_kinds.rate(video)) == FILM
    assert film_kinds.times(target) == pytest.approx([number * 1001 / 24000 for number in range(96)], abs=0.0021)
    assert film_kinds.sound_checksum(target) == film_kinds.sound_checksum(film)
    assert any("telecine was taken back" in note for note in done.notes)
    assert not any("interlaced" in note or "telecined" in note for note in done.notes)
    part = list(planes(opened, first=50, last=60))
    assert [nearest(number, plane, original)[0] for number, plane in enumerate(part, 50)] == list(range(50, 60))


def test_frames_that_are_missing_do_not_break_the_rhythm(tmp_path, original):
    broken = f"select='not(between(n,31,32))*not(eq(n,77))',{film_kinds.GRAY}"
    video = make(tmp_path, "whole.mkv", "telecine", FILM, ("-c:v", "ffv1"), "320x240")
    film_kinds.ffmpeg("-i", video, "-vf", broken, "-fps_mode", "passthrough", "-c:v", "ffv1", tmp_path / "gaps.mkv")
    film = reading.open_film(tmp_path / "gaps.mkv", takes_telecine_back=True)
    assert len(film.table) == 96
    found = [nearest(number, plane, original)[0] for number, plane in enumerate(planes(film))]
    for number, shown in enumerate(found):  # at most the frames around a gap are others
        near_gap = any(abs(number - gap * 4 / 5) < 5 for gap in (31, 32, 77))
        assert number == shown or (near_gap and abs(number - shown) <= 2)


def test_fields_without_a_match_are_not_woven(tmp_path):
    """A scene that was recorded on video, 60 fields a second, between scenes from film."""
    lossless, fields, moving = ("-c:v", "ffv1"), "60000/1001", "scroll=horizontal=0.02"
    woven = f"{moving},tinterlace=interleave_top,trim=end_frame=20"
    scenes = [
        make(tmp_path, "before.mkv", "telecine,trim=end_frame=20", FILM, lossless, "320x240"),
        make(tmp_path, "video.mkv", woven, fields, lossless, "320x240"),
        make(tmp_path, "after.mkv", "telecine", FILM, lossless, "320x240"),
    ]
    joined = "[0:v][1:v][2:v]concat=n=3:v=1"
    given = [part for scene in scenes for part in ("-i", scene)]
    film_kinds.ffmpeg(*given, "-filter_complex", joined, *lossless, tmp_path / "all.mkv")
    film = reading.open_film(tmp_path / "all.mkv", takes_telecine_back=True)
    moments = make(tmp_path, "moments.mkv", f"{moving},trim=end_frame=40", fields, lossless, "320x240")
    moments = film_kinds.luma(moments, size=SIZE).astype(float)
    for plane in planes(film, first=18, last=30):  # each shows one moment, as far as half of its lines can
        assert np.abs(moments - plane).mean((1, 2)).min() < 2.5


@pytest.mark.parametrize("name", ["progressive.mp4", "pal.dv", "still.mp4", "film.mp4"])
def test_other_films_are_refused_in_one_line(tmp_path, capsys, name):
    film = make(tmp_path, name, *OTHERS[name])
    with pytest.raises(detelecine.NotTelecined):
        reading.open_film(film, takes_telecine_back=True)
    assert command.main([str(film), "--detelecine", "--model", str(MODEL)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line and line.endswith("Omit --detelecine for this film")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_frames_at_irregular_times_are_refused(tmp_path):
    moved = "setpts='(N+0.5*gt(N,60))/(30000/1001)/TB'"
    video = make(
        tmp_path, "moved.mkv", f"telecine,{moved}", FILM, ("-fps_mode", "passthrough", "-c:v", "ffv1"), "320x240"
    )
    with pytest.raises(detelecine.NotTelecined, match="irregular times"):
        reading.open_film(video, takes_telecine_back=True)


def test_timecodes_count_film_frames(tmp_path):
    code = ("-timecode", "01:02:03:21", "-c:v", "libx264")
    film = make(tmp_path, "tape.mov", "telecine", FILM, code, "320x240")
    target = tmp_path / "result.mov"
    opened = reading.open_film(film, takes_telecine_back=True)
    coloring.color_film(tf_colorize.Colorizer.from_tflite(MODEL), opened, target, coloring.Options(start=1.001))
    _, _, streams = film_kinds.probed(target)
    # Frame 21 of 30 is frame 16 of 24, and the part begins 24 frames later.
    assert {one["tags"]["timecode"] for one in streams if "timecode" in one.get("tags", {})} == {"01:02:04:16"}


def test_a_video_that_begins_with_stills_is_still_found(tmp_path):
    still = f"{STILL},trim=end_frame=40,setpts=N/FRAME_RATE/TB"
    title = make(tmp_path, "title.mkv", still, VIDEO, ("-c:v", "ffv1"), "320x240")
    moving = make(tmp_path, "moving.mkv", "telecine", FILM, ("-c:v", "ffv1"), "320x240")
    both = tmp_path / "both.mpg"
    joined = "[0:v][1:v]concat=n=2:v=1"
    film_kinds.ffmpeg("-i", title, "-i", moving, "-filter_complex", joined, *MPEG2, both)
    assert "telecined" in "; ".join(reading.open_film(both).notes)
