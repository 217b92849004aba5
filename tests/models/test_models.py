"""A table of networks, and the invariants that hold for all of them."""

import typing

import keras
import numpy as np
import pytest
import small_networks
import tensorflow as tf

from tf_colorize import models
from tf_colorize.color import lab
from tf_colorize.models import blocks, saving

METADATA = {"image_size": 64}
UNET_PARAMETERS = 54_420_290  # in the paper


def _palette_unet():
    return models.resnet18_unet(palette=lab.ab_palette(), decoder_filters=(64, 32, 32))


def _as_discriminator(function=models.patchgan, **arguments):
    network = function(**arguments)
    pair = keras.Input((None, None, 3))
    return keras.Model(pair, network([pair[..., :1], pair[..., 1:]]))


# name: (function, shape of one input, shape of its output, parameters in the source or None)
NETWORKS = {
    "unet": (models.unet, (256, 512, 1), (256, 512, 2), UNET_PARAMETERS),
    "slim_unet": (small_networks.slim_unet, (256, 512, 1), (256, 512, 2), None),
    "resnet18_unet": (models.resnet18_unet, (64, 96, 1), (64, 96, 2), None),
    "resnet34_unet": (models.resnet34_unet, (64, 96, 1), (64, 96, 2), None),
    "palette_unet": (_palette_unet, (64, 96, 1), (64, 96, 2), None),
    "patchgan": (_as_discriminator, (256, 192, 3), (30, 22, 1), 2_767_425),
    "patchgan_sn": (lambda: _as_discriminator(spectral_norm=True), (64, 96, 3), (6, 10, 1), None),
    "projected": (lambda: _as_discriminator(models.projected, encoder_weights=None), (64, 96, 3), (2, 3, 3), None),
}


class Case(typing.NamedTuple):
    """A network, its inputs, and its outputs for them in inference."""

    name: str
    network: keras.Model
    inputs: np.ndarray
    outputs: tf.Tensor
    output_shape: tuple
    size: int | None  # parameters in the source


# palette_unet is made of the same layers as the first two, apart from the last; slim_unet has fewer filters.
SLOW = ("resnet18_unet", "resnet34_unet", "unet")


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in NETWORKS]
)
def case(request):
    function, input_shape, output_shape, n_parameters = NETWORKS[request.param]
    keras.utils.set_random_seed(0)
    inputs = np.random.default_rng(0).uniform(-1, 1, (2, *input_shape)).astype("float32")
    network = function()
    return Case(request.param, network, inputs, network(inputs, training=False), output_shape, n_parameters)


def test_output_has_the_stated_shape_type_and_range(case):
    assert case.outputs.shape == (2, *case.output_shape)
    assert case.outputs.dtype == "float32"
    assert np.all(np.isfinite(case.outputs))
    if "unet" in case.name:
        assert np.abs(case.outputs).max() <= 1.0


def test_parameter_count_is_that_of_the_paper(case):
    if case.size is not None:
        assert case.network.count_params() == case.size


def test_inference_is_deterministic_and_each_picture_stands_alone(case):
    np.testing.assert_array_equal(case.outputs, case.network(case.inputs, training=False))
    alone = case.network(case.inputs[1:], training=False)
    np.testing.assert_allclose(case.outputs[1:], alone, atol=1e-5)


def test_gradients_reach_every_variable(case):
    network, inputs = case.network, case.inputs
    if "patchgan" in case.name:
        network, inputs = network.layers[-1], [inputs[..., :1], inputs[..., 1:]]
    weights = np.random.default_rng(1).normal(size=(2, *case.output_shape)).astype("float32")
    statistics = [variable.numpy() for variable in network.non_trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(weights * network(inputs, training=True))
    gradients = tape.gradient(loss, network.trainable_variables)
    for variable, value in zip(network.non_trainable_variables, statistics):
        variable.assign(value)  # the tests after this one use the network as it was
    dead = [
        variable.path
        for variable, gradient in zip(network.trainable_variables, gradients)
        if gradient is None or not np.all(np.isfinite(gradient)) or not np.any(gradient)
    ]
    assert dead == []


def test_every_layer_with_weights_has_a_name_of_its_own(case):
    layers = [layer for layer in case.network._flatten_layers() if layer.weights and not isinstance(layer, keras.Model)]
    assert layers
    automatic = [layer.name for layer in layers if layer.name.startswith(("conv2d", "batch_norm", "fused_batch"))]
    assert automatic == []


def test_saving_and_loading_changes_nothing(case, tmp_path):
    case.network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(case.inputs, training=False), case.outputs)


