"""Films of every kind that users have: as many frames as went in, at their times, with the right rate and sound.

FFmpeg's command line makes them, and `ffprobe` judges the results.
"""

import fractions

import film_kinds
import numpy as np
import pytest

from tf_colorize.film import coloring, frames, reading

pytestmark = film_kinds.needs_ffmpeg


X264 = ("-c:v", "libx264", "-c:a", "aac")
MPEG2 = ("-c:v", "mpeg2video", "-bf", "2", "-g", "6", "-c:a", "mp2")
# name -> options of `film_kinds.make`, how many frames, at what rate; the result is an .mkv where not said
KINDS = {
    "modern.mp4": ({"output": X264}, 25, "25"),
    "timecode.mp4": ({"output": (*X264, "-timecode", "01:00:00:00")}, 25, "25"),
    "timecode.mov": (
        {"output": ("-c:v", "libx264", "-c:a", "pcm_s16le", "-timecode", "00:01:59;20"), "rate": "30000/1001"},
        30,
        "30000/1001",
    ),
    "film.mkv": ({"output": X264, "rate": "24000/1001"}, 24, "24000/1001"),
    "windows.wmv": ({"output": ("-c:v", "wmv2", "-c:a", "wmav2")}, 25, "25"),
    "windows1.wmv": ({"output": ("-c:v", "wmv1", "-c:a", "wmav1")}, 25, "25"),
    "camera.avi": (
        {"output": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "adpcm_ima_wav", "-ac", "1")},
        25,
        "25",
    ),
    "law.avi": ({"output": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_mulaw", "-ac", "1")}, 25, "25"),
    "divx.avi": ({"output": ("-c:v", "mpeg4", "-bf", "2", "-c:a", "mp3")}, 25, "25"),
    "recording.ts": ({"output": (*MPEG2, "-output_ts_offset", "1000")}, 25, "25"),
    "hour.ts": ({"output": (*X264, "-output_ts_offset", "3600")}, 25, "25"),
    "camcorder.mpg": ({"output": (*MPEG2, "-f", "mpeg")}, 25, "25"),
    "dvd.vob": (
        {"output": ("-c:v", "mpeg2video", "-bf", "2", "-c:a", "pcm_dvd", "-ar", "48000", "-ac", "2", "-f", "vob")}
        | {"rate": "30000/1001"},
        30,
        "30000/1001",
    ),
    "flash.flv": ({"output": ("-c:v", "flv", "-c:a", "adpcm_swf", "-ar", "22050")}, 25, "25"),
    "web.webm": (
        {"output": ("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "10", "-c:a", "libopus")},
        25,
        "25",
    ),
    "raw.h264": ({"output": ("-c:v", "libx264"), "rate": "30000/1001", "sound": False}, 30, "30000/1001"),
    "raw.hevc": (
        {"output": ("-c:v", "libx265", "-x265-params", "log-level=error"), "rate": "24000/1001", "sound": False},
        24,
        "24000/1001",
    ),
    "silent.mp4": ({"output": ("-c:v", "libx264"), "rate": 16, "sound": False}, 16, "16"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_is_kept_at_its_time(tmp_path, colorizer, name):
    options, n_frames, rate = KINDS[name]
    output = options["output"]
    others = {key: value for key, value in options.items() if key != "output"}
    film = film_kinds.make(tmp_path / name, *output, **others)
    check(colorizer, film, n_frames, rate)


def check(colorizer, film, n_frames, rate, **more):
    target = film.with_name(f"result{film.suffix if film.suffix in ('.mp4', '.mov') else '.mkv'}")
    done = coloring.color_film(colorizer, film, target, **more)
    assert done.n_frames == n_frames
    video, whole, streams = film_kinds.probed(target)
    assert int(video["nb_read_frames"]) == n_frames
    assert str(film_kinds.rate(video)) == rate
    assert (video["color_space"], video["color_primaries"], video["color_transfer"]) == ("bt709",) * 3
    step = float(1 / fractions.Fraction(rate))
    expected = [number * step for number in range(n_frames)]
    assert film_kinds.times(target) == pytest.approx(expected, abs=0.0021)
    assert float(whole["duration"]) == pytest.approx(n_frames * step, abs=0.13)
    return done, streams


PIPED = {
    "timecode.mp4": "01:00:00:00",
    "timecode.mov": "00:01:59;20",
}


@pytest.mark.parametrize("name", PIPED)
def test_timecodes_are_kept_and_move_with_a_part(tmp_path, colorizer, name):
    options = dict(KINDS[name][0])
    film = film_kinds.make(tmp_path / name, *options.pop("output"), **options)
    target = film.with_name(f"result{film.suffix}")
    coloring.color_film(colorizer, film, target)
    assert timecodes(target) == {PIPED[name]}
    coloring.color_film(colorizer, film, target, coloring.Options(start=0.6))
    # Fifteen frames later; of 29.97 frames a second 18, and two numbers are left out at the minute.
    assert timecodes(target) == {"01:00:00:15" if name.endswith(".mp4") else "00:02:00;10"}


def timecodes(path):
    _, _, streams = film_kinds.probed(path)
    return {stream["tags"]["timecode"] for stream in streams if "timecode" in stream.get("tags", {})}


@pytest.mark.parametrize(
    ("name", "rate", "size", "pix_fmt"),
    [("pal.dv", "25", "720x576", "yuv420p"), ("ntsc.dv", "30000/1001", "720x480", "yuv411p")],
)
def test_tapes_are_deinterlaced_and_keep_their_frames(tmp_path, colorizer, name, rate, size, pix_fmt):
    fields = f"{film_kinds.GRAY},tinterlace=interleave_bottom,fieldorder=bff,format={pix_fmt}"
    twice = fractions.Fraction(rate) * 2
    film = film_kinds.make(tmp_path / name, "-f", "dv", rate=twice, seconds=0.3, size=size, filters=fields, sound=False)
    n_frames = int(film_kinds.probed(film)[0]["nb_read_frames"])
    assert n_frames > 6
    done, _ = check(colorizer, film, n_frames, rate)
    assert "interlaced" in "; ".join(done.notes)
    width, height = map(int, size.split("x"))
    made = film_kinds.luma(tmp_path / "result.mkv", size=(width, height)).astype(float)
    # What FFmpeg's own deinterlacer gives, and not the fields one beside the other.
    expected = film_kinds.luma(film, "bwdif=mode=send_frame:deint=all", size=(width, height)).astype(float)
    combed = film_kinds.luma(film, size=(width, height)).astype(float)
    assert np.abs(made - expected).mean() < np.abs(made - combed).mean() - 0.3
    assert abs((made - expected).mean()) < 1.5


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_long_stills_last_as_long_as_they_did(tmp_path, colorizer, suffix):
    film = tmp_path / f"still{suffix}"
    # Ten frames, 20 s of one, ten frames, and 20 s of the last; the tone tells how long the film is.
    tone = ("-f", "lavfi", "-i", "sine=duration=40.76")
    moved = "setpts='if(lt(N,10),N,N+500)/25/TB'"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=0.8")
    output = ("-fps_mode", "vfr", "-c:v", "libx264", "-c:a", "aac")
    film_kinds.ffmpeg(*picture, *tone, "-vf", f"{film_kinds.GRAY},{moved}", *output, film)
    target = tmp_path / f"result{suffix}"
    coloring.color_film(colorizer, film, target)
    made = film_kinds.times(target)
    assert made == pytest.approx(film_kinds.times(film), abs=0.0021)
    assert made[10] - made[9] == pytest.approx(20, abs=0.05) and len(made) == 20
    video, whole, _ = film_kinds.probed(target)
    if suffix == ".mkv":  # the others hold no rate but what frames and duration make
        assert str(film_kinds.rate(video)) == "25"
    assert float(whole["duration"]) == pytest.approx(float(film_kinds.probed(film)[1]["duration"]), abs=0.05)


def test_a_still_at_the_end_keeps_its_duration(tmp_path, colorizer):
    listing = tmp_path / "list.txt"
    images = [film_kinds.make(tmp_path / f"{n}.png", "-frames:v", "1", rate=n + 1, sound=False) for n in range(2)]
    entries = [(images[0], 0.04)] * 5 + [(images[1], 20), (images[0], 0.04), (images[1], 20)]
    listing.write_text("".join(f"file '{path}'\nduration {seconds}\n" for path, seconds in entries))
    film = tmp_path / "stills.mp4"
    film_kinds.ffmpeg(
        "-f", "concat", "-safe", "0", "-i", listing, "-vf", film_kinds.GRAY, "-fps_mode", "vfr", "-c:v", "libx264", film
    )
    coloring.color_film(colorizer, film, tmp_path / "result.mp4")
    for entry in ("duration", "nb_read_frames"):
        before, after = (float(film_kinds.probed(path)[0][entry]) for path in (film, tmp_path / "result.mp4"))
        assert after == pytest.approx(before, abs=0.05)


def test_a_part_of_a_still_begins_with_it(tmp_path, colorizer):
    film = tmp_path / "still.mp4"
    moved = "setpts='if(lt(N,10),N,N+500)/25/TB'"
    film_kinds.make(film, "-fps_mode", "vfr", "-c:v", "libx264", filters=f"{film_kinds.GRAY},{moved}", sound=False)
    coloring.color_film(colorizer, film, tmp_path / "part.mp4", coloring.Options(start=10, end=20.6))
    # The still until 20.36 s, then frames up to 20.6 s.
    assert film_kinds.times(tmp_path / "part.mp4") == pytest.approx([0, 10.36, 10.44, 10.48, 10.52, 10.56], abs=0.002)
    assert float(film_kinds.probed(tmp_path / "part.mp4")[1]["duration"]) == pytest.approx(10.6, abs=0.01)


def test_a_film_may_change_its_size(tmp_path, colorizer):
    mpeg2 = ("-c:v", "mpeg2video", "-f", "mpegts")
    one = film_kinds.make(tmp_path / "1.ts", *mpeg2, seconds=0.6, sound=False)
    two = film_kinds.make(tmp_path / "2.ts", *mpeg2, "-output_ts_offset", "0.6", seconds=0.6, size="96x64", sound=False)
    film = tmp_path / "both.ts"
    film.write_bytes(one.read_bytes() + two.read_bytes())
    done = coloring.color_film(colorizer, film, tmp_path / "result.mkv")
    assert done.n_frames == 30  # FFmpeg's own decoder loses one where the size changes
    assert int(film_kinds.probed(tmp_path / "result.mkv")[0]["nb_read_frames"]) == 30
    assert done.notes == ("the frame size changes within the film: all frames have the first one's, 64 x 48",)


@pytest.mark.parametrize(("begin", "again"), [("3600", "5"), ("1000", "1000")])
def test_a_recording_whose_clock_restarts(tmp_path, colorizer, begin, again):
    mpeg2 = (*MPEG2, "-f", "mpegts", "-output_ts_offset")
    one = film_kinds.make(tmp_path / "1.ts", *mpeg2, begin)
    two = film_kinds.make(tmp_path / "2.ts", *mpeg2, again)
    film = tmp_path / "both.ts"
    film.write_bytes(one.read_bytes() + two.read_bytes())
    target = tmp_path / "result.mkv"
    coloring.color_film(colorizer, film, target)
    assert film_kinds.times(target) == pytest.approx([number / 25 for number in range(50)], abs=0.0021)
    assert float(film_kinds.probed(target)[1]["duration"]) == pytest.approx(2, abs=0.1)


DAMAGED = {"damaged.mpg": (*MPEG2, "-f", "mpeg"), "damaged.mp4": ("-c:v", "mpeg4", "-bf", "0")}


@pytest.mark.parametrize("name", DAMAGED)
def test_the_number_of_damaged_frames_is_reported(tmp_path, colorizer, name):
    film = film_kinds.make(tmp_path / name, *DAMAGED[name], seconds=2, sound=False)
    data = bytearray(film.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 900] = bytes(900)
    film.write_bytes(data)
    done = coloring.color_film(colorizer, film, tmp_path / "result.mkv")
    (note,) = [note for note in done.notes if "damaged in the film" in note]
    assert 1 <= int(note.split()[0]) <= 12 and done.n_frames >= 38
    if name.endswith(".mp4"):  # whose index lists all frames
        assert int(note.split()[0]) == 50 - done.n_frames
        assert film_kinds.times(tmp_path / "result.mkv")[-1] == pytest.approx(49 / 25, abs=0.05)


def test_frames_after_seeking_match_the_table(tmp_path):
    """For each kind of file and from each frame on, the pictures are those that reading from the beginning gives."""
    for name in ("camcorder.mpg", "raw.h264", "divx.avi", "recording.ts", "windows.wmv", "modern.mp4"):
        options = dict(KINDS[name][0])
        path = film_kinds.make(tmp_path / name, *options.pop("output"), **{**options, "seconds": 3})
        film = reading.open_film(path)
        whole = [(frame.number, frame.time, frame.rgb()) for frame in reading.frames_of(film)]
        assert [number for number, *_ in whole] == list(range(len(film.table)))
        for first in range(0, len(whole), 7):
            part = [(frame.number, frame.time, frame.rgb()) for frame in reading.frames_of(film, first=first)]
            assert [entry[:2] for entry in part] == [entry[:2] for entry in whole[first:]], (name, first)
            assert all(np.array_equal(one[2], other[2]) for one, other in zip(part, whole[first:])), (name, first)


def test_frames_that_do_not_match_the_table_are_read_from_the_beginning(tmp_path, monkeypatch):
    film = reading.open_film(film_kinds.make(tmp_path / "modern.mp4", *X264, "-g", "5", seconds=3))
    whole = [frame.rgb() for frame in reading.frames_of(film)]
    sought = reading._sought
    monkeypatch.setattr(reading, "_sought", lambda film, key: (pair for pair in sought(film, key) if pair[0] % 4))
    part = [frame.rgb() for frame in reading.frames_of(film, first=40)]
    assert len(part) == 35 and all(np.array_equal(one, other) for one, other in zip(part, whole[40:]))


def test_a_part_beyond_the_film_is_refused(tmp_path, colorizer):
    film = film_kinds.make(tmp_path / "modern.mp4", *X264)
    with pytest.raises(frames.FilmError, match=r"the requested part contains no frame; the film lasts 1.00 s"):
        coloring.color_film(colorizer, film, tmp_path / "result.mp4", coloring.Options(start=2))
