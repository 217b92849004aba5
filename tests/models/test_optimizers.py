import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_colorize import optimizers

SHAPES = ((3, 3, 4, 8), (8,), ())


def variables():
    random = np.random.default_rng(0)
    return [keras.Variable(random.normal(size=shape).astype("float32")) for shape in SHAPES]


def test_equals_keras_adam_with_schedule_clipping_decay_and_averages():
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, 10, warmup_target=2e-2, warmup_steps=3)
    arguments = dict(beta_1=0.5, beta_2=0.9, epsilon=1e-5, clipnorm=1.0, weight_decay=0.01, use_ema=True)
    fused, plain = optimizers.FusedAdam(schedule, **arguments), keras.optimizers.Adam(schedule, **arguments)
    fused_variables, plain_variables = variables(), variables()
    fused.build(fused_variables)
    plain.build(plain_variables)
    fused_step = tf.function(lambda gradients: fused.apply(gradients, fused_variables), autograph=False)
    random = np.random.default_rng(1)
    for _ in range(12):
        gradients = [tf.constant(random.normal(size=shape).astype("float32")) for shape in SHAPES]
        fused_step(gradients)
        plain.apply(gradients, plain_variables)
    assert len(fused.variables) == len(plain.variables)
    for result, expected in zip(fused_variables + fused.variables, plain_variables + plain.variables):
        np.testing.assert_allclose(result.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_the_first_step_matches_a_hand_calculation():
    # Both moments are bias-corrected, so the first step is lr * g / (|g| + epsilon).
    variable = keras.Variable([1.0, -2.0])
    optimizers.FusedAdam(0.1, epsilon=1e-8).apply([tf.constant([0.5, -3.0])], [variable])
    np.testing.assert_allclose(variable.numpy(), [0.9, -1.9], atol=1e-6)


def test_takes_the_state_of_keras_adam():
    plain_variables, fused_variables = variables(), variables()
    plain, fused = keras.optimizers.Adam(0.1), optimizers.FusedAdam(0.1)
    gradients = [tf.ones(shape) for shape in SHAPES]
    plain.apply(gradients, plain_variables)
    fused.build(fused_variables)
    for target, source in zip(fused.variables + fused_variables, plain.variables + plain_variables):
        target.assign(source)
    plain.apply(gradients, plain_variables)
    fused.apply(gradients, fused_variables)
    for result, expected in zip(fused_variables, plain_variables):
        np.testing.assert_allclose(result.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_is_a_keras_optimizer_that_saves_and_loads():
    fused = optimizers.FusedAdam(3e-4, beta_1=0.5)
    loaded = keras.optimizers.deserialize(keras.optimizers.serialize(fused))
    assert type(loaded) is optimizers.FusedAdam
    assert loaded.get_config() == fused.get_config()


@pytest.mark.slow
def test_two_replicas_train_as_one_and_as_keras_adam(run_python):
    run_python("""
        import keras, numpy as np, tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        from tf_colorize import optimizers

        def trained(optimizer, strategy):
            with strategy.scope():
                keras.utils.set_random_seed(0)
                layers = [keras.layers.Conv2D(4, 3, name=name) for name in ("encoder_1", "decoder_1")]
                model = keras.Sequential([keras.Input((16, 16, 3)), *layers, keras.layers.Flatten()])
                schedule = keras.optimizers.schedules.CosineDecay(1e-2, 5, warmup_target=2e-2, warmup_steps=2)
                # The large epsilon: Adam divides by gradients, and sums in another order round otherwise.
                factors = {"rate_factors": {"encoder_": 0.25}} if optimizer is optimizers.FusedAdam else {}
                model.compile(optimizer(schedule, beta_1=0.5, epsilon=1e-3, use_ema=True, **factors), loss="mse")
            model.fit(data, verbose=0, epochs=2)
            return [value.numpy() for value in model.weights + model.optimizer.variables]

        rng = np.random.default_rng(0)
        data = rng.normal(size=(24, 16, 16, 3)).astype("f"), rng.normal(size=(24, 12 * 12 * 4)).astype("f")
        data = tf.data.Dataset.from_tensor_slices(data).batch(8)
        mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert mirrored.num_replicas_in_sync == 2
        one, two = (trained(optimizers.FusedAdam, strategy) for strategy in (tf.distribute.get_strategy(), mirrored))
        assert one[4] is not None and np.abs(one[0]).max() > 0
        for a, b in zip(one, two, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)

        class Slowed(keras.optimizers.Adam):
            def update_step(self, gradient, variable, learning_rate):
                names = self._trainable_variables[self._get_variable_index(variable)].path
                super().update_step(gradient, variable, learning_rate * (0.25 if "encoder_" in names else 1.0))

        for a, b in zip(two, trained(Slowed, mirrored), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
    """)


def test_rate_factors_slow_the_variables_they_name():
    encoder, decoder = (keras.layers.Dense(1, use_bias=False, name=name) for name in ("encoder_1", "decoder_1"))
    model = keras.Sequential([keras.Input((1,)), encoder, decoder])
    before = [weight.numpy() for weight in model.weights]
    # The first step of Adam is the learning rate, whatever the gradient.
    optimizer = optimizers.FusedAdam(0.1, epsilon=1e-12, rate_factors={"encoder_": 0.25})
    optimizer.apply([tf.ones((1, 1)), tf.ones((1, 1))], model.trainable_variables)
    moved = [old - new.numpy() for old, new in zip(before, model.weights)]
    np.testing.assert_allclose(np.ravel(moved), [0.025, 0.1], rtol=1e-5)
    loaded = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert loaded.rate_factors == {"encoder_": 0.25}
