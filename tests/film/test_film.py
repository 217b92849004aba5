"""`tf-colorize film`: real films in, real films out."""

import os
import pathlib
import sys

import av
import films
import numpy as np
import pytest

from tf_colorize.film import coloring, containers, encoding, muxing, reading

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"


def seconds_of(path):
    with av.open(str(path)) as film:
        return film.duration / av.time_base


def assert_same_but_for_color(film, result):
    before, after = films.pictures(film), films.pictures(result)
    # .mkv counts milliseconds, and from 0: sound that begins earlier shifts everything.
    shift = after[0][0] - before[0][0]
    assert 0 <= shift < 0.03 and (shift == 0 or result.suffix == ".mkv")
    assert [at - shift for at, _ in after] == pytest.approx([at for at, _ in before], abs=0.0011)
    for (_, gray), (_, rgb) in zip(before, after):
        assert rgb.shape == gray.shape
        assert abs(rgb.mean() - gray.mean()) < 16
        assert np.corrcoef(rgb.mean(-1).ravel(), gray.mean(-1).ravel())[0, 1] > 0.97
    assert seconds_of(result) == pytest.approx(seconds_of(film), abs=0.05)


def test_a_film_keeps_all_but_its_grayness(tmp_path, command):
    film = films.write(tmp_path / "movie.mp4")
    done = command(film)
    result = tmp_path / "movie.color.mp4"
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{result}  96 x 64, 30 frames")
    assert_same_but_for_color(film, result)
    assert films.is_colored(result)
    assert films.packets(result, "audio") == films.packets(film, "audio")
    with av.open(str(result)) as made:
        assert made.metadata["title"] == "A test"
        assert made.streams.video[0].average_rate == films.RATE
    assert sorted(os.listdir(tmp_path)) == ["movie.color.mp4", "movie.mp4"]


def test_sound_subtitles_and_chapters_go_along(tmp_path, colorizer):
    srt = tmp_path / "texts.srt"
    srt.write_text("1\n00:00:00,200 --> 00:00:00,600\nHello\n\n2\n00:00:00,700 --> 00:00:01,100\nagain\n")
    chapters = [
        {"id": 1, "start": 0, "end": 500, "time_base": (1, 1000), "metadata": {"title": "one"}},
        {"id": 2, "start": 500, "end": 1200, "time_base": (1, 1000), "metadata": {"title": "two"}},
    ]
    chapters = [{**chapter, "time_base": films.fractions.Fraction(*chapter["time_base"])} for chapter in chapters]
    film = films.write(tmp_path / "movie.mkv", subtitles=srt, chapters=chapters)
    result = tmp_path / "result.mkv"
    coloring.color_film(colorizer, film, result)
    assert_same_but_for_color(film, result)
    assert films.packets(result, "subtitles") == films.packets(film, "subtitles")
    assert [text for _, text in films.packets(result, "subtitles")] == [b"Hello", b"again"]
    with av.open(str(result)) as made, av.open(str(film)) as original:
        assert made.streams.subtitles[0].language == original.streams.subtitles[0].language == "eng"
        titles = [chapter["metadata"]["title"] for chapter in made.chapters()]
        assert titles == ["one", "two"]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_chapters_may_overlap_and_end_after_the_film(tmp_path, colorizer, suffix):
    unit = films.fractions.Fraction(1, 1000)
    times = {"one": (0, 600), "two": (400, 700), "three": (700, 700), "four": (900, 9000)}
    chapters = [
        {"id": number, "start": start, "end": end, "time_base": unit, "metadata": {"title": title}}
        for number, (title, (start, end)) in enumerate(times.items(), 1)
    ]
    film = films.write(tmp_path / f"movie{suffix}", chapters=chapters, audio=None)
    done = coloring.color_film(colorizer, film, tmp_path / f"result{suffix}")
    assert done.notes == ()
    with av.open(str(tmp_path / f"result{suffix}")) as made, av.open(str(film)) as original:
        begins, wanted = (
            {one["metadata"]["title"]: float(one["start"] * one["time_base"]) for one in container.chapters()}
            for container in (made, original)
        )
        assert begins == wanted == {title: start / 1000 for title, (start, _) in times.items()}
        last = made.chapters()[-1]
        assert float(last["end"] * last["time_base"]) == 1.2  # that of the film
        assert made.duration / av.time_base == pytest.approx(1.2, abs=0.001)


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_rotated_film_is_colored_upright_and_stays_rotated(tmp_path, colorizer, quarter_turns):
    film = films.write(tmp_path / "movie.mp4", quarter_turns=quarter_turns, n_frames=6, audio=None)
    result = tmp_path / "result.mp4"
    coloring.color_film(colorizer, film, result, coloring.Options(steadiness=0))
    assert_same_but_for_color(film, result)
    with av.open(str(result)) as made:
        frame = next(made.decode(video=0))
    assert frame.rotation % 360 == 90 * quarter_turns
    gray = films.pictures(film)[0][1]
    expected = np.rot90(colorizer(np.ascontiguousarray(np.rot90(gray, quarter_turns))), -quarter_turns)
    assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - expected).mean() < 6


