"""Gains by colorfulness: the pictures become as colorful as requested."""

import keras
import numpy as np
import pytest
import skimage.color
from PIL import Image

from tf_colorize.data import pipeline
from tf_colorize.models import anatomy, blocks
from tf_colorize.training import gains


def generator(strength=1.0, **options):
    """Colors a place by its lightness: pale, but with differences."""
    inputs = keras.Input((None, None, 1), name="lightness")
    x = keras.layers.AveragePooling2D(4)(inputs)
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="chroma")(x)
    outputs = blocks.ChromaContrast(1.0, 1.0, name="chroma_contrast", **options)(x)
    model = keras.Model(inputs, blocks.BilinearUpsampling(4, name="ab")(outputs))
    model.get_layer("chroma").set_weights([np.float32([[[[0.2 * strength, -0.3 * strength]]]])])
    return model


def hasler_and_suesstrunk(lightness, ab):
    """By scikit-image's conversion and the formula of the paper."""
    lab = np.concatenate([50 * (np.float64(lightness) + 1), 110 * np.float64(ab)], axis=-1)
    red, green, blue = np.moveaxis(255 * np.clip(skimage.color.lab2rgb(lab), 0, 1), -1, 0)
    one, other = red - green, (red + green) / 2 - blue
    return np.hypot(one.std(), other.std()) + 0.3 * np.hypot(one.mean(), other.mean())


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for index in range(5):
        base = np.random.default_rng(index).integers(60, 190, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(base).resize((64, 64), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return [str(path) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("options", [{}, {"expansion": 0.3}])
def test_the_mean_colorfulness_is_the_requested_share(photos, options):
    network = generator(**options)
    found = gains.fit(network, photos, 64, colorfulness=0.5, mean_share=0.7, batch_size=2)
    assert found["mean_gain"] == pytest.approx(0.7 * found["contrast"])
    assert found["expansion"] == options.get("expansion", 0.0) == anatomy.expansion(network)
    assert network.get_layer("chroma_contrast").contrast == found["contrast"]
    ((lightness, truth),) = list(pipeline.image_dataset(photos, 64, 5))
    result = np.asarray(network(lightness, training=False))
    made = np.mean([hasler_and_suesstrunk(one, other) for one, other in zip(lightness.numpy(), result)])
    wanted = 0.5 * np.mean([hasler_and_suesstrunk(one, other) for one, other in zip(lightness.numpy(), truth.numpy())])
    assert made == pytest.approx(wanted, rel=0.03)  # colors out of gamut are made differently


def test_pictures_that_cannot_be_colorful_come_as_close_as_possible(photos):
    assert gains.fit(generator(strength=1e-4), photos, 64, colorfulness=1.0)["contrast"] > 0.99 * gains.MOST


def test_a_generator_without_gains_is_refused(photos):
    inputs = keras.Input((None, None, 1))
    plain = keras.Model(inputs, keras.layers.Conv2D(2, 1, name="ab")(inputs))
    with pytest.raises(ValueError, match="built with gains"):
        gains.fit(plain, photos, 64, colorfulness=1.0)
