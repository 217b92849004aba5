import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_colorize.models import convolutions

# layer, its Keras original, input size, channels, filters, kernel size, stride
CASES = [
    ("Conv2D", 8, 256, 512, 4, 2),
    ("Conv2D", 4, 512, 256, 4, 2),
    ("Conv2D", 8, 512, 512, 3, 1),
    ("Conv2DTranspose", 1, 256, 256, 4, 2),
    ("Conv2DTranspose", 4, 512, 256, 4, 2),
]


def layers(name, filters, kernel_size, stride, **kwargs):
    arguments = dict(strides=stride, padding="same", activation="tanh", bias_initializer="normal", **kwargs)
    pair = [getattr(module, name)(filters, kernel_size, **arguments) for module in (convolutions, keras.layers)]
    return pair


def outputs_and_gradients(layer, inputs):
    @tf.function(autograph=False)
    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True) if "training" in layer._call_signature.parameters else layer(inputs)
            # Different weights for different outputs, so that no position can stand in for another.
            weights = tf.reshape(tf.range(tf.size(outputs), dtype=tf.float32), tf.shape(outputs)) % 7 - 3
            loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * weights)
        return outputs, tape.gradient(loss, [inputs, *layer.trainable_variables])

    operations = {op.type for op in step.get_concrete_function(inputs).graph.get_operations()}
    outputs, gradients = step(inputs)
    return [np.asarray(tf.cast(value, tf.float32)) for value in (outputs, *gradients)], operations


@pytest.mark.parametrize("name, size, channels, filters, kernel_size, stride", CASES)
def test_equals_keras_in_values_and_gradients(name, size, channels, filters, kernel_size, stride):
    fast, plain = layers(name, filters, kernel_size, stride)
    inputs = tf.random.stateless_normal((2, size, size + 2 * stride * (size > 1), channels), seed=(1, 2))
    fast.build(inputs.shape)
    plain.build(inputs.shape)
    plain.set_weights(fast.get_weights())
    results, operations = outputs_and_gradients(fast, inputs)
    expected, _ = outputs_and_gradients(plain, inputs)
    assert "Conv2DBackpropFilter" not in operations
    for result, wanted in zip(results, expected):
        np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


def test_in_bfloat16_it_is_as_close_to_float32_as_keras_is():
    inputs = tf.random.stateless_normal((2, 4, 4, 512), seed=(1, 2))
    fast, plain = layers("Conv2DTranspose", 512, 4, 2, dtype="mixed_bfloat16")
    exact = layers("Conv2DTranspose", 512, 4, 2)[1]
    gradients = []
    for layer, dtype in ((fast, tf.bfloat16), (plain, tf.bfloat16), (exact, tf.float32)):
        layer.build(inputs.shape)
        layer.set_weights(fast.get_weights())
        (*_, kernel, _), _ = outputs_and_gradients(layer, tf.cast(inputs, dtype))
        gradients.append(kernel)
    own, of_keras = (np.abs(kernel - gradients[2]).mean() for kernel in gradients[:2])
    assert own <= 1.1 * of_keras
    assert own < 0.02 * np.abs(gradients[2]).mean()


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
@pytest.mark.parametrize(
    "size, kernel_size, stride",
    [(64, 4, 2), (8, 3, 2), (5, 4, 2)],
    ids=["large picture", "odd kernel", "odd picture"],
)
def test_other_convolutions_use_the_keras_layer(name, size, kernel_size, stride):
    fast, plain = layers(name, 8, kernel_size, stride)
    inputs = tf.random.stateless_normal((1, size, size, 4), seed=(1, 2))
    fast.build(inputs.shape)
    plain.build(inputs.shape)
    plain.set_weights(fast.get_weights())
    for result, wanted in zip(outputs_and_gradients(fast, inputs)[0], outputs_and_gradients(plain, inputs)[0]):
        np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
def test_dilated_convolutions_use_the_keras_layer(name):
    # Looked at, not run: not every processor has a dilated transposed convolution in TensorFlow.
    operations = []
    for layer in layers(name, 8, 4, 1, dilation_rate=2):
        layer.build((1, 8, 8, 4))
        function = tf.function(lambda inputs, layer=layer: layer(inputs), autograph=False)
        graph = function.get_concrete_function(tf.TensorSpec((1, 8, 8, 4))).graph
        operations.append([operation.type for operation in graph.get_operations()])
    assert operations[0] == operations[1]


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
def test_eager_gradient_equals_keras(name):
    fast, plain = layers(name, 512, 4, 2)
    inputs = tf.random.stateless_normal((2, 4, 4, 256), seed=(1, 2))
    gradients = []
    for layer, arguments in ((fast, {"training": True}), (plain, {})):
        layer.build(inputs.shape)
        layer.set_weights(fast.get_weights())
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(inputs, **arguments) ** 2)
        gradients.append(tape.gradient(loss, layer.trainable_variables))
    for result, wanted in zip(*gradients):
        np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


def test_inference_uses_the_keras_graph():
    layer, _ = layers("Conv2D", 512, 4, 2)
    function = tf.function(lambda inputs: layer(inputs, training=False), autograph=False)
    graph = function.get_concrete_function(tf.TensorSpec((1, 8, 8, 256))).graph
    assert "IdentityN" not in {op.type for op in graph.get_operations()}
