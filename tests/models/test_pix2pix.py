"""The adversarial trainer: what a step changes, what it logs, and that Keras' own tools work with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_colorize import losses, metrics, models
from tf_colorize.models import pix2pix


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    condition = rng.uniform(-1, 1, (2, 64, 64, 1)).astype("float32")
    # Something that can be learned from the condition.
    return condition, np.concatenate([0.5 * condition, -0.3 * condition], axis=-1)


def small_generator():
    inputs = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(16, 3, padding="same", name="conv")(inputs)
    x = models.blocks.FusedBatchNormalization(momentum=0.9, name="norm")(x)
    x = keras.layers.ReLU()(x)
    return keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same", name="ab")(x))


def build(generator_rate=2e-4, discriminator_rate=2e-4, **arguments):
    keras.utils.set_random_seed(0)
    model = models.Pix2Pix(small_generator(), models.patchgan(filters=8), lambda_l1=100.0)
    optimizers = [keras.optimizers.Adam(rate, beta_1=0.5) for rate in (generator_rate, discriminator_rate)]
    model.compile(optimizers[0], discriminator_optimizer=optimizers[1], **arguments)
    return model


def changed(before, network):
    return [not np.array_equal(old, new.numpy()) for old, new in zip(before, network.trainable_variables)]


def values(network):
    return [variable.numpy() for variable in network.trainable_variables]


@pytest.mark.parametrize("gan_loss", ["vanilla", "lsgan", "hinge"])
def test_each_optimizer_moves_its_own_network_only(batch, gan_loss):
    for frozen in ("generator", "discriminator"):
        model = build(**{f"{frozen}_rate": 0.0}, gan_loss=gan_loss, run_eagerly=True)  # for one step, faster
        before = {name: values(getattr(model, name)) for name in ("generator", "discriminator")}
        model.train_on_batch(*batch)
        moving = "discriminator" if frozen == "generator" else "generator"
        assert not any(changed(before[frozen], getattr(model, frozen)))
        assert all(changed(before[moving], getattr(model, moving)))


def test_logged_losses_are_those_of_the_paper(batch):
    condition, target = batch
    model = build(run_eagerly=True)
    fake = model.generator(condition, training=False).numpy()
    real_logits = model.discriminator([condition, target], training=False).numpy()
    fake_logits = model.discriminator([condition, fake], training=False).numpy()
    logs = model.test_on_batch(*batch, return_dict=True)
    real, false = np.log1p(np.exp(-real_logits)).mean(), np.log1p(np.exp(fake_logits)).mean()
    gan, l1 = np.log1p(np.exp(-fake_logits)).mean(), np.abs(fake - target).mean()
    expected = {
        "g_loss": gan + 100 * l1,
        "g_gan_loss": gan,
        "g_l1_loss": l1,
        "d_loss": (real + false) / 2,
        "d_real_loss": real,
        "d_fake_loss": false,
    }
    assert set(logs) == set(pix2pix.LOG_KEYS)
    for key, value in expected.items():
        np.testing.assert_allclose(logs[key], value, rtol=1e-5, err_msg=key)


def test_a_generator_with_a_palette_is_held_to_its_classification(batch):
    keras.utils.set_random_seed(0)
    palette = np.array([[0.0, 0.0], [0.4, -0.2], [-0.4, 0.2]], "float32")
    inputs = keras.Input((None, None, 1))
    logits = keras.layers.Conv2D(3, 1, name="chroma_logits")(inputs)
    generator = keras.Model(inputs, models.blocks.AnnealedMean(palette, 0.38, name="ab")(logits))
    loss = losses.PaletteCrossentropy(palette, sigma=0.2)
    terms = [losses.Term("classification", 2.0, losses.Classification(loss))]
    model = models.Pix2Pix(generator, models.patchgan(filters=8), lambda_l1=0.0, terms=terms)
    model.compile(keras.optimizers.Adam(0.05))
    expected = float(loss(batch[1], keras.Model(inputs, logits)(batch[0])))
    logs = model.test_on_batch(*batch, return_dict=True)
    np.testing.assert_allclose(logs["g_classification_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(logs["g_loss"], logs["g_gan_loss"] + 2 * expected, rtol=1e-5)
    for _ in range(30):
        model.train_on_batch(*batch)
    assert model.test_on_batch(*batch, return_dict=True)["g_classification_loss"] < 0.9 * expected
    (copy,) = models.Pix2Pix.from_config(model.get_config()).terms
    assert (copy.name, copy.weight) == ("classification", 2.0)
    outputs = model.heads(batch[0])
    ours, theirs = (term.function(*batch, outputs) for term in (terms[0], copy))
    np.testing.assert_array_equal(ours, theirs)


def test_a_custom_loss_is_added_weighted_and_logged(batch):
    def brightness(condition, target, outputs):
        return keras.ops.abs(outputs["ab"][..., 0])

    keras.utils.set_random_seed(0)
    terms = [losses.Term("brightness", 3.0, brightness), losses.Term("unused", 0.0, None)]
    model = models.Pix2Pix(small_generator(), models.patchgan(filters=8), lambda_l1=0.0, terms=terms)
    model.compile(run_eagerly=True)
    logs = model.test_on_batch(*batch, return_dict=True)
    expected = np.abs(model.generator(batch[0], training=False).numpy()[..., 0]).mean()
    np.testing.assert_allclose(logs["g_brightness_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(logs["g_loss"], logs["g_gan_loss"] + 3 * expected, rtol=1e-5)
    assert "g_unused_loss" not in logs


def test_smoothness_is_weighted_logged_and_learned():
    keras.utils.set_random_seed(0)
    surfaces = np.random.default_rng(0).uniform(-1, 1, (2, 4, 4, 1)).astype("float32").repeat(16, 1).repeat(16, 2)
    batch = surfaces, np.concatenate([0.4 * surfaces, -0.3 * surfaces], axis=-1)
    inputs = keras.Input((None, None, 1))
    generator = keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same", name="ab")(inputs))
    terms = [losses.Term("smoothness", 50.0, losses.smoothness)]
    model = models.Pix2Pix(generator, models.patchgan(filters=8), lambda_l1=0.0, terms=terms)
    model.compile(keras.optimizers.Adam(0.02))
    expected = losses.edge_aware_smoothness(*batch, generator(batch[0])).numpy().mean()
    logs = model.test_on_batch(*batch, return_dict=True)
    np.testing.assert_allclose(logs["g_smoothness_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(logs["g_loss"], logs["g_gan_loss"] + 50 * expected, rtol=1e-5)
    for _ in range(30):
        model.train_on_batch(*batch)
    assert model.test_on_batch(*batch, return_dict=True)["g_smoothness_loss"] < expected
    assert models.Pix2Pix.from_config(model.get_config()).terms == tuple(terms)


def test_the_generator_runs_once_a_step(batch):
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, inputs):
            calls.append(1)
            return inputs

    inputs = keras.Input((None, None, 1))
    outputs = keras.layers.Conv2D(2, 3, padding="same", name="ab")(Counted()(inputs))
    model = models.Pix2Pix(keras.Model(inputs, outputs), models.patchgan(filters=8))
    model.compile()
    calls.clear()
    model.train_step(tuple(map(tf.constant, batch)))
    assert len(calls) == 1


def test_one_batch_is_learned(batch):
    model = build(generator_rate=5e-3)
    first = model.train_on_batch(*batch, return_dict=True)["g_l1_loss"]
    for _ in range(60):
        model.reset_metrics()
        last = model.train_on_batch(*batch, return_dict=True)["g_l1_loss"]
    assert last < 0.25 * first


def test_fit_evaluate_predict_and_metrics(batch):
    model = build(metrics=[metrics.DeltaE()])
    history = model.fit(*batch, validation_data=batch, epochs=1, batch_size=2, verbose=0).history
    assert {*pix2pix.LOG_KEYS, "delta_e76"} <= set(history)
    assert {f"val_{key}" for key in (*pix2pix.LOG_KEYS, "delta_e76")} <= set(history)
    prediction = model.predict(batch[0], verbose=0)
    np.testing.assert_allclose(prediction, model.generator(batch[0], training=False), atol=1e-6)
    logs = model.evaluate(*batch, verbose=0, return_dict=True)
    distance = 110 * np.sqrt(((prediction - batch[1]) ** 2).sum(axis=-1)).mean()
    np.testing.assert_allclose(logs["delta_e76"], distance, rtol=1e-5)


def test_saving_keeps_weights_optimizers_and_compile_state(batch, tmp_path):
    model = build(gan_loss="lsgan", metrics=[metrics.DeltaE()])
    model.train_on_batch(*batch)
    model.save(tmp_path / "pix2pix.keras")
    loaded = keras.saving.load_model(tmp_path / "pix2pix.keras")
    assert loaded.lambda_l1 == 100.0
    # The next step is the same only if both optimizers' moments came along.
    ours = model.train_on_batch(*batch, return_dict=True)
    model.reset_metrics(), loaded.reset_metrics()
    ours = model.train_on_batch(*batch, return_dict=True)
    loaded.train_on_batch(*batch)
    loaded.reset_metrics()
    theirs = loaded.train_on_batch(*batch, return_dict=True)
    for key, value in ours.items():
        np.testing.assert_allclose(theirs[key], value, rtol=1e-4, err_msg=key)
    assert loaded.evaluate(*batch, verbose=0, return_dict=True).keys() >= {"d_loss", "delta_e76"}


def test_the_papers_optimizers_are_the_default():
    model = models.Pix2Pix(small_generator(), models.patchgan(filters=8))
    model.compile()
    for optimizer in (model.optimizer, model.discriminator_optimizer):
        assert isinstance(optimizer, keras.optimizers.Adam)
        np.testing.assert_allclose([optimizer.learning_rate, optimizer.beta_1], [2e-4, 0.5])


def test_float16_is_refused():
    generator = small_generator()
    generator.get_layer("conv").dtype_policy = "mixed_float16"
    model = models.Pix2Pix(generator, models.patchgan(filters=8))
    with pytest.raises(ValueError, match="mixed_float16.*Received.*conv"):
        model.compile()


@pytest.mark.slow
def test_two_replicas_train_as_one(run_python):
    run_python("""
        import keras, numpy as np, tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        from tf_colorize import models

        def networks():
            keras.utils.set_random_seed(0)
            inputs = keras.Input((None, None, 1))
            generator = keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same", name="ab")(inputs))
            # No batch normalization: its statistics are those of one replica.
            return models.Pix2Pix(generator, models.patchgan(filters=8, spectral_norm=True))

        rng = np.random.default_rng(0)
        data = tf.data.Dataset.from_tensor_slices(
            (rng.normal(size=(8, 32, 32, 1)).astype("f"), rng.normal(size=(8, 32, 32, 2)).astype("f"))
        ).batch(4)
        results = []
        for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
            with strategy.scope():
                model = networks()
                model.compile(keras.optimizers.SGD(1e-3), discriminator_optimizer=keras.optimizers.SGD(1e-3))
            model.fit(data, verbose=0)
            results.append([w.numpy() for w in model.generator.weights + model.discriminator.trainable_variables])
        assert strategy.num_replicas_in_sync == 2
        for one, two in zip(*results):
            np.testing.assert_allclose(one, two, atol=2e-6)
    """)
