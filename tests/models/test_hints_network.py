"""A generator with hints: without hints, it gives the automatic result bit for bit; with hints, their colors."""

import exports
import keras
import numpy as np
import pytest
import small_networks
import tensorflow as tf

from tf_colorize import models
from tf_colorize.color import lab
from tf_colorize.data import simulated_hints as simulated
from tf_colorize.models import anatomy, grafts, saving
from tf_colorize.models import hint_branch as branch

SIZE = 64


def _palette_unet():
    return models.resnet18_unet(palette=lab.ab_palette(), decoder_filters=(64, 32, 32), mean_gain=0.8, contrast=1.2)


NETWORKS = {
    "resnet18_unet": (models.resnet18_unet, (64, 96)),
    "palette_unet": (_palette_unet, (64, 96)),
    "unet": (models.unet, (256, 256)),
    "slim_unet": (small_networks.slim_unet, (256, 256)),
    "small": (exports.generator, (64, 64)),
}


SLOW = ("resnet18_unet", "unet")  # palette_unet and slim_unet have the same features


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in NETWORKS]
)
def pair(request):
    """A generator, the same with hints, and lightness for both."""
    function, size = NETWORKS[request.param]
    keras.utils.set_random_seed(0)
    plain = function()
    lightness = np.random.default_rng(0).uniform(-1, 1, (2, *size, 1)).astype("float32")
    return plain, grafts.add_hints(plain), lightness


def with_a_hint(lightness, ab=(0.4, -0.3), box=(slice(10, 14), slice(20, 25))):
    hints = np.zeros((*lightness.shape[:-1], 3), "float32")
    hints[0, box[0], box[1]] = (*ab, 1.0)
    return {"lightness": lightness, "hints": hints}


def test_without_hints_the_result_is_bit_identical_to_the_automatic_one(pair):
    plain, hinted, lightness = pair
    hints = np.zeros((*lightness.shape[:-1], 3), "float32")
    expected = plain(lightness, training=False)
    np.testing.assert_array_equal(hinted({"lightness": lightness, "hints": hints}, training=False), expected)
    np.testing.assert_array_equal(anatomy.automatic(hinted)(lightness, training=False), expected)


def test_a_hint_is_kept_spreads_and_stays_in_its_picture(pair):
    plain, hinted, lightness = pair
    given = with_a_hint(lightness)
    result = np.asarray(hinted(given, training=False))
    np.testing.assert_allclose(result[0, 10:14, 20:25], np.broadcast_to((0.4, -0.3), (4, 5, 2)), atol=1e-6)
    automatic = np.asarray(plain(lightness, training=False))
    changed = np.abs(result - automatic).max(axis=-1)
    assert changed[0, 6, 16] > 1e-3 and np.isfinite(result).all() and np.abs(result).max() <= 1
    np.testing.assert_array_equal(result[1], automatic[1])


def test_a_loop_in_the_graph_equals_its_steps():
    keras.utils.set_random_seed(0)
    hinted = grafts.add_hints(exports.generator())
    given = with_a_hint(np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 1)).astype("float32"))
    expected = np.asarray(hinted(given, training=False))
    grafts.loop_in_hints(hinted)
    np.testing.assert_allclose(np.asarray(hinted(given, training=False)), expected, atol=1e-6)


def test_a_branch_moves_to_a_generator_that_was_trained_further(pair):
    plain, hinted, lightness = pair
    moved, given = grafts.with_hints_of(plain, hinted), with_a_hint(lightness)
    np.testing.assert_array_equal(moved(given, training=False), hinted(given, training=False))
    with pytest.raises(ValueError, match="`other` must take hints"):
        grafts.with_hints_of(plain, plain)


