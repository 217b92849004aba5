"""Where hints end: the whole difference in their thing, which is connected, and next to nothing elsewhere."""

import exports
import keras
import numpy as np
import pytest
import skimage.morphology
import tensorflow as tf

from tf_colorize.models import anatomy, grafts, hint_branch, hint_limits, saving

SIZE = 64


def connected(evidence, places, loss, **options):
    """The connection of each place of a grid, given its evidence and the places with a hint."""
    evidence = np.float32(evidence)
    hints = np.zeros((*evidence.shape, 3), np.float32)
    for place in places:
        hints[place] = 1.0
    hints = np.kron(hints, np.ones((hint_limits.STRIDE, hint_limits.STRIDE, 1), np.float32))
    layer = hint_limits.ConnectHints(**options)
    layer.build(None)
    layer.loss.assign(loss)
    spread = np.concatenate([np.full((*evidence.shape, 5), 7.0), evidence[..., None]], axis=-1)
    result = np.asarray(layer(np.float32(spread)[None], hints[None]))[0]
    np.testing.assert_array_equal(result[..., :5], spread[..., :5])
    return result[..., 5]


def filled(connection, color=(0.2, -0.1), automatic=(0.0, 0.0), evidence=0.5, spread=None):
    """The differences at places along one row, given their connection; the hint itself, a color, is at the last one."""
    count = len(connection)
    hints = np.zeros((count, 3), np.float32)
    hints[-1] = (*color, 1.0)
    spread = np.subtract(color, automatic) if spread is None else np.array(spread)
    columns = [*(evidence * spread), evidence, *(evidence * np.add(spread, automatic))]
    values = np.concatenate([np.tile(columns, (count, 1)), np.reshape(connection, (-1, 1))], axis=-1)
    ab = np.tile(np.float32(automatic), (1, 1, count, 1))
    return np.asarray(hint_limits.FillThings()(np.float32(values)[None, None], ab, hints[None, None]))[0, 0]


def test_a_connection_without_loss_is_a_morphological_reconstruction():
    evidence = np.random.default_rng(0).uniform(size=(12, 12))
    seeds = np.zeros_like(evidence)
    seeds[3, 4], seeds[9, 9] = evidence[3, 4], evidence[9, 9]
    expected = skimage.morphology.reconstruction(seeds, evidence, footprint=np.ones((3, 3)))
    np.testing.assert_allclose(connected(evidence, [(3, 4), (9, 9)], loss=0.0), expected, atol=1e-6)


def test_a_connection_decreases_by_the_loss_in_nearly_equal_distances_in_all_directions():
    result = connected(np.ones((33, 33)), [(16, 16)], loss=0.02 * 33)
    assert result[16, 16] == 1.0
    np.testing.assert_allclose(result[16, 16:], 1.0 - 0.02 * np.arange(17), atol=1e-5)
    distance = np.hypot(*(np.mgrid[:33, :33] - 16.0))
    far = distance > 8
    ratio = ((1.0 - result) / 0.02)[far] / distance[far]
    assert ratio.min() > 0.85 and ratio.max() < 1.1


def test_the_way_to_a_similar_thing_leads_through_another():
    evidence = np.full((8, 20), 0.9)
    evidence[:, 9:11] = 0.02  # something else from top to bottom
    result = connected(evidence, [(4, 3)], loss=0.0)
    np.testing.assert_allclose(result[:, :9], 0.9)
    np.testing.assert_allclose(result[:, 9:], 0.02)
    evidence[0, 9:11] = 0.9  # around its end
    np.testing.assert_allclose(connected(evidence, [(4, 3)], loss=0.0)[:, 11:], 0.9)


