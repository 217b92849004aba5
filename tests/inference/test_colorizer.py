import io
import json
import threading
import zipfile

import numpy as np
import pytest
import skimage
import tensorflow as tf
import tiny_models
from PIL import Image

from tf_colorize import Colorizer, documents
from tf_colorize.color import lab
from tf_colorize.inference import strips
from tf_colorize.photos import files

PHOTO = skimage.data.coffee()[:300, 100:500]


@pytest.fixture(scope="module")
def tflite_path(tmp_path_factory):
    return tiny_models.write_tflite(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def colorizer(tflite_path):
    return Colorizer.load(tflite_path)


def constant(a, b, image_size=32):
    """A model that predicts the same color everywhere."""
    return Colorizer(lambda lightness: np.full((*lightness.shape[:3], 2), (a, b), np.float32), image_size)


def expected_picture(rgb, image_size=32, predict=None):
    """The pipeline of DESIGN, spelled out with TensorFlow's resize and scikit-image's colors."""
    lightness = skimage.color.rgb2lab(rgb)[..., :1].astype(np.float32) / 50 - 1
    square = tf.image.resize(lightness, (image_size, image_size), antialias=True).numpy()
    ab = predict(square) if predict else np.array([tiny_models.A, tiny_models.B]) + tiny_models.SLOPE * square
    ab = tf.image.resize(ab, rgb.shape[:2], antialias=True).numpy()
    return skimage.color.lab2rgb(np.concatenate([(lightness + 1) * 50, ab * 110], axis=-1)) * 255


@pytest.mark.parametrize(
    "shape", [(32, 32), (1, 1), (1, 77), (91, 1), (20, 20), (33, 500), (257, 129), (300, 400)], ids=str
)
def test_pictures_of_any_shape_match_tensorflow_and_scikit_image(colorizer, shape):
    # Middle grays, so that the colors are in gamut, where nothing has to be clamped.
    rgb = (np.asarray(Image.fromarray(PHOTO).resize(shape[::-1])) // 2 + 64).astype(np.uint8)
    result = colorizer(rgb)
    assert result.shape == (*shape, 3) and result.dtype == np.uint8
    assert np.abs(result - expected_picture(rgb)).max() <= 1


@pytest.mark.parametrize("shape", [(300, 400), (400, 300)], ids=["wide", "tall"])
def test_strips_have_no_seams(monkeypatch, shape):
    monkeypatch.setattr(strips, "_STRIP_PIXELS", 3000)
    # Large jumps from one low-resolution pixel to the next.
    ab = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 32, 32, 2)).astype(np.float32)
    rgb = np.resize(PHOTO // 2 + 64, (*shape, 3))
    result = Colorizer(lambda lightness: ab, 32)(rgb)
    assert np.abs(result - expected_picture(rgb, predict=lambda lightness: ab[0])).max() <= 1
    lightness = skimage.color.rgb2lab(rgb)[..., 0]
    np.testing.assert_allclose(skimage.color.rgb2lab(result)[..., 0], lightness, atol=0.5)
    seen = []
    Colorizer(lambda lightness: seen.append(lightness) or ab, 32)(rgb)
    whole = tf.image.resize(lightness[..., np.newaxis] / 50 - 1, (32, 32), antialias=True)
    np.testing.assert_allclose(seen[0][0], whole, atol=1e-5)


def test_every_kind_of_input_gives_the_same_picture(colorizer, tmp_path):
    gray = skimage.data.camera()[100:220, 50:250]
    file = io.BytesIO()
    Image.fromarray(gray).save(file, "PNG")
    (tmp_path / "x.png").write_bytes(file.getvalue())
    expected = colorizer(gray)
    assert np.ptp(expected, axis=-1).max() > 20
    alpha = Image.fromarray(gray).convert("LA")
    as_rgb = np.dstack([gray] * 3)
    for image in (
        gray[..., np.newaxis],
        as_rgb,
        Image.fromarray(gray),
        alpha,
        alpha.convert("RGBA"),
        Image.fromarray(as_rgb),
        Image.fromarray(gray.astype(np.uint16) * 257),
        file.getvalue(),
        tmp_path / "x.png",
        str(tmp_path / "x.png"),
        files.read(tmp_path / "x.png"),
    ):
        np.testing.assert_array_equal(colorizer(image), expected)


def test_orientation_is_applied_and_the_callers_image_is_unchanged(colorizer, tmp_path):
    gray = skimage.data.camera()[:60, :100]
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(gray).save(tmp_path / "x.png", exif=exif.tobytes())
    expected = colorizer(np.ascontiguousarray(np.rot90(gray, -1)))
    np.testing.assert_array_equal(colorizer(tmp_path / "x.png"), expected)
    with Image.open(tmp_path / "x.png") as image:
        np.testing.assert_array_equal(colorizer(image), expected)
        np.testing.assert_array_equal(np.asarray(image), gray)


@pytest.mark.parametrize(
    "array",
    [np.zeros((5, 5, 3)), np.zeros((5, 5, 4), np.uint8), np.zeros((2, 5, 5, 3), np.uint8), np.zeros((0, 5), np.uint8)],
)
def test_arrays_that_are_not_pictures_are_refused(colorizer, array):
    with pytest.raises(ValueError, match="`image` must be a uint8 array.*Received: dtype="):
        colorizer(array)


def test_vividness_scales_chroma():
    gray = np.full((40, 40), 128, np.uint8)
    model = constant(0.1, 0.05)
    chroma = [np.hypot(*skimage.color.rgb2lab(model(gray, vividness=v))[0, 0, 1:]) for v in (0, 0.5, 1, 1.5, 2)]
    assert chroma[0] < 0.5
    np.testing.assert_allclose(chroma[1:3], [0.5 * 110 * np.hypot(0.1, 0.05), 110 * np.hypot(0.1, 0.05)], atol=1)
    assert chroma[2] < chroma[3] < chroma[4] < 2 * chroma[2]
    with pytest.raises(ValueError, match="`vividness` must be in"):
        model(gray, vividness=3)


def test_vividness_does_not_turn_shadows_blue():
    shadow = np.full((40, 40), 16, np.uint8)  # L* about 5
    plain, vivid = (constant(0.0, -0.06)(shadow, vividness=v)[0, 0] for v in (1, 2))
    assert int(vivid[2]) - plain[2] <= 2


@pytest.mark.parametrize("a, b", [(0.9, 0.6), (-0.9, 0.3), (0.2, -0.95), (0.9, -0.9)])
def test_impossible_colors_keep_lightness_and_nearly_hue(a, b):
    gray = np.arange(20, 240, 10, dtype=np.uint8)[np.newaxis].repeat(3, axis=0)
    result = skimage.color.rgb2lab(constant(a, b)(gray))
    before = skimage.color.rgb2lab(np.dstack([gray] * 3))[..., 0]
    np.testing.assert_allclose(result[..., 0], before, atol=0.6)
    turn = np.angle((result[..., 1] + 1j * result[..., 2]) / complex(a, b))
    # Between the lines of constant hue of linear light and of Lab there are up to 35 degrees, at the far blue.
    assert np.abs(np.degrees(turn)).max() < 40 and np.hypot(result[..., 1], result[..., 2]).max() > 30


def test_a_broken_model_gives_an_error_instead_of_a_picture():
    for predict in (
        lambda lightness: np.full((1, 32, 32, 2), np.nan),
        lambda lightness: np.zeros((1, 32, 32, 3)),
    ):
        with pytest.raises(ValueError, match="the model must return finite ab"):
            Colorizer(predict, 32)(PHOTO)
    for image_size in (0, 2.5, None):
        with pytest.raises(ValueError, match="`image_size` must be a positive integer"):
            Colorizer(lambda lightness: lightness, image_size)


def test_keras_and_tflite_agree(colorizer):
    from_keras = Colorizer.from_keras(tiny_models.keras_model())
    assert from_keras.image_size == colorizer.image_size == 32
    assert np.abs(from_keras(PHOTO).astype(int) - colorizer(PHOTO)).max() <= 1


def test_a_generator_of_free_size_needs_no_fixed_one():
    import keras

    lightness = keras.Input((None, None, 1))
    model = keras.Model(lightness, keras.layers.Conv2D(2, 1)(lightness))
    assert Colorizer.from_keras(model).image_size == 256
    assert Colorizer.from_keras(model, image_size=64)(PHOTO).shape == PHOTO.shape
    with pytest.raises(ValueError, match="`model` must map one lightness channel to two ab channels"):
        Colorizer.from_keras(keras.Model(lightness, keras.layers.Conv2D(3, 1)(lightness)))


def test_run_folders_and_keras_files_are_recognized(tmp_path):
    from tf_colorize.models import saving

    metadata = {"image_size": 32, "lightness_scale": 50.0, "ab_scale": 110.0}
    saving.save_generator(tiny_models.keras_model(), tmp_path / "generator.keras", metadata)
    expected = Colorizer.from_keras(tiny_models.keras_model())(PHOTO)
    for model in (tmp_path, tmp_path / "generator.keras"):
        np.testing.assert_array_equal(Colorizer.load(model)(PHOTO), expected)


def test_tflite_works_from_many_threads(colorizer):
    expected, results = colorizer(PHOTO), []
    threads = [threading.Thread(target=lambda: results.append(colorizer(PHOTO))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8 and all(np.array_equal(result, expected) for result in results)


def with_metadata(path, target, **metadata):
    target.write_bytes(path.read_bytes())
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr(documents.METADATA_NAME, json.dumps(metadata))
    return target


def test_metadata_of_a_tflite_file_is_read_and_checked(tflite_path, tmp_path, colorizer):
    good = with_metadata(tflite_path, tmp_path / "a.tflite", image_size=32, lightness_scale=50, ab_scale=110)
    np.testing.assert_array_equal(Colorizer.load(good)(PHOTO), colorizer(PHOTO))
    bad = with_metadata(tflite_path, tmp_path / "b.tflite", image_size=32, ab_scale=128)
    with pytest.raises(ValueError, match="made for ab_scale 128, but this version uses 110"):
        Colorizer.load(bad)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.97, 0.999])
@pytest.mark.parametrize("has_metadata", [False, True])
def test_a_cut_tflite_file_is_refused(tflite_path, tmp_path, share, has_metadata):
    path = tmp_path / "cut.tflite"
    whole = with_metadata(tflite_path, tmp_path / "a.tflite", image_size=32) if has_metadata else tflite_path
    data = whole.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ValueError, match="cut.tflite: ") as caught:
        Colorizer.load(path)
    assert "\n" not in str(caught.value)