def test_takes_hints_is_true_only_for_generators_with_hints(pair):
    plain, hinted, _ = pair
    assert anatomy.takes_hints(hinted) and not anatomy.takes_hints(plain)
    assert anatomy.automatic(plain) is plain and hinted.name == plain.name
    assert anatomy.has_palette(hinted) == anatomy.has_palette(plain)
    with pytest.raises(ValueError, match="`generator` must not take hints yet"):
        grafts.add_hints(hinted)


def test_it_survives_files_and_precisions(tmp_path):
    hinted = grafts.add_hints(exports.generator())
    given = with_a_hint(np.linspace(-1, 1, SIZE**2, dtype="float32").reshape(1, SIZE, SIZE, 1))
    expected = hinted(given, training=False)
    saving.save_generator(hinted, tmp_path / "hinted.keras", {"image_size": SIZE})
    loaded, _ = saving.load_generator(tmp_path / "hinted.keras")
    np.testing.assert_array_equal(loaded(given, training=False), expected)
    half = saving.with_policy(hinted, "mixed_bfloat16")
    assert half.output.dtype == "float32"
    np.testing.assert_allclose(half(given, training=False), expected, atol=0.1)


@pytest.mark.slow
def test_a_new_process_loads_it(tmp_path, run_python):
    saving.save_generator(grafts.add_hints(exports.generator()), tmp_path / "hinted.keras", {"image_size": SIZE})
    run_python(f"""
        from tf_colorize import Colorizer
        assert Colorizer.load({str(tmp_path / "hinted.keras")!r}).takes_hints
    """)


def test_only_the_branch_learns():
    own = saving.portable(exports.generator())  # layers are shared, and what freezes here would be frozen elsewhere
    hinted = grafts.add_hints(own)
    grafts.train_hints_only(hinted)
    layers = {weight.path.split("/")[0] for weight in hinted.trainable_weights}
    assert layers == {
        *("hints_from1", "hints_conv", "hints_embedding", "hints_places", "hints_spread"),
        *("hints_upsampling", "hints_difference", "hints_connected", "hints_filled"),
    }
    with_gradient(hinted)


def with_gradient(hinted):
    given = with_a_hint(np.random.default_rng(1).uniform(-1, 1, (1, SIZE, SIZE, 1)).astype("float32"))
    with tf.GradientTape() as tape:
        loss = keras.ops.mean(hinted(given, training=True) ** 2)
    gradients = tape.gradient(loss, hinted.trainable_variables)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert any(np.abs(gradient).max() > 0 for gradient in gradients)