def test_the_loss_is_that_across_a_picture_of_any_size():
    small, large = (connected(np.ones((side, side)), [(side // 2, 0)], loss=1.0)[side // 2] for side in (24, 48))
    np.testing.assert_allclose(small[12], large[24], atol=1e-5)


def test_without_hints_nothing_is_connected():
    assert not connected(np.ones((8, 8)), [], loss=1.0).any()


def test_a_thing_gets_the_whole_difference_and_other_things_a_faint_tint():
    connection = np.linspace(0, 1, 41)
    layer = hint_limits.FillThings()
    layer.build(None)
    threshold = float(np.asarray(layer.threshold))
    result = filled(connection)
    whole = connection > threshold + layer.WIDTH
    np.testing.assert_allclose(result[whole], [[0.2, -0.1]] * whole.sum(), rtol=1e-3)
    beyond = np.linalg.norm(result[connection < threshold], axis=-1)
    np.testing.assert_allclose(beyond, layer.TINT, rtol=0.01)
    assert layer.TINT * 110 < 5  # visible from there on
    assert (np.diff(np.linalg.norm(result, axis=-1)) >= -1e-6).all()


def test_a_large_wish_tints_nothing_beyond_its_thing():
    result = filled(np.linspace(0, 1, 41), color=(0.6, -0.3))
    assert not result[:4].any() and np.linalg.norm(result[-1]) > 0.6


def test_a_thing_gets_the_color_itself_also_where_its_automatic_color_differs_from_that_at_the_hint():
    layer, hints = hint_limits.FillThings(), np.zeros((1, 1, 3, 3), np.float32)
    hints[0, 0, 0] = (0.1, -0.5, 1.0)
    ab = np.float32([[[[0.0, 0.0], [0.6, 0.4], [-0.3, 0.2]]]])  # a gray zip, a red suit and a green one
    spread = np.float32(
        [[[[0.1 * known, -0.5 * known, known] + [0.1 * known, -0.5 * known, 1.0]] for known in (1.0, 0.5, 0.2)]]
    )
    spread = spread.reshape(1, 1, 3, 6)
    np.testing.assert_allclose(
        ab + np.asarray(layer(spread, ab, hints)), np.tile(hints[0, 0, 0, :2], (1, 1, 3, 1)), atol=1e-6
    )


def test_a_color_never_exceeds_those_of_the_hints():
    """Where hints of opposite colors cancel out their evidence, the quotient would be many times as large."""
    result = filled([0.5, 1.0], color=(0.1, -0.1), evidence=0.05, spread=(0.2, -0.1))
    np.testing.assert_allclose(result, [[0.1, -0.1]] * 2, rtol=1e-3)


def test_gradients_are_finite_also_where_nothing_is_known():
    rows = [[0, 0, -0.5, 0, 0, 0], [0] * 6, [1e-9, 0, 1e-9, 1e-9, 0, 0.28], [0.2, 0.1, 1.5, 0.2, 0.1, 0.3]]
    spread = tf.constant([[rows]], tf.float32)
    hints = tf.constant([[[[0, 0, 0], [0, 0, 0], [0, 0, 0], [0.2, 0.1, 1]]]], tf.float32)
    layer = hint_limits.FillThings()
    with tf.GradientTape() as tape:
        tape.watch(spread)
        loss = tf.reduce_sum(layer(spread, hints[..., :2], 2 * hints) ** 2)
    gradients = tape.gradient(loss, [spread, *layer.trainable_variables])
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_the_whole_branch_changes_nothing_beyond_its_steps():
    """Bit for bit, which a kernel with a tail cannot promise."""
    keras.utils.set_random_seed(0)
    plain = saving.portable(exports.generator())
    hinted = grafts.add_hints(plain)
    layer = next(layer for layer in hinted.layers if layer.name == "hints_connected")
    layer.loss.assign(SIZE / hint_limits.STRIDE / 2)  # half of the evidence is lost at each place
    lightness = np.random.default_rng(0).uniform(-1, 1, (1, SIZE, SIZE, 1)).astype("float32")
    hints = np.zeros((1, SIZE, SIZE, 3), "float32")
    hints[0, 20:24, 20:24] = (0.9, -0.8, 1.0)
    moved = np.asarray(hinted({"lightness": lightness, "hints": hints}) - plain(lightness))
    away = np.hypot(*(np.mgrid[:SIZE, :SIZE] - 21.5))
    assert not moved[0, away > 30].any() and np.abs(moved[0, 20:24, 20:24]).min() > 0.1


@pytest.mark.parametrize("options", [{}, {"power": 1, "ends": False}, {"power": 4}])
def test_a_branch_has_its_options_and_can_be_transferred(options):
    plain = saving.portable(exports.generator())
    assert hint_branch.options_of(plain) == {}
    hinted = grafts.add_hints(plain, **options)
    assert hint_branch.options_of(hinted) == {"power": 2, "ends": True} | options
    given = {
        "lightness": np.linspace(-1, 1, SIZE**2, dtype="float32").reshape(1, SIZE, SIZE, 1),
        "hints": np.zeros((1, SIZE, SIZE, 3), "float32"),
    }
    given["hints"][0, 30:34, 30:34] = (0.3, 0.3, 1.0)
    moved = grafts.with_hints_of(plain, hinted)
    np.testing.assert_array_equal(moved(given, training=False), hinted(given, training=False))


def test_a_branch_of_an_earlier_version_is_unchanged(tmp_path):
    """Its file contains no power, which was 1, and its differences do not end."""
    layer = hint_branch.SpreadHints(4, name="hints_spread")
    config = layer.get_config()
    assert config.pop("power") == 1
    assert hint_branch.SpreadHints.from_config(config).power == 1


@pytest.mark.parametrize("power", [0, 3, 8])
def test_a_power_other_than_1_2_or_4_is_refused(power):
    with pytest.raises(ValueError, match="`power` must be 1, 2 or 4"):
        hint_branch.SpreadHints(power=power)


def test_differences_of_generators_with_hints_are_those_of_training():
    plain = saving.portable(exports.generator())
    heads = anatomy.hint_heads(grafts.add_hints(plain))
    assert set(heads) == {"ab", "automatic"} and heads["ab"] is not heads["automatic"]