def test_mixed_bfloat16_stays_close_and_gives_float32(case):
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = NETWORKS[case.name][0]()
    finally:
        keras.config.set_dtype_policy(previous)
    mixed.set_weights(case.network.get_weights())
    outputs, expected = mixed(case.inputs, training=False), case.outputs
    assert outputs.dtype == "float32"
    # bfloat16 has 8 bits of mantissa: errors are some per cent of the outputs' spread.
    assert np.abs(outputs - expected).mean() < 0.05 * np.std(expected) + 1e-3


@pytest.mark.parametrize("name", [pytest.param("resnet18_unet", marks=pytest.mark.slow), "palette_unet"])
def test_generator_files_hold_float32_and_metadata(name, tmp_path):
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        generator = NETWORKS[name][0]()
    finally:
        keras.config.set_dtype_policy(previous)
    saving.save_generator(generator, tmp_path / "generator.keras", METADATA)
    loaded, metadata = saving.load_generator(tmp_path)
    assert metadata == METADATA
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    for mine, theirs in zip(generator.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(mine, theirs)
    again = saving.with_policy(loaded, "mixed_bfloat16")
    assert again.get_layer("decoder1_conv").compute_dtype == "bfloat16"
    assert again.get_layer("ab").compute_dtype == "float32"


@pytest.mark.parametrize("content", [None, b"", b"not a zip", b"PK\x03\x04 cut"])
def test_load_generator_names_the_received_path(content, tmp_path):
    path = tmp_path / "model.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.keras: "):
        saving.load_generator(path)


@pytest.fixture(scope="module")
def paper_unet():
    """The U-Net with all its filters, for tests that do not run it."""
    keras.utils.set_random_seed(0)
    return models.unet()


def test_the_unet_has_the_parameters_of_the_paper(paper_unet):
    assert paper_unet.count_params() == UNET_PARAMETERS


def test_paper_networks_start_from_the_papers_distribution(paper_unet):
    keras.utils.set_random_seed(0)
    for network in (paper_unet, models.patchgan()):
        for layer in network.layers:
            if isinstance(layer, keras.layers.Conv2D):
                kernel = layer.kernel.numpy()
                tolerance = 5 * 0.02 / np.sqrt(kernel.size)
                assert abs(kernel.mean()) < tolerance
                assert abs(kernel.std() - 0.02) < tolerance


def test_a_patchgan_logit_sees_seventy_pixels():
    network = models.patchgan(spectral_norm=True)  # batch statistics would see the whole batch
    condition = tf.zeros((1, 256, 256, 1))
    target = tf.Variable(tf.random.stateless_normal((1, 256, 256, 2), (0, 1)))
    with tf.GradientTape() as tape:
        logit = network([condition, target], training=False)[0, 15, 15, 0]
    seen = np.argwhere(np.any(tape.gradient(logit, target).numpy()[0] != 0, axis=-1))
    assert tuple(np.ptp(seen, axis=0) + 1) == (70, 70)


def test_unet_dropout_acts_in_training_only(paper_unet):
    dropouts = [layer for layer in paper_unet.layers if isinstance(layer, keras.layers.Dropout)]
    assert [layer.rate for layer in dropouts] == [0.5, 0.5, 0.5]


def test_resnet18_unet_refuses_a_decoder_it_cannot_build():
    with pytest.raises(ValueError, match="`decoder_filters`.*Received"):
        models.resnet18_unet(decoder_filters=(64,) * 5)


def test_temperature_makes_the_palette_mean_vivid_or_dull():
    palette = np.array([[-0.5, 0.0], [0.5, 0.2]], "float32")
    logits = np.array([[[[0.0, 1.0]]]], "float32")
    shares = np.exp([0.0, 1.0]) / np.exp([0.0, 1.0]).sum()
    expectation = blocks.AnnealedMean(palette, temperature=1.0)(logits)[0, 0, 0]
    np.testing.assert_allclose(expectation, shares @ palette, rtol=1e-6)
    mode = blocks.AnnealedMean(palette, temperature=0.01)(logits)[0, 0, 0]
    np.testing.assert_allclose(mode, palette[1], rtol=1e-6)
    with pytest.raises(ValueError, match="`temperature`.*Received"):
        blocks.AnnealedMean(palette, temperature=0)


