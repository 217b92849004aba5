"""The strength of a photo's color: what is looked at, what is scaled, and that it is learned, saved and exported."""

import json

import exports
import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from ai_edge_litert import interpreter as litert

from tf_colorize import export
from tf_colorize.inference import runtimes
from tf_colorize.models import anatomy, blocks, grafts, saving, strength

SIZE = exports.IMAGE_SIZE


@pytest.fixture(scope="module")
def plain():
    """Generators share their layers with the models made from them, so each module has its own."""
    return saving.portable(exports.generator())


@pytest.fixture(scope="module")
def lightness():
    return np.random.default_rng(0).uniform(-1, 1, (3, SIZE, 96, 1)).astype("float32")


def untrained(generator):
    return grafts.add_strength(saving.portable(generator))


def set_factor(generator, factor):
    """Makes the factor the same for all photos."""
    layer = generator.get_layer("strength_factor")
    kernel, _ = layer.get_weights()
    layer.set_weights([0 * kernel, np.log([factor]).astype("float32")])


def test_before_it_is_trained_it_changes_nothing(plain, lightness):
    joined = untrained(plain)
    assert anatomy.predicts_strength(joined) and not anatomy.predicts_strength(plain)
    assert joined.name == plain.name and anatomy.has_palette(joined) and anatomy.palette_stride(joined) == 2
    np.testing.assert_allclose(joined(lightness, training=False), plain(lightness, training=False), atol=1e-6)


def test_it_scales_the_chroma_before_the_gains(lightness):
    inputs = keras.Input((None, None, 1), name="lightness")
    logits = keras.layers.Conv2D(3, 1, kernel_initializer="he_normal", name="chroma_logits")(inputs)
    chroma = blocks.AnnealedMean([[0.2, 0.1], [-0.1, 0.3], [0.3, -0.3]], 0.5, name="chroma")(logits)
    gained = blocks.ChromaContrast(0.8, 1.3, name="chroma_contrast")(chroma)
    outputs = blocks.BilinearUpsampling(1, name="ab")(gained)
    generator = keras.Model(inputs, outputs, name="resnet18_unet")
    joined = grafts.add_strength(generator)
    set_factor(joined, 0.5)
    before = np.asarray(keras.Model(inputs, chroma)(lightness))
    mean = before.mean(axis=(1, 2), keepdims=True)
    expected = 0.5 * (0.8 * mean + 1.3 * (before - mean))
    np.testing.assert_allclose(joined(lightness, training=False), np.clip(expected, -1, 1), atol=1e-5)


def test_the_factor_is_clipped_for_any_photo():
    chroma = np.random.default_rng(1).uniform(-0.2, 0.2, (3, 4, 5, 2)).astype("float32")
    result = np.asarray(strength.ScaleChroma()(chroma, np.float32([[50.0], [-50.0], [0.1]])))
    expected = np.exp([1.5, -1.5, 0.1])[:, None, None, None] * chroma
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_the_largest_factor_can_be_limited_and_is_saved(plain, lightness, tmp_path):
    joined = untrained(plain)
    set_factor(joined, 0.5)
    half = np.asarray(joined(lightness, training=False))
    set_factor(joined, 2.0)
    anatomy.limit_strength(joined, 0.5)
    saving.save_generator(joined, tmp_path / "limited.keras", {"image_size": SIZE})
    for generator in (joined, saving.load_generator(tmp_path / "limited.keras")[0]):
        np.testing.assert_allclose(generator(lightness, training=False), half, atol=1e-6)
    with pytest.raises(ValueError, match="must predict strength"):
        anatomy.limit_strength(plain, 0.5)
    with pytest.raises(ValueError, match="`most` must be over 0.22"):
        strength.ScaleChroma(most=0.1)
    with pytest.raises(ValueError, match="`most` must be over 0.22"):
        anatomy.limit_strength(joined, 0.0)