def test_frames_keep_their_own_times(tmp_path, colorizer):
    times = np.cumsum([0, *np.random.default_rng(0).integers(10, 120, 39)]).tolist()
    film = films.write(tmp_path / "movie.mkv", times=times, n_frames=40)
    for name in ("result.mkv", "result.mp4"):
        coloring.color_film(colorizer, film, tmp_path / name)
        assert_same_but_for_color(film, tmp_path / name)


@pytest.mark.parametrize(
    ("film", "note"),
    [
        ({"size": (97, 63), "pix_fmt": "yuv444p"}, "odd sides: the result has color at full resolution (4:4:4)"),
        ({"pix_fmt": "yuv420p10le"}, ""),
        ({"options": {"flags": "+ildct+ilme", "x264-params": "interlaced=1"}}, "interlaced"),
        ({"codec": "mpeg4"}, ""),
        ({"rate": films.fractions.Fraction(30_000, 1001)}, ""),
        ({"audio": None}, ""),
        ({"n_frames": 1, "audio": None}, ""),
    ],
)
def test_unusual_films(tmp_path, colorizer, film, note):
    film = films.write(tmp_path / "movie.mp4", **film)
    done = coloring.color_film(colorizer, film, tmp_path / "result.mp4")
    assert_same_but_for_color(film, tmp_path / "result.mp4")
    assert note in "; ".join(done.notes) and bool(note) == bool(done.notes)


WRITTEN = [(codec, suffix) for codec in ("h264", "hevc", "av1") for suffix in (".mp4", ".mkv", ".mov")]


@pytest.mark.parametrize(("codec", "suffix"), [pair for pair in WRITTEN if pair != ("av1", ".mov")])
def test_every_codec_in_every_container(tmp_path, colorizer, codec, suffix):
    film = films.write(tmp_path / "movie.mp4", n_frames=20, size=(128, 96))
    result = tmp_path / f"result{suffix}"
    coloring.color_film(colorizer, film, result, coloring.Options(codec=codec))
    assert_same_but_for_color(film, result)
    with av.open(str(result)) as made:
        assert made.streams.video[0].codec_context.name in (codec, f"lib{codec}", "libdav1d")


@pytest.mark.parametrize(("codec", "format"), [("h264", "yuv444p"), ("hevc", "yuv444p"), ("av1", "yuv420p")])
def test_every_codec_keeps_odd_sides(tmp_path, colorizer, codec, format):
    film = films.write(tmp_path / "movie.mp4", n_frames=4, size=(97, 65), pix_fmt="yuv444p")
    coloring.color_film(colorizer, film, tmp_path / "result.mp4", coloring.Options(codec=codec))
    assert_same_but_for_color(film, tmp_path / "result.mp4")
    with av.open(str(tmp_path / "result.mp4")) as made:
        stream = made.streams.video[0]
        assert (stream.width, stream.height, stream.pix_fmt) == (97, 65, format)


