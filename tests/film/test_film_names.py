"""How films are named: colons, bytes that are not text, folders, numbered images, other kinds of files."""

import os
import pathlib
import shutil
import subprocess
import sys

import film_kinds
import films
import pytest
from PIL import Image

from tf_colorize.film import coloring, frames, reading

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"
pytestmark = film_kinds.needs_ffmpeg
needs_colons = pytest.mark.skipif(sys.platform == "win32", reason="names have no colons there")


def command_in_a_process(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "tf_colorize", "film", *arguments, "--model", str(MODEL)],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def small_film(tmp_path_factory):
    film = tmp_path_factory.mktemp("film") / "small.mp4"
    return film_kinds.make(film, "-c:v", "libx264", "-c:a", "aac", seconds=0.4)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="names are text there")
@pytest.mark.parametrize("name", ["12:30 a.mp4", "tcp: b.mp4", os.fsdecode(b"gro\xdf.mp4")])
def test_names_that_look_like_addresses_or_are_not_text(tmp_path, small_film, name):
    shutil.copy(small_film, tmp_path / name)
    done = command_in_a_process(str(tmp_path / name), PYTHONIOENCODING="utf-8:strict")
    assert done.returncode == 0, done.stderr
    result = tmp_path / name.replace(".mp4", ".color.mp4")
    assert sorted(os.listdir(tmp_path)) == sorted([name, result.name])
    assert "10 frames" in done.stdout
    data = result.read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")  # it can be shown while it is still loaded


def test_folders_are_searched_and_mirrored(tmp_path, small_film, command):
    (tmp_path / "reels" / "deep").mkdir(parents=True)
    for name in ("one.mp4", "deep/one.mp4", "one.color.mp4", ".hidden.mp4"):
        shutil.copy(small_film, tmp_path / "reels" / name)
    (tmp_path / "reels" / "notes.txt").write_text("nothing")
    done = command(str(tmp_path / "reels"), "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    made = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert made == ["deep/one.mp4", "one.mp4"]


def numbered(folder, small_film, first=1):
    folder.mkdir()
    film_kinds.ffmpeg("-i", small_film, "-start_number", first, folder / "%05d.png")
    return str(folder / "%05d.png")


@pytest.mark.parametrize(
    ("first", "rate", "expected"), [(1, None, "24"), (1000, "18", "18"), (0, "24000/1001", "24000/1001")]
)
def test_numbered_images_are_a_film(tmp_path, small_film, first, rate, expected, command):
    pattern = numbered(tmp_path / "scans", small_film, first)
    done = command(pattern, *(["--rate", rate] if rate else []))
    assert done.returncode == 0, done.stderr
    video, _, _ = film_kinds.probed(tmp_path / "scans.color.mp4")
    assert int(video["nb_read_frames"]) == 10 and str(film_kinds.rate(video)) == expected
    assert sorted(os.listdir(tmp_path)) == ["scans", "scans.color.mp4"]


@pytest.mark.parametrize(
    ("folder", "name", "pattern"),
    [
        ("50% off", "{:05d}.png", "%05d.png"),  # FFmpeg takes a percent sign in the folder for part of the pattern, too
        ("a", "50%_{:05d}.png", "50%_%05d.png"),
        ("a", "50%_{:05d}.png", "50%%_%5d.png"),  # as FFmpeg wants it, which also pads with zeros
        ("a", "{}%.png", "%d%.png"),
        ("a", "50%done {:03d}.png", "50%done %03d.png"),  # "%d" is not always the number
        ("a", "100%d{:02d}.png", "100%%d%02d.png"),
        pytest.param("a", "reel:1 {:03d}.png", "reel:1 %03d.png", marks=needs_colons),
    ],
)
def test_percent_signs_and_colons_in_the_names_of_images(tmp_path, folder, name, pattern):
    (tmp_path / folder).mkdir()
    for number, picture in enumerate(films.frames(3), start=9):
        Image.fromarray(picture).save(tmp_path / folder / name.format(number))
    film = reading.open_film(tmp_path / folder / pattern)
    assert len(list(reading.frames_of(film))) == 3


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("%d_%05d.png", "no such images; a pattern may have only one number that changes"),
        ("%d.png", "the numbers must be at most 2147483647"),
        ("%s.png", "no such file; numbered images need a pattern such as %05d.png"),
        ("none/%d.png", "No such file"),
    ],
)
def test_patterns_that_name_no_images_give_one_reason(tmp_path, pattern, reason):
    for name in ("1_00001.png", "2_00001.png", "99999999999.png"):
        Image.new("L", (32, 32)).save(tmp_path / name)
    with pytest.raises(frames.FilmError, match=reason):
        reading.open_film(tmp_path / pattern)