@pytest.mark.parametrize("power", [1, 2, 4])
def test_spreading_is_kriging(power):
    """Against the closed form: covariances among hints, plus noise, solved; one head."""
    random = np.random.default_rng(3)
    places = random.normal(size=(1, 8, 8, 5)).astype("float32")
    places[..., -1] *= 0.2
    ab = random.uniform(-0.3, 0.3, (1, 32, 32, 2)).astype("float32")
    hints = np.zeros((1, 32, 32, 3), "float32")
    cells = [(0, 1), (2, 3), (3, 0)]
    for row, column in cells:
        hints[0, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = (*random.uniform(-0.5, 0.5, 2), 1.0)
    layer = branch.SpreadHints(iterations=16, power=power)
    result = np.asarray(layer(places, ab, hints))[0].reshape(64, 6)
    noise = np.log1p(np.exp(float(layer.noise)))

    def covariance(one, other):
        distance = ((one[:, None, :-1] - other[None, :, :-1]) ** 2).sum(-1)
        return (np.exp(one[:, None, -1] + other[None, :, -1]) / (1 + distance)) ** power

    keys = np.stack([places[0, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean((0, 1)) for r, c in cells])
    known = [(hints[..., :2] - ab)[0, 8 * r : 8 * r + 8, 8 * c : 8 * c + 8].mean((0, 1)) for r, c in cells]
    colors = [hints[0, 8 * r, 8 * c, :2] for r, c in cells]
    values = np.concatenate([known, np.ones((3, 1)), colors], axis=1)
    weights = np.linalg.solve(covariance(keys, keys) + noise * np.eye(3), values)
    everywhere = covariance(places[0].reshape(64, 5), keys)
    np.testing.assert_allclose(result[:, :5], everywhere @ weights, atol=1e-4)
    alone = everywhere / (covariance(keys, keys).diagonal() + noise)  # the last column with a single hint
    np.testing.assert_allclose(result[:, 5], alone.max(axis=1), atol=1e-4)
    in_training = np.asarray(layer(places, ab, hints, training=True))[0].reshape(64, 6)
    np.testing.assert_allclose(in_training, result, atol=1e-4)


@pytest.mark.parametrize(("side", "hinted"), [(40, 3), (80, 3), (80, 90)])
def test_spreading_is_the_same_if_the_size_is_known_only_when_it_runs(side, hinted):
    """With fewer places for hints than are few, with a few hints on many places, and with many."""
    random = np.random.default_rng(0)
    places = random.normal(size=(2, side // 4, side // 4, 5)).astype("float32")
    places[..., -1] *= 0.2  # a system of equations that can be solved
    ab = random.uniform(-0.3, 0.3, (2, side, side, 2)).astype("float32")
    hints = np.zeros((2, side, side, 3), "float32")
    cells = random.permutation((side // 8) ** 2)[:hinted]
    hints[0, cells // (side // 8) * 8, cells % (side // 8) * 8] = 0.4, -0.2, 1.0
    layer = branch.SpreadHints()
    expected = np.asarray(layer(places, ab, hints))
    specs = [tf.TensorSpec((None, None, None, channels)) for channels in (5, 2, 3)]
    graph = tf.function(lambda *inputs: layer(*inputs), autograph=False, input_signature=specs)
    np.testing.assert_allclose(graph(places, ab, hints), expected, atol=2e-3)
    # A few hints are predicted from alone, which is many times as fast.
    assert "TopKV2" in {operation.type for operation in graph.get_concrete_function().graph.get_operations()}
    assert np.abs(expected[0]).max() > 0.1 and not expected[1].any()


def test_upsampling_is_bilinear_before_it_learns_and_keeps_constants():
    places = np.random.default_rng(0).uniform(-1, 1, (1, 6, 7, 3)).astype("float32")
    layer = branch.ConvexUpsampling()
    result = np.asarray(layer(places, np.zeros((1, 6, 7, 16 * 9), "float32")))
    bilinear = np.asarray(keras.ops.image.resize(places, (24, 28), interpolation="bilinear"))
    assert np.abs(result - bilinear).max() < 0.15  # it gives a little of its weight to all nine
    logits = np.random.default_rng(1).normal(size=(1, 6, 7, 16 * 9)).astype("float32")
    constant = np.asarray(layer(np.full_like(places, 0.3), logits))
    np.testing.assert_allclose(constant, np.full((1, 24, 28, 3), 0.3), atol=1e-6)


def test_simulated_hints_are_means_of_the_truth():
    ab = np.random.default_rng(0).uniform(-1, 1, (40, 60, 2)).astype("float32")
    counts = []
    for seed in range(200):
        hints = simulated.simulate(ab, np.random.default_rng(seed))
        assert hints.shape == (40, 60, 3) and set(np.unique(hints[..., 2])) <= {0.0, 1.0}
        assert not hints[hints[..., 2] == 0].any()
        counts.append(hints[..., 2].mean())
    assert 0.02 < np.mean(np.array(counts) == 0) < 0.25  # most of the geometric distribution's p = 1/8
    hints = np.zeros((40, 60, 3), "float32")
    simulated.paint(hints, ab, top=38, left=-3, side=6)
    assert hints[34:, :6, 2].all() and hints[..., 2].sum() == 36
    np.testing.assert_allclose(hints[36, 2, :2], ab[34:, :6].mean((0, 1)), atol=1e-6)
