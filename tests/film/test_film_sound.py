"""Sound is kept: copied bit for bit if the result's format can hold it, otherwise converted with a notice."""

import av
import film_kinds
import pytest

from tf_colorize.film import coloring, frames, sound

pytestmark = film_kinds.needs_ffmpeg


WMV = ("-c:v", "wmv2", "-c:a")
MJPEG = ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-ac", "1", "-c:a")
COPIED = {
    "one.wmv": (*WMV, "wmav1"),
    "two.wmv": (*WMV, "wmav2"),
    "adpcm.avi": (*MJPEG, "adpcm_ima_wav"),
    "ms.avi": (*MJPEG, "adpcm_ms"),
    "law.avi": (*MJPEG, "pcm_mulaw"),
    "alaw.avi": (*MJPEG, "pcm_alaw"),
    "layer2.mpg": ("-c:v", "mpeg2video", "-c:a", "mp2", "-f", "mpeg"),
    "plain.mp4": ("-c:v", "libx264", "-c:a", "aac"),
    "wave.mov": ("-c:v", "libx264", "-c:a", "pcm_s16le"),
}


@pytest.mark.parametrize("name", COPIED)
def test_sound_is_copied(tmp_path, colorizer, name):
    film = film_kinds.make(tmp_path / name, *COPIED[name])
    result = tmp_path / f"result{film.suffix if film.suffix in ('.mp4', '.mov') else '.mkv'}"
    done = coloring.color_film(colorizer, film, result)
    assert film_kinds.sound_checksum(result) == film_kinds.sound_checksum(film)
    assert not done.notes


CONVERTED = [
    ("dvd.vob", ("-c:v", "mpeg2video", "-c:a", "pcm_dvd", "-ar", "48000", "-ac", "2", "-f", "vob"), ".mkv", "flac"),
    ("flash.flv", ("-c:v", "flv", "-c:a", "adpcm_swf", "-ar", "22050"), ".mkv", "flac"),
    ("two.wmv", (*WMV, "wmav2"), ".m4v", "aac"),
    ("law.avi", (*MJPEG, "pcm_mulaw"), ".mp4", "aac"),
    ("plain.mp4", ("-c:v", "libx264", "-c:a", "aac"), ".webm", "opus"),
    ("studio.mov", ("-c:v", "libx264", "-c:a", "pcm_s24le", "-ar", "96000"), ".mp4", "aac"),
    ("tape.avi", ("-c:v", "dvvideo", "-s", "720x576", "-c:a", "pcm_s16le", "-ar", "32000"), ".mp4", "aac"),
]


@pytest.mark.parametrize(("name", "output", "suffix", "codec"), CONVERTED)
def test_sound_that_does_not_fit_is_converted(tmp_path, colorizer, name, output, suffix, codec):
    film = film_kinds.make(tmp_path / name, *output, seconds=2)
    result = tmp_path / f"result{suffix}"
    done = coloring.color_film(colorizer, film, result)
    reason = "older players do not support it in" if name in ("studio.mov", "tape.avi") else "cannot hold it"
    assert any("was converted to" in note and reason in note and suffix in note for note in done.notes)
    _, whole, streams = film_kinds.probed(result)
    (sound,) = [stream for stream in streams if stream["codec_type"] == "audio"]
    assert sound["codec_name"] == codec
    assert float(whole["duration"]) == pytest.approx(2, abs=0.15)
    volume, before = (loudness(path) for path in (result, film))
    assert volume == pytest.approx(before, abs=1)


def loudness(path):
    """Mean level of the sound, dB."""
    raw = film_kinds.ffmpeg("-i", path, "-f", "f32le", "-ac", "1", "-ar", "8000", "-")
    import numpy as np

    return 10 * np.log10(np.square(np.frombuffer(raw, np.float32)).mean())


def test_repeated_times_of_sound_are_repaired(tmp_path, colorizer):
    film, broken = film_kinds.make(tmp_path / "plain.mp4", "-c:v", "libx264", "-c:a", "aac"), tmp_path / "broken.mkv"
    with av.open(str(film)) as source, av.open(str(broken), "w") as output:
        copies = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in source.streams}
        n_packets, held = 0, 0
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                n_packets += 1
                held = packet.dts if n_packets == 20 else held
                if n_packets == 21:
                    packet.dts = packet.pts = held
            packet.stream = copies[packet.stream.index]
            output.mux(packet)
    for suffix in (".mp4", ".mkv", ".mov"):
        coloring.color_film(colorizer, broken, tmp_path / f"result{suffix}")
        assert film_kinds.sound_checksum(tmp_path / f"result{suffix}") == film_kinds.sound_checksum(broken)


def test_unsupported_subtitles_are_reported_before_the_work(tmp_path, colorizer):
    texts = tmp_path / "texts.srt"
    texts.write_text("1\n00:00:00,200 --> 00:00:00,600\nHello\n")
    plain, film = film_kinds.make(tmp_path / "plain.mkv", "-c:v", "libx264", sound=False), tmp_path / "movie.mkv"
    film_kinds.ffmpeg("-i", plain, "-i", texts, "-c:v", "copy", "-c:s", "srt", film)
    with pytest.raises(frames.FilmError, match=r"\.mp4 cannot hold subtitle \(subrip\); write to result.mkv instead"):
        coloring.color_film(colorizer, film, tmp_path / "result.mp4")
    assert not (tmp_path / ".result.mp4.pieces").exists()
    coloring.color_film(colorizer, film, tmp_path / "result.mkv")