def test_a_part_begins_at_zero_with_its_own_sound(tmp_path, command):
    film = films.write(tmp_path / "movie.mp4", n_frames=60)
    done = command(film, "--from", "0.8", "--to", "0:01.6", "-o", tmp_path / "part.mp4")
    assert done.returncode == 0, done.stderr
    before = [rgb for at, rgb in films.pictures(film) if 0.79 < at < 1.59]
    after = films.pictures(tmp_path / "part.mp4")
    assert len(after) == len(before) == 20 and after[0][0] == 0
    for gray, (_, rgb) in zip(before, after):
        assert np.corrcoef(rgb.mean(-1).ravel(), gray.mean(-1).ravel())[0, 1] > 0.97
    assert seconds_of(tmp_path / "part.mp4") == pytest.approx(0.8, abs=0.06)
    whole = dict((sound, at) for at, sound in films.packets(film, "audio"))
    part = films.packets(tmp_path / "part.mp4", "audio")
    assert len(part) > 30
    assert all(whole[sound] - at == pytest.approx(0.8, abs=0.03) for at, sound in part)


def test_a_truncated_film_is_colored_to_its_end(tmp_path, colorizer):
    film = films.write(tmp_path / "movie.mkv", n_frames=60)
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    n_frames = len(list(reading.frames_of(reading.open_film(film))))
    assert 10 < n_frames < 60
    coloring.color_film(colorizer, film, tmp_path / "result.mkv")
    assert len(films.pictures(tmp_path / "result.mkv")) == n_frames


def test_pieces_shorter_than_an_encoder_delays_keep_their_times(tmp_path):
    film = reading.open_film(films.write(tmp_path / "movie.mp4", n_frames=40, size=(128, 96)))
    images = list(reading.frames_of(film))
    for codec in encoding.CODECS:
        pieces = []
        for first, last in ((0, 1), (1, 3), (3, 6), (6, 40)):
            path = tmp_path / f"{codec}{first}.mp4"
            with encoding.PieceWriter(path, film, "yuv420p", codec, None) as writer:
                for frame in images[first:last]:
                    writer.write(frame, frame.image)
            pieces.append(encoding.Piece(path, writer.time))
        target, part = tmp_path / f"{codec}.mp4", film.table.part(None, None)
        how = containers.plan(film, target, pieces[0].path)
        muxing.join(pieces, film, target, how, part, target, keeps_end=True)
        assert_same_but_for_color(film.path, target)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="how it is known there")
def test_no_encoder_runs_at_real_time_priority(tmp_path):
    film = reading.open_film(films.write(tmp_path / "movie.mp4", n_frames=3))
    for codec in encoding.CODECS:
        with encoding.PieceWriter(tmp_path / f"{codec}.mp4", film, "yuv420p", codec, None) as writer:
            for frame in reading.frames_of(film):
                writer.write(frame, frame.image)
            policies = {os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}
        assert policies == {os.SCHED_OTHER}, codec  # run by root, SVT-AV1 would be SCHED_FIFO


def test_a_preview_shows_the_film_before_and_after(tmp_path, command):
    film = films.write(tmp_path / "movie.mp4", n_frames=50, n_shots=2)
    done = command(film, "--preview", "4")
    assert done.returncode == 0, done.stderr
    assert "movie.compare.jpg  4 stills" in done.stdout
    stills = films.stills(tmp_path / "movie.compare.jpg", 4, (96, 64))
    pixels = np.asarray(stills).astype(int)
    chroma = np.ptp(pixels, axis=2)
    left, right = np.split(chroma[30:], 2, axis=1)
    assert left.mean() < 3 < 8 < right.mean()
    with films.Image.open(tmp_path / "movie.compare.jpg") as sheet:  # and nine looks of one still, in color
        below = np.asarray(sheet.convert("RGB").crop((0, stills.height, 3 * 96, sheet.height))).astype(int)
    assert len(below) > 3 * 64 and np.ptp(below, axis=2).mean() > 3
    assert sorted(os.listdir(tmp_path)) == ["movie.compare.jpg", "movie.mp4"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path, run_python):
    peaks = []
    for n_frames in (100, 800):
        film = films.write(tmp_path / f"{n_frames}.mp4", n_frames=n_frames, size=(320, 240))
        code = f"""
            import pathlib, re
            from tf_colorize.commands import main
            assert main.main(["film", {str(film)!r}, "--model", {str(MODEL)!r}]) == 0
            print(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
        """
        peaks.append(int(run_python(code).split()[-1]))
    assert peaks[1] < 1.1 * peaks[0]
