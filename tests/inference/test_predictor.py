"""Every runtime returns the same kind of object; the shipped model."""

import os

import numpy as np
import pytest
import skimage.data
import tiny_models

from tf_colorize import Colorizer, hints
from tf_colorize.inference import predictor, runtimes

LIGHTNESS = np.zeros((1, 8, 8, 1), np.float32)


def zeros(lightness):
    return np.zeros((*lightness.shape[:3], 2), np.float32)


def test_hints_are_refused_by_a_model_without_them():
    plain = predictor.Predictor(8, zeros)
    assert not plain.takes_hints and plain.predict_ab(LIGHTNESS).shape == (1, 8, 8, 2)
    with pytest.raises(ValueError, match="the model takes no hints"):
        plain.predict_ab(LIGHTNESS, np.zeros((1, 8, 8, 3), np.float32))


def test_functions_of_earlier_versions_become_predictors():
    assert predictor.Predictor.of(zeros, 8) == predictor.Predictor(8, zeros)
    both = hints.WithHints(zeros, lambda lightness, given: given[..., :2])
    colorizer = Colorizer(both, 8)
    given = np.full((1, 8, 8, 3), 0.5, np.float32)
    assert colorizer.takes_hints and colorizer.image_size == 8
    np.testing.assert_array_equal(colorizer.predict_ab(LIGHTNESS, given), given[..., :2])
    assert Colorizer(colorizer.predictor).image_size == 8


@pytest.mark.parametrize("kind", ["tflite", "keras"])
def test_every_runtime_returns_one(kind, tmp_path):
    if kind == "tflite":
        model = runtimes.from_tflite(tiny_models.write_tflite(tmp_path), threads=1)
    else:
        model = runtimes.from_keras(tiny_models.keras_model(), 32)
    assert isinstance(model, predictor.Predictor) and model.image_size == 32 and not model.takes_hints


def test_the_shipped_model_is_the_default(tmp_path, monkeypatch):
    photo = skimage.data.camera()[:120, :160]
    expected = Colorizer.load(os.path.abspath(runtimes.default_model()))(photo)
    monkeypatch.chdir(tmp_path)  # it does not depend on where one is
    colorizer = Colorizer.load()
    np.testing.assert_array_equal(colorizer(photo), expected)
    assert colorizer.takes_hints and Colorizer.load(threads=1).threads == 1
