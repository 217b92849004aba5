"""Film of 24 frames per second whose flags make it last for 30 frames of video: soft telecine, as on DVDs."""

import fractions
import pathlib

import film_kinds
import pytest

import tf_colorize
from tf_colorize.film import coloring, reading

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"

pytestmark = film_kinds.needs_ffmpeg

N_FRAMES = 24
FLAGS = ((1, 1), (0, 0), (0, 1), (1, 0))  # top_field_first, repeat_first_field


def flagged(path):
    """Writes such a film: MPEG-2 whose flags are set as in ISO/IEC 13818-2, 6.2.2.1, 6.2.2.3 and 6.2.3.1."""
    raw = path.with_suffix(".m2v")
    film_kinds.make(
        raw,
        *("-c:v", "mpeg2video", "-bf", "0", "-g", "12", "-f", "mpeg2video"),
        rate="24000/1001",
        seconds=N_FRAMES * 1001 / 24000,
        sound=False,
    )
    data, at, n_pictures = bytearray(raw.read_bytes()), 0, 0
    while (at := data.find(b"\0\0\1", at)) >= 0:
        code, extension = data[at + 3], data[at + 4] >> 4
        if code == 0xB3:
            data[at + 7] = data[at + 7] & 0xF0 | 4  # 29.97 frames per second
        elif code == 0xB5 and extension == 1:
            data[at + 5] &= ~0x08  # not a progressive sequence
        elif code == 0xB5 and extension == 8:
            top, repeats = FLAGS[n_pictures % len(FLAGS)]
            data[at + 7] = data[at + 7] & ~0x82 | top << 7 | repeats << 1 | 0x40
            data[at + 8] |= 0x80  # progressive frame
            n_pictures += 1
        at += 3
    raw.write_bytes(data)
    film_kinds.ffmpeg("-fflags", "+genpts", "-f", "mpegvideo", "-i", str(raw), "-c", "copy", str(path))
    return path


@pytest.mark.parametrize("takes_telecine_back", [False, True])
@pytest.mark.parametrize("name", ["soft.vob", "soft.ts"])
def test_flagged_film_keeps_its_frames_and_tells_their_rate(tmp_path, name, takes_telecine_back):
    film = flagged(tmp_path / name)
    opened = reading.open_film(film, takes_telecine_back=takes_telecine_back)
    assert any("telecined by flags alone" in note for note in opened.notes)
    assert opened.frame_rate == fractions.Fraction(24000, 1001)
    result = tmp_path / "soft.color.mkv"
    coloring.color_film(tf_colorize.Colorizer.from_tflite(MODEL), opened, result)
    fields = [2 + FLAGS[number % len(FLAGS)][1] for number in range(N_FRAMES)]
    expected = [sum(fields[:number]) * 1001 / 60000 for number in range(N_FRAMES)]
    made = film_kinds.times(result)
    assert len(made) == N_FRAMES
    assert made[:-1] == pytest.approx(expected[:-1], abs=0.0011)  # FFmpeg writes another time for the last one
    assert float(film_kinds.rate(film_kinds.probed(result)[0])) == pytest.approx(24000 / 1001, rel=1e-4)