@pytest.mark.parametrize("sides", [(5, 7), (None, None), (5, None)], ids=str)
def test_bilinear_upsampling_is_pillows(sides):
    from PIL import Image

    small = np.random.default_rng(0).uniform(size=(5, 7)).astype("float32")
    layer, spec = blocks.BilinearUpsampling(4), tf.TensorSpec((None, *sides, 1))
    graph = tf.function(lambda inputs: layer(inputs), autograph=False, input_signature=[spec])
    ours = graph(small[None, :, :, None]).numpy()[0, :, :, 0]
    pillow = np.asarray(Image.fromarray(small).resize((28, 20), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(ours, pillow, atol=1e-6)


@pytest.mark.parametrize("training", [False, True])
def test_fused_batch_normalization_is_keras_own(training):
    rng = np.random.default_rng(0)
    inputs = rng.normal(2.0, 3.0, (8, 9, 10, 5)).astype("float32")
    fused = blocks.FusedBatchNormalization(momentum=0.9, epsilon=1e-5)
    plain = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    fused.build(inputs.shape)
    plain.build(inputs.shape)
    weights = [rng.uniform(0.5, 2.0, 5).astype("float32") for _ in range(4)]
    fused.set_weights(weights)
    plain.set_weights(weights)
    np.testing.assert_allclose(fused(inputs, training=training), plain(inputs, training=training), atol=2e-5)
    for mine, theirs in zip(fused.get_weights()[:3], plain.get_weights()[:3]):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)
    # Of 720 values a channel, the unbiased variance is larger by a part in 719; a tenth of it is taken in.
    unbiased = 0.1 * inputs.var(axis=(0, 1, 2)) / 719 if training else 0.0
    np.testing.assert_allclose(fused.get_weights()[3], plain.get_weights()[3] + unbiased, rtol=1e-5)
    frozen = blocks.FusedBatchNormalization(trainable=False)
    frozen(inputs, training=True)
    np.testing.assert_array_equal(frozen.get_weights()[-2], np.zeros(5))


def test_chroma_contrast_damps_the_mean_and_widens_the_rest():
    chroma = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 8, 8, 2)).astype("float32") + [0.1, -0.05]
    mean = chroma.mean(axis=(1, 2), keepdims=True)
    result = blocks.ChromaContrast(mean_gain=0.5, contrast=1.5)(chroma)
    np.testing.assert_allclose(result, 0.5 * mean + 1.5 * (chroma - mean), atol=1e-6)
    assert np.abs(blocks.ChromaContrast(mean_gain=1.0, contrast=10.0)(chroma)).max() == 1
    with pytest.raises(ValueError, match=r"`mean_gain` must be at least 0"):
        blocks.ChromaContrast(mean_gain=-1.0, contrast=1.0)


def test_an_expansion_calms_pale_pictures_and_leaves_typical_ones():
    layer = blocks.ChromaContrast(mean_gain=1.0, contrast=1.0, expansion=0.5)
    typical = np.full((1, 4, 4, 2), layer.TYPICAL / np.sqrt(2), "float32")
    chroma = np.concatenate([typical, typical / 4, typical * 4, 0 * typical])
    result = np.asarray(layer(chroma))
    np.testing.assert_allclose(result, chroma * np.array([1, 0.5, 2, 0]).reshape(4, 1, 1, 1), rtol=1e-4, atol=1e-5)
    assert blocks.ChromaContrast.from_config(layer.get_config()).expansion == 0.5


def test_levels_with_a_second_convolution_start_as_those_without():
    plain, deeper = (
        models.resnet18_unet(decoder_filters=(16, 8, 8), n_residual=n, name="resnet18_unet") for n in (0, 2)
    )
    assert deeper.count_params() - plain.count_params() == 16 * 16 * 9 + 8 * 8 * 9 + 4 * (16 + 8)
    deeper.get_layer("resnet18").set_weights(plain.get_layer("resnet18").get_weights())
    deeper.get_layer("chroma_conv").set_weights(plain.get_layer("chroma_conv").get_weights())
    for level in (1, 2, 3):
        for kind in ("conv", "norm"):
            first = f"decoder{level}_{kind}{'0' if level < 3 else ''}"
            deeper.get_layer(first).set_weights(plain.get_layer(f"decoder{level}_{kind}").get_weights())
    lightness = np.random.default_rng(0).uniform(-1, 1, (1, 32, 64, 1)).astype("float32")
    np.testing.assert_allclose(deeper(lightness), plain(lightness), atol=1e-6)
    deeper.get_layer("decoder2_norm").gamma.assign(np.ones(8))
    assert np.abs(deeper(lightness) - plain(lightness)).max() > 1e-4
