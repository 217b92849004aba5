"""Means over similar-looking places: what the layer computes, and a generator with the layer."""

import keras
import numpy as np
import pytest

from tf_colorize import export, models, recipe
from tf_colorize.color import lab
from tf_colorize.inference import runtimes
from tf_colorize.models import anatomy, grafts, likeness, saving

SIZE = 64


def _generator(decoder_filters=(48, 32, 32)):
    """A generator whose colors differ from place to place, which those of an untrained one hardly do."""
    keras.utils.set_random_seed(3)
    generator = models.resnet18_unet(
        palette=lab.ab_palette(), decoder_filters=decoder_filters, mean_gain=1.0, contrast=1.2
    )
    logits = generator.get_layer("chroma_logits")
    logits.set_weights([20 * value for value in logits.get_weights()])
    return generator


@pytest.fixture(scope="module")
def plain():
    return _generator()


@pytest.fixture(scope="module")
def lightness():
    return np.random.default_rng(0).uniform(-1, 1, (2, SIZE, SIZE + 32, 1)).astype("float32")


def places_with(share, shape):
    """One embedding and weight for all places, of one number each, and a share of the mean."""
    places = np.zeros((*shape, 3), "float32")
    places[..., 2] = np.log(share / (1 - share))
    return places


def test_each_thing_gets_the_mean_of_its_own_parts():
    features = np.random.default_rng(1).normal(size=(2, 16, 8, 3)).astype("float32")
    places = places_with(0.25, (2, 16, 8))
    places[:, 8:, :, 0] = 10.0  # another thing: e^-100 is nothing
    result = np.asarray(likeness.NonLocalMean()(features, places))
    for half in (slice(0, 8), slice(8, 16)):
        mean = features[:, half].mean((1, 2), keepdims=True)
        np.testing.assert_allclose(result[:, half], 0.75 * features[:, half] + 0.25 * mean, atol=1e-5)


def test_likeness_is_a_gaussian_of_the_distance_and_places_count_by_their_weight():
    features = np.zeros((1, 4, 8, 3), "float32")
    features[:, :, 4:] = 1.0
    places = places_with(1 - 1e-6, (1, 4, 8))
    places[:, :, 4:, 0], places[:, :, 4:, 1] = 1.0, np.log(3.0)
    result = np.asarray(likeness.NonLocalMean()(features, places))
    far = np.exp(-1.0)
    np.testing.assert_allclose(result[:, :, :4], 3 * far / (1 + 3 * far), atol=1e-4)
    np.testing.assert_allclose(result[:, :, 4:], 3 / (far + 3), atol=1e-4)


def test_a_generator_gets_it_and_is_otherwise_unchanged(plain, lightness):
    joined = grafts.add_nonlocal_mean(plain)
    assert joined.name == plain.name and anatomy.has_palette(joined)
    assert anatomy.palette_stride(joined) == 4
    for layer in plain.layers:
        for mine, theirs in zip(joined.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert np.abs(joined(lightness, training=False) - plain(lightness, training=False)).max() > 0.01
    kernel, bias = joined.get_layer("likeness_embedding").get_weights()
    kernel[..., -1], bias[-1] = 0.0, -30.0  # no share of any mean
    joined.get_layer("likeness_embedding").set_weights([kernel, bias])
    scales = joined.get_layer("likeness_places").get_weights()[0]
    joined.get_layer("likeness_places").set_weights([scales * np.append(np.ones(scales.shape[1] - 1), 0.0)])
    np.testing.assert_allclose(joined(lightness, training=False), plain(lightness, training=False), atol=1e-5)


def test_the_embedding_starts_from_that_of_the_hints_branch(plain):
    hinted = grafts.add_hints(plain)
    joined = grafts.add_nonlocal_mean(hinted)
    assert not anatomy.takes_hints(joined)
    for name in ("from16", "from4", "conv"):
        kernel = hinted.get_layer(f"hints_{name}").get_weights()[0]
        np.testing.assert_array_equal(joined.get_layer(f"likeness_{name}").get_weights()[0], kernel)
    embedding = hinted.get_layer("hints_embedding").get_weights()[0]
    mine = joined.get_layer("likeness_embedding").get_weights()[0]
    distance = ((mine[..., 5, :-2] - mine[..., 9, :-2]) ** 2).sum()
    heads = embedding.reshape(embedding.shape[-2], 4, 25)[:, :, :-1]
    assert distance == pytest.approx(0.05 * ((heads[5] - heads[9]) ** 2).sum(), rel=1e-4)
    assert not mine[..., -2:].any()
    assert anatomy.takes_hints(grafts.add_hints(joined))


def test_unsuitable_generators_are_rejected(plain):
    with pytest.raises(ValueError, match="must not have a nonlocal mean yet"):
        grafts.add_nonlocal_mean(grafts.add_nonlocal_mean(plain))
    with pytest.raises(ValueError, match="must end with features of stride 4. Received: stride 2"):
        grafts.add_nonlocal_mean(_generator((32, 16, 16, 16)))


@pytest.mark.slow  # `test_strength` shows by default that what is grafted survives them
def test_it_survives_files_precisions_and_exports(plain, lightness, tmp_path):
    joined = grafts.add_nonlocal_mean(plain)
    expected = np.asarray(joined(lightness, training=False))
    saving.save_generator(joined, tmp_path / "joined.keras", {"image_size": SIZE})
    loaded, _ = saving.load_generator(tmp_path / "joined.keras")
    np.testing.assert_array_equal(loaded(lightness, training=False), expected)
    half = saving.with_policy(joined, "mixed_bfloat16")
    assert half.get_layer("likeness_mean").compute_dtype == "float32"
    assert np.abs(half(lightness, training=False) - expected).mean() < 0.02
    square = lightness[:1, :, :SIZE]
    expected = np.asarray(joined(square, training=False))
    file = export.export_tflite(joined, tmp_path / "joined.tflite", image_size=SIZE).path
    model = runtimes.from_tflite(file, threads=1)
    np.testing.assert_allclose(model.predict_ab(square), expected, atol=1e-3)


@pytest.mark.slow
def test_a_step_of_a_recipe_adds_it(plain, lightness, tmp_path):
    given = tmp_path / "given.keras"
    saving.save_generator(grafts.add_hints(plain), given, {"image_size": SIZE})
    file = tmp_path / "recipe.toml"
    file.write_text(f"[[step]]\nname = 'joined'\n[step.nonlocal_mean]\nmodel = '{given}'")
    recipe.run(file, data="", run_dir=tmp_path / "run", report=lambda line: None)
    joined, about = saving.load_generator(tmp_path / "run" / "joined" / "generator.keras")
    assert about["image_size"] == SIZE and joined.get_layer("likeness_embedding").get_weights()
