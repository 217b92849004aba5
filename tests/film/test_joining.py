"""Color joined with frames: compared with scikit-image and the equations of BT.709."""

import av
import cv2
import numpy as np
import PIL.Image
import pytest
import skimage.color
import skimage.data

import tf_colorize
from tf_colorize.film import coloring, joining, reading


@pytest.fixture
def film(tmp_path):
    """A film whose first frame has squares of many grays, two pixels a side."""
    path = tmp_path / "gray.mkv"
    grays = np.random.default_rng(0).integers(60, 200, (24, 32), np.uint8)
    luma = np.kron(grays, np.ones((2, 2), np.uint8))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.concatenate([luma, np.full((24, 64), 128, np.uint8)]), format="yuv420p")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return reading.open_film(path)


@pytest.mark.parametrize("least_pixels", [0, 1 << 62], ids=["table", "computed"])
@pytest.mark.parametrize("color", [(20.0, 10.0), (-15.0, 25.0), (5.0, -30.0), (0.0, 0.0)])
def test_colors_are_those_of_their_lightness(film, monkeypatch, least_pixels, color):
    monkeypatch.setattr(joining, "_WORTH_A_TABLE", least_pixels)
    joiner = joining.Joiner(film, 32, has_small_chroma=True)
    frame = next(reading.frames_of(film))
    luma = np.frombuffer(frame.image.planes[0], np.uint8).reshape(48, -1)[::2, :64:2].copy()
    made = joiner.joined(joiner.without_chroma(frame), np.full((32, 32, 2), color, np.float32) / 110)

    lightness = skimage.color.rgb2lab(np.repeat((luma[..., np.newaxis] - 16.0) / 219, 3, axis=-1))[..., 0]
    rgb = skimage.color.lab2rgb(np.dstack([lightness, *(np.full_like(lightness, value) for value in color)]))
    true = rgb @ [0.2126, 0.7152, 0.0722]
    planes = [np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width] for plane in made.planes]
    inside = np.ptp(planes[0].reshape(24, 2, 32, 2), axis=(1, 3)) <= 2  # where squares are not blurred by neighbors
    is_valid = (rgb > 0.01).all(-1) & (rgb < 0.99).all(-1)
    assert is_valid.mean() > 0.8
    for plane, primary, scale in ((planes[1], rgb[..., 2], 1.8556), (planes[2], rgb[..., 0], 1.5748)):
        np.testing.assert_allclose(plane[is_valid], (128 + 224 * (primary - true) / scale)[is_valid], atol=1.6)
    places = is_valid & inside
    np.testing.assert_allclose(planes[0][::2, ::2][places], (16 + 219 * true)[places], atol=3)


@pytest.mark.parametrize("size", [(640, 360), (720, 576), (1920, 1080), (1000, 200), (300, 226)])
def test_the_network_sees_what_pillow_makes(tmp_path, size):
    photo = PIL.Image.fromarray(skimage.data.astronaut()).convert("L").resize(size)
    path = tmp_path / "photo.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "gray"
        frame = av.VideoFrame.from_ndarray(np.asarray(photo), format="gray")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    film = reading.open_film(path)
    found = joining.Joiner(film, 112, has_small_chroma=True).lightness(next(reading.frames_of(film)))[0, ..., 0]
    small = np.asarray(photo.resize((112, 112), PIL.Image.Resampling.BILINEAR))
    expected = skimage.color.rgb2lab(np.repeat(small[..., np.newaxis], 3, axis=-1))[..., 0] / 50 - 1
    assert np.abs(found - expected).mean() < 2 / 127.5  # two levels
    assert abs((found - expected).mean()) < 0.006


def test_frames_that_an_encoder_still_holds_are_not_overwritten(film):
    joiner = joining.Joiner(film, 32, has_small_chroma=True)
    frame = joiner.without_chroma(next(reading.frames_of(film)))
    first = joiner.joined(frame, np.full((32, 32, 2), 0.2, np.float32))
    graph = av.filter.Graph()  # it keeps the frame, as encoders can
    graph.link_nodes(graph.add_buffer(template=_stream(film)), graph.add("buffersink")).configure()
    graph.push(first)
    expected = [bytes(plane) for plane in first.planes]
    joiner.give_back(image=first)
    joiner.joined(frame, np.full((32, 32, 2), -0.2, np.float32))
    assert [bytes(plane) for plane in graph.pull().planes] == expected


def test_opencv_has_no_threads_of_its_own_while_a_film_is_colored(film, tmp_path):
    found = []

    def predict_ab(lightness):
        found.append(cv2.getNumThreads())
        return np.zeros((*lightness.shape[:3], 2), np.float32)

    n_before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        coloring.color_film(tf_colorize.Colorizer(predict_ab, 32), film, tmp_path / "result.mp4")
        assert set(found) == {1} and cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(n_before)


def _stream(film):
    with film.source.opened() as container:
        return container.streams.video[0]
