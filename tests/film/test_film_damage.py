"""The number of damaged frames is reported; each packet that is spoiled here holds one."""

import pathlib
import random

import av
import film_kinds
import numpy as np
import pytest

import tf_colorize
from tf_colorize.color import lab
from tf_colorize.film import coloring, reading, tracking
from tf_colorize.hints import Hint

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"
pytestmark = film_kinds.needs_ffmpeg

SPOILED = (10, 23, 40)
X264 = ("-c:v", "libx264", "-g", "12", "-bf", "2", "-b:v", "2M")
MADE = {
    "new.mp4": X264,
    "new.mkv": X264,
    "new.flv": X264,
    "divx.avi": ("-c:v", "mpeg4", "-bf", "2", "-g", "12", "-b:v", "2M"),
    "dvd.mkv": ("-c:v", "mpeg2video", "-bf", "2", "-g", "12", "-b:v", "2M"),
    "flash.flv": ("-c:v", "flv", "-g", "12", "-b:v", "2M"),
    "studio.mov": ("-c:v", "prores_ks"),
}


def spoiled(path, numbers):
    """Overwrites the middle of some packets with nonsense and leaves the container as it is."""
    data, chance = bytearray(path.read_bytes()), random.Random(3)
    with av.open(str(path)) as film:
        packets = [bytes(packet) for packet in film.demux(video=0) if packet.size]
    for number in numbers:
        begin, length = data.find(packets[number]), len(packets[number])
        assert begin > 0
        data[begin + length // 4 : begin + length // 2] = chance.randbytes(length // 2 - length // 4)
    path.write_bytes(data)
    return path


def noisy(path, *output, **options):
    return film_kinds.make(
        path, *output, filters="noise=alls=20:allf=t,format=gray,format=yuv420p", size="128x96", sound=False, **options
    )


def damaged(notes):
    found = [note for note in notes if "damaged in the film" in note]
    return int(found[0].split()[0]) if found else 0


@pytest.mark.parametrize("name", MADE)
def test_each_damaged_frame_is_counted(tmp_path, name):
    film, colorizer = noisy(tmp_path / name, *MADE[name], seconds=2), tf_colorize.Colorizer.from_tflite(MODEL)
    done = coloring.color_film(colorizer, film, tmp_path / "whole.mkv")
    assert damaged(done.notes) == 0
    done = coloring.color_film(colorizer, spoiled(film, SPOILED), tmp_path / "result.mkv")
    assert is_near(damaged(done.notes), len(SPOILED), name)
    # Of a part, those that lie in it.
    done = coloring.color_film(colorizer, film, tmp_path / "part.mkv", coloring.Options(start=0.1, end=1.2))
    assert is_near(damaged(done.notes), 2, name)


def is_near(n_counted, n_spoiled, name):
    """Threads of the H.264 decoder can return a frame before one of them finds that it is damaged."""
    return n_counted == n_spoiled or (name.startswith("new") and 1 <= n_counted <= n_spoiled)


def test_frames_that_are_lost_are_counted(tmp_path):
    """After a spoiled HEVC key frame, some frames are never decoded."""
    hevc = ("-c:v", "libx265", "-x265-params", "log-level=error:keyint=12:min-keyint=12:open-gop=1")
    film = spoiled(noisy(tmp_path / "film.mkv", *hevc, seconds=2), (24,))
    colorizer = tf_colorize.Colorizer.from_tflite(MODEL)
    done = coloring.color_film(colorizer, film, tmp_path / "result.mkv")
    n_decoded = int(film_kinds.probed(film)[0]["nb_read_frames"])
    assert done.n_frames == n_decoded or damaged(done.notes) >= 50 - n_decoded
    assert damaged(done.notes) >= 50 - done.n_frames


def test_damaged_frames_are_counted_once_in_a_resumed_run(tmp_path, monkeypatch):
    film = spoiled(noisy(tmp_path / "film.avi", *MADE["divx.avi"], seconds=2), SPOILED)
    colorizer, target = tf_colorize.Colorizer.from_tflite(MODEL), tmp_path / "result.mkv"
    monkeypatch.setattr(coloring, "_PIECE_SECONDS", 0)

    def stop(n_frames):
        if n_frames >= 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        coloring.color_film(colorizer, film, target, report=stop)
    done = coloring.color_film(colorizer, film, target)
    assert done.n_resumed > 0 and done.n_frames == 50 and damaged(done.notes) == len(SPOILED)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_matroska_is_listed_without_decoding(tmp_path, codec):
    """If there are B-frames, its first packets have no decoding time."""
    quiet = ("-x265-params", "log-level=error") if codec == "libx265" else ()
    film = film_kinds.make(tmp_path / "film.mkv", "-c:v", codec, "-g", "10", "-bf", "2", *quiet, seconds=3, sound=False)
    opened = reading.open_film(film)
    assert len(opened.table) == 75 and len(opened.table.keys) >= 7


def test_a_hint_in_an_end_that_cannot_be_decoded_is_given_up(tmp_path):
    film = film_kinds.make(tmp_path / "film.mkv", *X264, seconds=3, sound=False)
    opened = reading.open_film(spoiled_from(film, 60))
    found = tracking.tracks(opened, [Hint(5, 5, "red", time=2.8)], gray_of)
    assert len(opened.table) == 75 and len(list(reading.frames_of(opened))) <= 60 and not found


def spoiled_from(path, first):
    """Makes all packets from a number on unreadable."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as film:
        packets = [bytes(packet) for packet in film.demux(video=0) if packet.size]
    for packet in packets[first:]:
        begin = data.find(packet)
        data[begin : begin + len(packet)] = bytes(len(packet))
    path.write_bytes(data)
    return path


def gray_of(frame):
    return lab.rgb_to_lightness(frame.rgb())[np.newaxis]
