"""Exported networks that take hints also return the features by which places of photos are compared."""

import exports
import keras
import numpy as np
import pytest
from ai_edge_litert import interpreter as litert

from tf_colorize import Colorizer, export
from tf_colorize.inference import insight, runtimes
from tf_colorize.models import anatomy

SIZE = exports.IMAGE_SIZE
SQUARE = np.random.default_rng(0).uniform(-1, 1, (1, SIZE, SIZE, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def hinted(tmp_path_factory):
    generator = exports.generator_with_features()
    path = tmp_path_factory.mktemp("hinted") / "a.tflite"
    return generator, export.export_tflite(generator, path, photos=exports.exported().photos, image_size=SIZE).path


def test_features_are_those_of_the_decoder_at_stride_8(hinted):
    generator, path = hinted
    interpreter = litert.Interpreter(str(path))
    given = interpreter.get_signature_runner()(lightness=SQUARE, hints=np.zeros((1, SIZE, SIZE, 3), np.float32))
    assert set(given) == {"ab", "annealed_logits", "features"}
    layer = generator.get_layer("decoder2_relu")
    expected = keras.Model(generator.input["lightness"], layer.output)(SQUARE, training=False)
    assert given["features"].shape[:3] == (1, SIZE // 8, SIZE // 8)
    np.testing.assert_allclose(given["features"], expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(given["ab"], runtimes.from_tflite(path, threads=1).predict_ab(SQUARE))


def test_networks_without_hints_or_such_a_decoder_have_none(hinted):
    interpreter = litert.Interpreter(str(exports.exported().tflite["none"]))
    assert interpreter.get_signature_list()["serving_default"]["outputs"] == ["ab"]
    lightness = keras.Input((None, None, 1), name="lightness")
    plain = keras.Model(lightness, keras.layers.Conv2D(2, 1, name="ab")(lightness))
    assert anatomy.matching_features(plain) is None
    assert anatomy.matching_features(hinted[0]) is not None


def test_older_files_are_used_without_features(hinted, tmp_path, monkeypatch):
    """A file of an earlier version, without features."""
    generator, path = hinted
    with monkeypatch.context() as patched:
        patched.setattr(anatomy, "matching_features", lambda generator: None)
        report = export.export_tflite(
            generator, tmp_path / "b.tflite", photos=exports.exported().photos, image_size=SIZE
        )
    older = Colorizer.load(report.path)
    assert older.takes_hints and litert.Interpreter(str(report.path)).get_signature_list()["serving_default"][
        "outputs"
    ] == ["ab", "annealed_logits"]
    np.testing.assert_array_equal(older.predict_ab(SQUARE), Colorizer.load(path).predict_ab(SQUARE))
    monkeypatch.setattr(runtimes, "default_model", lambda: report.path)
    with pytest.raises(ValueError, match=r"b\.tflite: not the model that ships with this version: .*features"):
        insight.Insight()