def test_the_summary_matches_its_definition():
    random = np.random.default_rng(2)
    logits = random.normal(size=(2, 8, 12, 5)).astype("float32")
    chroma = random.uniform(-0.4, 0.4, (2, 8, 12, 2)).astype("float32")
    lightness = random.uniform(-1, 1, (2, 32, 48, 1)).astype("float32")
    result = np.asarray(strength.Summary()(logits, chroma, lightness))
    assert result.shape == (2, 5 + strength.TONES + 6) and np.isfinite(result).all()
    shares = scipy.special.softmax(logits[:, ::2, ::2], axis=-1).mean(axis=(1, 2))
    np.testing.assert_allclose(result[:, :5], 10 * np.sqrt(shares), rtol=1e-4)
    tones = (result[:, 5 : 5 + strength.TONES] / 3) ** 2 - 1e-4
    np.testing.assert_allclose(tones.sum(axis=1), 1, atol=1e-3)
    centers = np.linspace(-1, 1, strength.TONES)
    # A value counts in the two bins around it so that their mean is the value.
    np.testing.assert_allclose(tones @ centers, lightness[:, ::4, ::4, 0].mean(axis=(1, 2)), atol=1e-3)
    rest = result[:, 5 + strength.TONES :]
    np.testing.assert_allclose(rest[:, :2], 5 * chroma.mean(axis=(1, 2)), atol=1e-5)
    np.testing.assert_allclose(rest[:, 2:4], 5 * chroma.std(axis=(1, 2)), rtol=1e-4)
    amount = np.linalg.norm(chroma, axis=-1).mean(axis=(1, 2))
    np.testing.assert_allclose(rest[:, 4:], np.stack([5 * amount, np.log(amount)], axis=1), rtol=1e-4)


def test_a_gray_photo_and_a_certain_one_have_finite_summaries_and_gradients():
    chroma = tf.zeros((1, 4, 4, 2))
    logits = tf.constant(np.float32([[[[200.0, -200.0]] * 4] * 4]))
    with tf.GradientTape() as tape:
        tape.watch([chroma, logits])
        total = tf.reduce_sum(strength.Summary()(logits, chroma, tf.ones((1, 16, 16, 1))))
    for gradient in tape.gradient(total, [chroma, logits]):
        assert np.isfinite(gradient).all()
    assert np.isfinite(total)


def test_photos_of_a_batch_do_not_affect_each_other(plain, lightness):
    joined = untrained(plain)
    layer = joined.get_layer("strength_factor")
    kernel, bias = layer.get_weights()
    layer.set_weights([np.random.default_rng(4).normal(0, 0.1, kernel.shape), bias])
    together = np.asarray(joined(lightness, training=False))
    for index in range(len(lightness)):
        alone = joined(lightness[index : index + 1], training=False)
        np.testing.assert_allclose(alone[0], together[index], atol=1e-5)


def test_only_the_strength_is_trained_and_it_learns_the_best_factor(plain, lightness):
    joined = untrained(plain)
    others = {weight.path: weight.numpy() for weight in joined.weights if "strength" not in weight.path}
    lightness = lightness[:, :32, :32]
    target = 0.5 * np.asarray(joined(lightness, training=False))
    grafts.train_strength(joined, alone=True)
    assert {weight.path for weight in joined.trainable_weights} == {"strength_factor/kernel", "strength_factor/bias"}
    joined.compile(keras.optimizers.Adam(0.001), loss="mse")
    before = joined.evaluate(lightness, target, verbose=0)
    joined.fit(tf.data.Dataset.from_tensors((lightness, target)).repeat(150), verbose=0)  # faster than 150 epochs
    assert joined.evaluate(lightness, target, verbose=0) < 0.02 * before
    for weight in joined.weights:
        if weight.path in others:
            np.testing.assert_array_equal(weight.numpy(), others[weight.path])


def test_unsuitable_generators_are_rejected(plain):
    joined = untrained(plain)
    with pytest.raises(ValueError, match="no strength yet. Received: resnet18_unet, one that already predicts it"):
        grafts.add_strength(joined)
    inputs = keras.Input((None, None, 1), name="lightness")
    regression = keras.Model(inputs, keras.layers.Conv2D(2, 1, name="ab")(inputs), name="mine")
    with pytest.raises(ValueError, match="Received: mine, one without a palette"):
        grafts.add_strength(regression)