def test_a_missing_image_is_reported(tmp_path, small_film, command):
    pattern = numbered(tmp_path / "scans", small_film)
    (tmp_path / "scans" / "00004.png").unlink()
    done = command(pattern)
    assert done.returncode == 1 and "image 00004.png is missing between others; add it" in done.stderr
    assert "steps" not in done.stderr
    done = command(str(tmp_path / "scans"))
    assert done.returncode == 1 and "for numbered images, use a pattern" in done.stderr


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_empty_image_is_reported(tmp_path, number):
    for name in ("1.png", "2.png", "3.png"):
        Image.new("L", (32, 32)).save(tmp_path / name)
    (tmp_path / f"{number}.png").write_bytes(b"")
    with pytest.raises(frames.FilmError, match=f"image {number}.png is empty"):
        reading.open_film(tmp_path / "%d.png")


def test_an_image_that_is_a_broken_link_is_named(tmp_path):
    Image.new("L", (32, 32)).save(tmp_path / "1.png")
    (tmp_path / "2.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(frames.FilmError, match="2.png: No such file"):
        reading.open_film(tmp_path / "%d.png")


def test_images_that_count_in_steps_are_explained(tmp_path):
    for number in (100, 102, 104):
        Image.new("L", (32, 32)).save(tmp_path / f"{number}.png")
    reason = "image 101.png is missing between others; .* no gap .they count in steps of 2.$"
    with pytest.raises(frames.FilmError, match=reason):
        reading.open_film(tmp_path / "%03d.png")


def test_a_preview_of_a_few_frames_has_as_many_stills(tmp_path, small_film, command):
    pattern = numbered(tmp_path / "scans", small_film)
    for path in sorted((tmp_path / "scans").iterdir())[3:]:
        path.unlink()
    done = command(pattern, "--preview", "10")
    assert done.returncode == 0 and "scans.compare.jpg  3 stills," in done.stdout
    command(pattern, "--preview", "3", "-o", str(tmp_path / "three"))
    with (
        Image.open(tmp_path / "scans.compare.jpg") as ten,
        Image.open(tmp_path / "three" / "scans.compare.jpg") as three,
    ):
        assert ten.size == three.size  # the nine variants are there, too


def test_webm_gets_av1_and_opus(tmp_path, small_film, command):
    done = command(str(small_film), "-o", str(tmp_path / "small.webm"))
    assert done.returncode == 0, done.stderr
    _, whole, streams = film_kinds.probed(tmp_path / "small.webm")
    assert "webm" in whole["format_name"]
    assert {stream["codec_name"] for stream in streams} == {"av1", "opus"}
    assert "converted to Opus" in done.stdout
    done = command(str(small_film), "-o", str(tmp_path / "other.webm"), "--codec", "h264")
    assert done.returncode == 1 and ".webm files use av1, not h264" in done.stderr


def test_keeping_high_dynamic_range_is_not_supported_yet(small_film, command):
    done = command(str(small_film), "--hdr", "keep")
    assert done.returncode == 2 and "not supported yet" in done.stderr


def test_a_preview_shows_the_requested_part(tmp_path, command):
    """A film that is dark in its first half and light in its second."""
    fade = "geq=lum='if(lt(N,25),40,200)':cb=128:cr=128"
    film = film_kinds.make(tmp_path / "movie.ts", "-c:v", "mpeg2video", seconds=2, filters=fade, sound=False)
    import av
    import numpy as np

    for arguments, expected in ((["--from", "1"], (1, 1)), (["--to", "1"], (0, 0)), ([], (0, 1))):
        done = command(str(film), "--preview", "2", "--overwrite", *arguments)
        assert done.returncode == 0, done.stderr
        with av.open(str(film)) as container:
            size = container.streams.video[0].width, container.streams.video[0].height
        pixels = np.asarray(films.stills(tmp_path / "movie.compare.jpg", 2, size).convert("L"))
        rows = pixels[:, pixels.shape[1] // 4]  # through the stills of the film itself
        middle = len(rows) // 2
        assert tuple(int(np.median(half) > 120) for half in (rows[:middle], rows[middle:])) == expected


@pytest.mark.skipif(sys.platform == "win32", reason="counts names in other units")
def test_a_result_may_have_the_longest_possible_name(tmp_path, small_film, command):
    name = "é" * 125 + "x.mp4"
    assert len(os.fsencode(name)) == 255
    shutil.copy(small_film, tmp_path / name)
    done = command(str(tmp_path / name), "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path / "out") == [name]


def test_images_of_a_film_scanner(tmp_path, colorizer):
    dpx = ("-c:v", "dpx", "-pix_fmt", "gbrp10be", "-strict", "-1")
    film_kinds.make(tmp_path / "scan%04d.dpx", *dpx, seconds=0.2, sound=False)
    done = coloring.color_film(colorizer, tmp_path / "scan%04d.dpx", tmp_path / "result.mp4")
    assert done.n_frames == 5
    video, *_ = film_kinds.probed(tmp_path / "result.mp4")
    assert (video["nb_read_frames"], video["pix_fmt"], film_kinds.rate(video)) == ("5", "yuv420p10le", 24)
