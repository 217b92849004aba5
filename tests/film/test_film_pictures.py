"""What a result looks like: the film's own luma, the right color in the right tags, upright and mirrored as before."""

import math

import av
import cv2
import film_kinds
import numpy as np
import pytest
import skimage.color
import skimage.data
from PIL import ExifTags, Image, ImageFilter, ImageOps

import tf_colorize
from tf_colorize.film import coloring, joining, luma_codes, orientation, reading, tones

pytestmark = film_kinds.needs_ffmpeg
X264 = ("-c:v", "libx264", "-crf", "12")
X265 = ("-c:v", "libx265", "-x265-params", "log-level=error")


def painted(a, b):
    """A colorizer whose network sees the same color everywhere, a* and b* in Lab units."""
    ab = np.float32([a, b]) / 110
    return tf_colorize.Colorizer(lambda lightness: np.broadcast_to(ab, (*lightness.shape[:3], 2)).copy(), 32)


@pytest.mark.parametrize(
    "output",
    [
        X264,
        ("-c:v", "mpeg2video", "-q:v", "2"),
        ("-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p"),
        (*X264, "-pix_fmt", "yuv422p"),
        ("-c:v", "ffv1", "-pix_fmt", "gray"),
        ("-c:v", "huffyuv", "-pix_fmt", "rgb24"),
        ("-c:v", "qtrle", "-pix_fmt", "rgb555be"),
        ("-c:v", "rawvideo", "-pix_fmt", "monob"),
    ],
)
def test_luma_stays_that_of_the_film(tmp_path, colorizer, output):
    suffix = {"qtrle": ".mov", "rawvideo": ".nut"}.get(output[1], ".mkv")
    film = film_kinds.make(tmp_path / f"movie{suffix}", *output, sound=False, seconds=0.4, filters="format=gray")
    result = tmp_path / "result.mkv"
    coloring.color_film(colorizer, film, result, coloring.Options(crf=1))
    # FFmpeg's filter keeps codes: those of RGB become limited ones first.
    before = film_kinds.luma(film, "format=yuv444p" if {"rgb24", "rgb555be", "monob"} & {*output} else "").astype(float)
    difference = film_kinds.luma(result).astype(float) - before
    assert abs(difference.mean()) < 1.5 and np.abs(difference).mean() < 3
    coloring.color_film(painted(0, 0), film, result, coloring.Options(crf=1))
    difference = film_kinds.luma(result).astype(float) - before
    assert np.abs(difference).mean() < 0.5  # without color there is nothing to correct


# Scans (16-bit PNG, DPX, JPEG 2000) and other kinds whose luma is not their first plane in the order of this machine.
@pytest.mark.parametrize(
    ("codec", "pix_fmt", "bits"),
    [
        ("png", "gray16be", 16),
        ("png", "ya8", 8),
        ("png", "pal8", 8),
        ("dpx", "gbrp10be", 10),
        ("dpx", "gbrp12be", 12),
        ("ffv1", "gbrp10le", 10),
        ("rawvideo", "yuv420p10be", 10),
        ("rawvideo", "xyz12le", 12),
        ("ffv1", "gray10le", 10),
    ],
)
def test_every_pixel_format_keeps_its_brightness(tmp_path, codec, pix_fmt, bits):
    options = ("-c:v", codec, "-pix_fmt", pix_fmt, "-strict", "-1")
    film = film_kinds.make(
        tmp_path / ("movie.mov" if codec == "png" else "movie.nut"),
        *options,
        sound=False,
        seconds=0.2,
        filters="format=gray",
    )
    result = tmp_path / "result.mkv"
    coloring.color_film(painted(0, 0), film, result, coloring.Options(crf=1))
    assert reading.open_film(film).bits == bits
    shown = []
    for path in (film, result):
        gray = ("-vf", "scale=out_range=full:out_color_matrix=bt709,format=gbrp", "-pix_fmt", "rgb24", "-f", "rawvideo")
        rgb = np.frombuffer(film_kinds.ffmpeg("-i", path, *gray, "-"), np.uint8).reshape(-1, 3)
        shown.append(rgb @ [0.2126, 0.7152, 0.0722])  # FFmpeg's palette has colors
    assert abs((shown[1] - shown[0]).mean()) < 1 and np.abs(shown[1] - shown[0]).mean() < 2