def test_sound_of_a_recording_stays_in_sync(tmp_path, colorizer):
    """A click at 0.5 s of a recording that begins at 1000 s, and one at 1.5 s, where a part begins at 1 s."""
    clicks = "sine=frequency=1000:duration=2,volume='if(lt(abs(mod(t,1)-0.5),0.02),1,0)':eval=frame"
    film = tmp_path / "clicks.ts"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=2")
    output = ("-c:v", "mpeg2video", "-c:a", "mp2", "-output_ts_offset", "1000")
    film_kinds.ffmpeg(*picture, "-f", "lavfi", "-i", clicks, "-vf", film_kinds.GRAY, *output, film)
    expected = click(film) - float(film_kinds.probed(film)[0]["start_time"])
    whole, part = tmp_path / "whole.mp4", tmp_path / "part.mp4"
    coloring.color_film(colorizer, film, whole)
    assert click(whole) == pytest.approx(expected, abs=0.01)
    coloring.color_film(colorizer, film, part, coloring.Options(start=1))
    assert click(part) == pytest.approx(expected, abs=0.01)


COARSE = {
    "adpcm.avi": (*MJPEG, "adpcm_ima_wav", "-ar", "8000"),
    "b_frames.avi": ("-c:v", "mpeg4", "-bf", "2", "-c:a", "mp3", "-ar", "16000"),
}


@pytest.mark.parametrize(("start", "suffix"), [(None, ".mkv"), (0.88, ".mkv"), (0.88, ".mp4")])
@pytest.mark.parametrize("name", COARSE)
def test_sound_with_coarse_times_stays_in_sync(tmp_path, colorizer, name, start, suffix):
    """A click at 1.5 s, in packets of up to a quarter of a second, which is also the unit of their times."""
    tone = "sine=frequency=1000:duration=3,volume='if(lt(abs(t-1.5),0.02),1,0)':eval=frame:precision=double"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=3")
    film, result = tmp_path / name, tmp_path / f"result{suffix}"
    film_kinds.ffmpeg(*picture, "-f", "lavfi", "-i", tone, "-vf", film_kinds.GRAY, *COARSE[name], film)
    with av.open(str(film)) as container:
        assert container.streams.audio[0].time_base > 0.03
    coloring.color_film(colorizer, film, result, coloring.Options(start=start))
    expected = click(film) - first_frame(film) - (start or 0)
    assert click(result) - first_frame(result) == pytest.approx(expected, abs=0.005)


def first_frame(path):
    """Time of the first frame, in seconds of the file's clock."""
    with av.open(str(path)) as film:
        return next(film.decode(video=0)).time


def click(path):
    """Time of the first loud sample, in seconds of the file's clock."""
    import numpy as np

    with av.open(str(path)) as film:
        for frame in film.decode(audio=0):
            loud = np.abs(frame.to_ndarray().astype(float)).reshape(-1)
            loud = loud / (32768 if frame.format.name.startswith("s16") else 1)
            if loud.max() > 0.05:
                return frame.time + int(np.argmax(loud > 0.05)) / frame.sample_rate
    raise AssertionError("silent")


def test_unknown_sound_is_left_out_or_the_film_rejected(tmp_path, colorizer):
    whole = film_kinds.make(tmp_path / "whole.mp4", "-c:v", "libx264", "-c:a", "aac")
    film = tmp_path / "damaged.mp4"
    data = whole.read_bytes().replace(b"mp4a", b"zzzz")
    kind = data.index(b"esds") + data[data.index(b"esds") :].index(b"\x40\x15")  # MPEG-4 sound
    film.write_bytes(data[:kind] + b"\x99" + data[kind + 1 :])
    done = coloring.color_film(colorizer, film, tmp_path / "result.mkv")
    assert done.n_frames == 25 and any("audio" in note and "left out" in note for note in done.notes)
    with pytest.raises(frames.FilmError, match=r"\.mp4 cannot hold audio"):
        coloring.color_film(colorizer, film, tmp_path / "result.mp4")


def test_chapters_beside_sound_that_is_only_copied_leniently_are_reported(tmp_path, colorizer):
    texts, film = tmp_path / "chapters.txt", tmp_path / "film.wmv"
    texts.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=one\n")
    plain = film_kinds.make(tmp_path / "plain.wmv", *WMV, "wmav2")
    film_kinds.ffmpeg("-i", plain, "-i", texts, "-map", "0", "-map_chapters", "1", "-c", "copy", film)
    done = coloring.color_film(colorizer, film, tmp_path / "result.mkv")
    assert done.notes == ("chapters were left out, because FFmpeg cannot write them beside wmav2",)
    assert film_kinds.sound_checksum(tmp_path / "result.mkv") == film_kinds.sound_checksum(film)


def test_sound_without_a_rate_cannot_be_converted():
    class Sound:
        codec_context = type("Context", (), {"sample_rate": 0})

    with pytest.raises(ValueError, match="damaged, or of an unknown kind"):
        sound.encoder_for(None, Sound, "matroska")