def test_models_of_another_kind_are_refused(tmp_path):
    import keras

    image = keras.Input((32, 32, 3))
    model = keras.Model(image, keras.layers.Conv2D(1, 1)(image))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    (tmp_path / "other.tflite").write_bytes(converter.convert())
    with pytest.raises(ValueError, match=r"other.tflite: not a colorizer.*\(1, 32, 32, 3\), \(1, 32, 32, 1\)"):
        Colorizer.load(tmp_path / "other.tflite")
    tf.saved_model.save(tf.Module(), str(tmp_path / "module"))
    with pytest.raises(ValueError, match="module: "):
        Colorizer.load(tmp_path / "module")
    model.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="other.keras"):
        Colorizer.load(tmp_path / "other.keras")
    for name in ("nothing.tflite", "nothing.keras", "nothing"):
        with pytest.raises(ValueError, match="nothing"):
            Colorizer.load(tmp_path / name)
    with pytest.raises(ValueError, match="`model` must be a .tflite, .onnx or .keras file.*it is none of these"):
        Colorizer.load(tmp_path)


def test_saved_models_run_their_signature(tmp_path):
    class Exported(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 1), name="lightness")])
        def predict_ab(self, lightness):
            return {"ab": tf.concat([tiny_models.A + 0.1 * lightness, tiny_models.B + 0.1 * lightness], axis=-1)}

    module = Exported()
    tf.saved_model.save(module, str(tmp_path), signatures={"predict_ab": module.predict_ab})
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / documents.METADATA_NAME).write_text('{"image_size": 32}')
    result = Colorizer.load(tmp_path)(PHOTO)
    assert np.abs(result.astype(int) - Colorizer.from_keras(tiny_models.keras_model())(PHOTO)).max() <= 1


def test_gray_tables_and_rgb_give_the_same_lightness():
    gray = np.arange(256, dtype=np.uint8)[np.newaxis]
    expected = skimage.color.rgb2lab(np.dstack([gray] * 3))[..., :1] / 50 - 1
    np.testing.assert_allclose(lab.rgb_to_lightness(np.dstack([gray] * 3)), expected, atol=1e-5)
    neutral = constant(0, 0)
    np.testing.assert_array_equal(neutral(gray), np.dstack([gray] * 3))
    np.testing.assert_array_equal(neutral(np.dstack([gray] * 3)), np.dstack([gray] * 3))


@pytest.mark.parametrize("channel", range(3))
def test_one_colored_pixel_in_a_gray_scan_keeps_its_lightness(channel):
    rgb = np.dstack([PHOTO[..., 1]] * 3)
    rgb[70, 30, channel] ^= 128
    result = constant(0, 0)(rgb)
    expected = skimage.color.rgb2lab(rgb[70:71, 30:31])[..., 0]
    np.testing.assert_allclose(skimage.color.rgb2lab(result[70:71, 30:31])[..., 0], expected, atol=0.3)
    np.testing.assert_array_equal(np.delete(result[70], 30, axis=0), np.delete(rgb[70], 30, axis=0))