def test_the_luma_of_rgb_is_that_of_the_tags(tmp_path):
    """A color film stored as RGB: its luma is that of BT.709, as the tags of the result say."""
    red, green, blue = 40, 200, 40
    toned = f"format=gbrp,geq=r={red}:g={green}:b={blue}"
    film = film_kinds.make(
        tmp_path / "movie.mkv", "-c:v", "ffv1", "-pix_fmt", "gbrp", sound=False, seconds=0.2, filters=toned
    )
    result = tmp_path / "result.mkv"
    coloring.color_film(painted(0, 0), film, result, coloring.Options(crf=1))
    expected = 16 + 219 * (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255
    assert film_kinds.luma(result).mean() == pytest.approx(expected, abs=1)  # by BT.601 it would be 17 lower


@pytest.mark.parametrize(("a", "b"), [(40, 30), (-30, 40), (15, -45)])
def test_colors_are_those_described_by_the_tags(tmp_path, a, b):
    """A flat gray film in one color: FFmpeg, which follows the tags, decodes that color."""
    film = film_kinds.make(tmp_path / "movie.mp4", *X264, sound=False, seconds=0.2, filters="geq=lum=128:cb=128:cr=128")
    result = tmp_path / "result.mp4"
    coloring.color_film(painted(a, b), film, result, coloring.Options(crf=1))
    raw = film_kinds.ffmpeg("-i", result, "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    rgb = np.frombuffer(raw, np.uint8).reshape(48, 64, 3)[24, 32]
    lightness = skimage.color.rgb2lab(np.full((1, 1, 3), (128 - 16) / 219))[0, 0, 0]
    expected = 255 * skimage.color.lab2rgb([[[lightness, a, b]]])[0, 0]
    assert np.abs(rgb - expected).max() < 3.5  # written as BT.601 it would be off by 8 and more
    assert {film_kinds.probed(result)[0][key] for key in ("color_space", "color_primaries", "color_transfer")} == {
        "bt709"
    }


@pytest.mark.parametrize("has_table", [False, True])
def test_the_joined_picture_is_that_of_a_photo(tmp_path, colorizer, monkeypatch, has_table):
    """Joining through luma and small chroma, with and without the table, gives the same as for photos."""
    monkeypatch.setattr(joining, "_WORTH_A_TABLE", 0 if has_table else math.inf)
    gray = Image.fromarray(skimage.data.astronaut()).convert("L").resize((256, 192)).filter(ImageFilter.GaussianBlur(3))
    path = tmp_path / "movie.mkv"
    gray.save(tmp_path / "1.png")
    film_kinds.ffmpeg("-i", tmp_path / "1.png", "-vf", "format=gray,format=yuv420p", "-c:v", "ffv1", path)
    film = reading.open_film(path)
    (frame,) = reading.frames_of(film)
    joiner = joining.Joiner(film, 32, has_small_chroma=True)
    assert (joiner._table is not None) == has_table
    ab = colorizer.ab(joiner.lightness(frame))
    expected = colorizer.join(joiner.gray(frame), ab).astype(int)
    image = joiner.joined(frame, ab)
    # Enlarged by OpenCV: swscale rounds down by half a level.
    planes = [np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width] for plane in image.planes]
    luma, blue, red = (cv2.resize(plane, (256, 192)).astype(float) for plane in planes)
    luma, blue, red = 255 * (luma - 16) / 219, 255 * (blue - 128) / 224, 255 * (red - 128) / 224
    rgb = np.stack([luma + 1.5748 * red, luma - 0.1873 * blue - 0.4681 * red, luma + 1.8556 * blue], axis=-1)
    assert np.abs(np.clip(rgb, 0, 255) - expected).mean() < 1.6
    # The table has a* and b* in bytes, and one bit of luma less.
    assert np.abs((np.clip(rgb, 0, 255) - expected).mean(axis=(0, 1))).max() < (1.1 if has_table else 1)


@pytest.mark.parametrize(("pix_fmt", "note"), [("yuv420p10le", ""), ("yuv420p12le", "12 bits per channel")])
@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_ten_bits_stay_ten(tmp_path, codec, pix_fmt, note):
    # A ramp with steps that 8 bits do not have.
    scale, middle = (4, 2048) if "12" in pix_fmt else (1, 512)
    ramp = f"format={pix_fmt},geq=lum='(256+X*2+floor(Y/4))*{scale}':cb={middle}:cr={middle}"
    film = film_kinds.make(
        tmp_path / "movie.mkv", "-c:v", "ffv1", sound=False, seconds=0.2, filters=ramp, size="128x64"
    )
    result = tmp_path / "result.mp4"
    done = coloring.color_film(painted(0, 0), film, result, coloring.Options(crf=1, codec=codec))
    assert note in "; ".join(done.notes) and bool(note) == bool(done.notes)
    assert film_kinds.probed(result)[0]["pix_fmt"] == "yuv420p10le"
    with av.open(str(result)) as made:
        frame = next(made.decode(video=0))
        luma = np.frombuffer(frame.planes[0], np.uint16).reshape(64, -1)[:, :128].astype(float)
    rows, columns = np.indices((64, 128))
    assert np.abs(luma - (256 + columns * 2 + rows // 4)).mean() < 1


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_high_dynamic_range_is_tone_mapped_with_a_notice(tmp_path, transfer, name):
    tags = ("-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc")
    ramp = "format=yuv420p10le,geq=lum=64+X*13:cb=512:cr=512"
    film = film_kinds.make(tmp_path / "movie.mp4", *X265, *tags, sound=False, seconds=0.2, filters=ramp)
    done = coloring.color_film(painted(0, 0), film, tmp_path / "result.mp4")
    assert any(f"high dynamic range ({name})" in note and "tone-mapped" in note for note in done.notes)
    video = film_kinds.probed(tmp_path / "result.mp4")[0]
    assert (video["color_transfer"], video["pix_fmt"]) == ("bt709", "yuv420p10le")
    luma = film_kinds.luma(tmp_path / "result.mp4")[0].mean(0)
    assert (np.diff(luma) > -1.5).all() and luma[0] < 20 and luma[-1] > 225


def test_tones_of_high_dynamic_range_by_the_standards():
    pq, hlg = tones.tones(10, False, "PQ"), tones.tones(10, False, "HLG")
    for made, code in ((pq, 64 + round(876 * 0.5807)), (hlg, 64 + round(876 * 0.75))):
        # BT.2408: paper white, 203 cd/m2, is 58 % of PQ and 75 % of HLG. It stays light, and leaves room above it.
        white = (int(made.code[code]) - 64) / 876
        assert 0.85 < white < 0.96
        assert made.code[64] == 64 and made.code[940] >= 938
        assert (np.diff(made.code.astype(int)) >= 0).all()
    # Below the knee light is kept: 10 % of paper white, 20.3 cd/m2, is 35.8 % of PQ, and sRGB's 10 % is 0.3492.
    assert (int(pq.code[64 + round(876 * 0.3582)]) - 64) / 876 == pytest.approx(0.3492, abs=0.01)


@pytest.mark.parametrize(
    "flip", [(0, True, False), (0, False, True), (90, True, False), (270, True, False), (180, False, False)]
)
def test_mirrored_and_rotated_films_stay_so(tmp_path, colorizer, flip):
    plain, film = film_kinds.make(tmp_path / "plain.mp4", *X264, sound=False, seconds=0.2), tmp_path / "movie.mov"
    degrees, is_hflip, is_vflip = flip
    with av.open(str(plain)) as source, av.open(str(film), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        stream.set_display_rotation(degrees, hflip=is_hflip, vflip=is_vflip)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    opened = reading.open_film(film)
    upright = orientation.upright(
        luma_codes.of(next(reading.frames_of(opened)).image, opened.bits, opened.is_full_range), opened.matrix
    )
    # FFmpeg turns frames by itself.
    expected = film_kinds.luma(film, size=opened.upright_size)[0]
    assert np.array_equal(upright, expected)
    for suffix in (".mov", ".mp4", ".mkv"):
        result = tmp_path / f"result{suffix}"
        coloring.color_film(colorizer, film, result)
        assert reading.open_film(result).matrix == opened.matrix
        made = film_kinds.luma(result, size=opened.upright_size)[0].astype(float)
        assert np.abs(made - expected).mean() < 5


@pytest.mark.parametrize("matrix", [None, (0, 1, 0, 1, 0), (0, -1, 0, 1, 0), (-1, 0, 0, 0, 1), (0, 1, 0, -1, 0)])
def test_upright_and_back(matrix):
    picture = np.random.default_rng(0).integers(0, 255, (3, 5, 2))
    there = orientation.upright(picture, matrix)
    assert there.shape == ((5, 3, 2) if orientation.is_sideways(matrix) else (3, 5, 2))
    np.testing.assert_array_equal(orientation.stored(there, matrix), picture)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
@pytest.mark.parametrize("orientation_tag", range(1, 9))
def test_numbered_images_are_upright_as_their_exif_says(tmp_path, colorizer, orientation_tag, suffix):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation_tag
    photo = Image.fromarray(skimage.data.camera()).resize((64, 48))
    for number in range(1, 4):
        photo.save(tmp_path / f"{number:03}{suffix}", exif=exif, quality=95)
    coloring.color_film(colorizer, tmp_path / f"%03d{suffix}", tmp_path / "result.mp4")
    photo.save(tmp_path / "expected.jpg", exif=exif, quality=95)  # Pillow itself fails at such TIFF files
    with Image.open(tmp_path / "expected.jpg") as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored).convert("L")).astype(float)
    raw = film_kinds.ffmpeg("-i", tmp_path / "result.mp4", "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    shown = np.frombuffer(raw, np.uint8).reshape(*upright.shape, 3) @ [0.2126, 0.7152, 0.0722]
    assert np.abs(shown - upright).mean() < 4


@pytest.mark.parametrize("modes", [("L", "I;16"), ("I;16", "L"), ("L", "RGB"), ("RGB", "L"), ("I;16", "P")])
def test_images_of_several_kinds_have_the_same_brightness(tmp_path, modes):
    gray = np.asarray(Image.fromarray(skimage.data.camera()).resize((64, 48)))
    for number, mode in enumerate(modes):
        photo = Image.fromarray(gray.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(gray).convert(mode)
        photo.save(tmp_path / f"{number:03}.png")
    coloring.color_film(painted(0, 0), tmp_path / "%03d.png", tmp_path / "result.mp4", coloring.Options(crf=1))
    raw = film_kinds.ffmpeg("-i", tmp_path / "result.mp4", "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    shown = np.frombuffer(raw, np.uint8).reshape(2, 48, 64, 3)[..., 1].astype(float)
    for picture in shown:
        assert np.abs(picture - gray).mean() < 2.5  # in the wrong range it would be 10