def test_a_branch_for_hints_is_left_out_and_can_be_put_back(plain, lightness):
    hinted = grafts.add_hints(saving.portable(plain))
    joined = grafts.add_strength(hinted)
    assert not anatomy.takes_hints(joined)
    back = grafts.with_hints_of(joined, hinted)
    given = {"lightness": lightness, "hints": np.zeros((*lightness.shape[:-1], 3), "float32")}
    np.testing.assert_array_equal(back(given, training=False), joined(lightness, training=False))
    assert anatomy.predicts_strength(back)


def trained(plain):
    joined = untrained(plain)
    layer = joined.get_layer("strength_factor")
    kernel, _ = layer.get_weights()
    noise = np.random.default_rng(5).normal(0, 0.03, kernel.shape)
    layer.set_weights([noise, np.float32([-0.3])])
    return joined


def test_it_survives_files_precisions_and_exports(plain, lightness, tmp_path):
    joined = trained(plain)
    expected = np.asarray(joined(lightness, training=False))
    assert np.abs(expected - plain(lightness, training=False)).mean() > 0.005
    saving.save_generator(joined, tmp_path / "joined.keras", {"image_size": SIZE})
    loaded, _ = saving.load_generator(tmp_path / "joined.keras")
    np.testing.assert_array_equal(loaded(lightness, training=False), expected)
    half = saving.with_policy(joined, "mixed_bfloat16")
    assert half.get_layer("strength_factor").compute_dtype == "float32"
    assert np.abs(half(lightness, training=False) - expected).mean() < 0.05
    square = lightness[:1, :, :SIZE]
    expected = np.asarray(joined(square, training=False))
    for quantize, most in (("none", 1e-3), ("dynamic", 0.01)):
        photos = exports.write_photos(tmp_path / f"photos_{quantize}")
        options = {"image_size": SIZE, "quantize": quantize, "photos": photos}
        file = export.export_tflite(joined, tmp_path / f"{quantize}.tflite", **options).path
        model = runtimes.from_tflite(file, threads=1)
        assert np.abs(model.predict_ab(square) - expected).mean() < most
        interpreter = litert.Interpreter(str(file))
        names = {op["op_name"] for op in interpreter._get_ops_details()}
        assert not [name for name in names if name.startswith(("Flex", "CUSTOM"))]


@pytest.mark.slow
def test_a_saved_model_gives_the_same_and_can_be_trained_further(plain, lightness, tmp_path):
    joined = trained(plain)
    square = lightness[:1, :, :SIZE]
    expected = np.asarray(joined(square, training=False))
    photos = exports.write_photos(tmp_path / "photos")
    path = export.export_saved_model(joined, tmp_path / "model" / "1", image_size=SIZE, photos=photos).path
    model = runtimes.from_saved_model(path)
    assert model.image_size == SIZE
    np.testing.assert_allclose(model.predict_ab(square), expected, atol=2e-3)
    rebuilt, _ = saving.load_generator(path)
    assert anatomy.predicts_strength(rebuilt)
    np.testing.assert_allclose(rebuilt(square, training=False), expected, atol=2e-3)


@pytest.mark.slow
def test_a_new_process_loads_it(plain, lightness, tmp_path, run_python):
    saving.save_generator(trained(plain), tmp_path / "joined.keras", {"image_size": SIZE})
    said = run_python(f"""
        import json
        from tf_colorize import Colorizer
        from tf_colorize.models import anatomy, saving
        Colorizer.load({str(tmp_path / "joined.keras")!r})
        print(json.dumps(anatomy.predicts_strength(saving.load_generator({str(tmp_path / "joined.keras")!r})[0])))
    """)
    assert said is None or json.loads(str(getattr(said, "stdout", said)).strip().splitlines()[-1]) is True
