"""What `Pix2Pix` shares with other Keras models: sample weights, and the settings of `compile`."""

import keras
import numpy as np
import pytest

from tf_colorize import losses, metrics, models
from tf_colorize.models import pix2pix

RANDOM = np.random.default_rng(0)
CONDITION = RANDOM.uniform(-1, 1, (4, 64, 64, 1)).astype("float32")
TARGET = RANDOM.uniform(-1, 1, (4, 64, 64, 2)).astype("float32")


def built(discriminator=None, **settings):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 1))
    generator = keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same", name="ab")(inputs))
    terms = [losses.Term("smoothness", 2.0, losses.smoothness)]
    # Without batch normalization, which lets the samples of a batch see each other.
    discriminator = discriminator or models.patchgan(filters=4, spectral_norm=True)
    model = models.Pix2Pix(generator, discriminator, terms=terms)
    model.compile("sgd", discriminator_optimizer="sgd", **settings)
    return model


@pytest.mark.parametrize("gan_loss", ["vanilla", "lsgan", "hinge"])
def test_losses_are_weighted_by_sample(gan_loss):
    weights = np.array([0.0, 1.0, 3.0, 0.5], "float32")
    model = built(gan_loss=gan_loss, run_eagerly=True)
    alone = []
    for index in range(4):
        model.reset_metrics()
        alone.append(model.test_on_batch(CONDITION[index : index + 1], TARGET[index : index + 1], return_dict=True))
    model.reset_metrics()
    together = model.test_on_batch(CONDITION, TARGET, sample_weight=weights, return_dict=True)
    for key in (*pix2pix.LOG_KEYS, "g_smoothness_loss"):
        expected = sum(weight * logs[key] for weight, logs in zip(weights, alone)) / 4  # Keras divides by the number
        np.testing.assert_allclose(together[key], expected, rtol=2e-4, atol=1e-6, err_msg=key)


def test_a_sample_of_weight_0_teaches_neither_network():
    trained = []
    for last in (0, 1):
        # Every sample is a batch of its own, so that only a weight can keep one from counting.
        model = built(run_eagerly=True)
        data = (CONDITION[:2], TARGET[:2], np.array([1.0, last], "float32"))
        model.fit(*data[:2], sample_weight=data[2], batch_size=1, shuffle=False, verbose=0)
        trained.append([*model.generator.get_weights(), *[w.numpy() for w in model.discriminator.trainable_variables]])
    model = built(run_eagerly=True)
    model.fit(CONDITION[:1], TARGET[:1], batch_size=1, verbose=0)
    first = [*model.generator.get_weights(), *[w.numpy() for w in model.discriminator.trainable_variables]]
    for one, other, expected in zip(*trained, first):
        np.testing.assert_allclose(one, expected, atol=1e-7)
        assert not np.allclose(other, expected, atol=1e-7) or other.size < 8


def test_weighted_metrics_are_weighted_and_others_are_not():
    weights = np.array([0.0, 0.0, 1.0, 0.0], "float32")
    settings = {"metrics": [metrics.DeltaE(name="plain")], "weighted_metrics": [metrics.DeltaE(name="weighted")]}
    model = built(**settings, run_eagerly=True)
    logs = model.test_on_batch(CONDITION, TARGET, sample_weight=weights, return_dict=True)
    distance = 110 * np.sqrt(((model.predict(CONDITION, verbose=0) - TARGET) ** 2).sum(axis=-1)).mean(axis=(1, 2))
    np.testing.assert_allclose(logs["plain"], distance.mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["weighted"], distance[2], rtol=1e-5)


def test_weights_of_pixels_and_losses_of_whole_batches_are_refused():
    with pytest.raises(ValueError, match=r"one number per sample.*Received: sample_weight of shape"):
        built(run_eagerly=True).test_on_batch(CONDITION, TARGET, sample_weight=np.ones((4, 64, 64), "float32"))

    def whole(target, logits):
        return keras.ops.mean((target - logits) ** 2)

    model = built(gan_loss=whole, run_eagerly=True)
    model.test_on_batch(CONDITION, TARGET)
    with pytest.raises(ValueError, match="one number for the whole batch"):
        model.test_on_batch(CONDITION, TARGET, sample_weight=np.ones(4, "float32"))


def test_weights_may_have_a_column_of_their_own():
    weights = np.array([0.0, 1.0, 3.0, 0.5], "float32")
    model = built(run_eagerly=True)
    flat = model.test_on_batch(CONDITION, TARGET, sample_weight=weights, return_dict=True)
    model.reset_metrics()
    column = model.test_on_batch(CONDITION, TARGET, sample_weight=weights[:, np.newaxis], return_dict=True)
    assert column == pytest.approx(flat, rel=1e-5)


@pytest.mark.parametrize("value", [True, False])
def test_the_caller_decides_whether_xla_compiles_it(value):
    assert built(jit_compile=value).jit_compile is value  # without it, Keras decides: by the processor


@pytest.mark.parametrize(
    "settings",
    [
        {"run_eagerly": True},
        pytest.param({"jit_compile": False}, marks=pytest.mark.slow),
        pytest.param({"jit_compile": True}, marks=pytest.mark.slow),
    ],
)
def test_the_settings_of_keras_reach_it_and_change_no_number(settings, tmp_path):
    model, plain = built(**settings), built()
    for name, value in settings.items():
        assert getattr(model, name) == value
    ours, theirs = (one.train_on_batch(CONDITION, TARGET, return_dict=True) for one in (model, plain))
    assert ours == pytest.approx(theirs, rel=1e-4)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for name, value in settings.items():
        assert getattr(loaded, name) == value
