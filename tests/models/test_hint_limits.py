"""Where hints end: no effect beyond, full effect near hints, and large differences end sooner."""

import exports
import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_colorize.models import anatomy, grafts, hint_branch, hint_limits, saving

SIZE = 64


def spread(known, difference=(0.2, -0.1)):
    """A difference that is spread along one row, given how much is known at each place."""
    known = np.float32(known)
    return np.concatenate([known[:, None] * np.float32(difference), known[:, None]], axis=-1)[None, None]


def ended(values, **weights):
    layer = hint_limits.EndHints()
    layer.build(values.shape)
    for name, value in weights.items():
        getattr(layer, name).assign(value)
    return np.asarray(layer(values))


def test_the_cutoff_is_a_smoothstep_above_the_threshold():
    known = np.linspace(0, 1, 51)
    result = ended(spread(known), least=-1.0, by_size=0.0, softness=-1.0)[0, 0]
    start, width = 1 / (1 + np.e), np.log1p(np.exp(-1.0)) + 0.05
    share = np.clip((known - start) / width, 0, 1)
    expected = (3 * share**2 - 2 * share**3)[:, None] * spread(known)[0, 0]
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert (result[known < start] == 0).all()


def test_a_large_difference_ends_sooner_than_a_small_one():
    known = np.linspace(0, 1, 101)
    reached = [
        (ended(spread(known, difference))[0, 0, :, 0] != 0).sum() for difference in ((0.02, 0), (0.2, 0), (0.6, 0))
    ]
    assert reached[0] > reached[1] > reached[2] > 5


def test_a_negative_amount_counts_as_0_and_gradients_are_finite():
    values = tf.constant(spread([-0.5, 0.0, 1e-9, 0.25, 1.5]))
    layer = hint_limits.EndHints()
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = layer(values)
        loss = tf.reduce_sum(result**2)
    gradients = tape.gradient(loss, [values, *layer.trainable_variables])
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert not np.asarray(result)[0, 0, :3].any()
    assert any(np.abs(gradient).max() > 0 for gradient in gradients[1:])


def test_the_whole_branch_changes_nothing_where_a_hint_ends():
    """Bit for bit, which a kernel with a tail cannot promise."""
    keras.utils.set_random_seed(0)
    plain = saving.portable(exports.generator())
    hinted = grafts.add_hints(plain)
    end = next(layer for layer in hinted.layers if layer.name == "hints_end")
    end.least.assign(3.0)  # almost everything must be known
    lightness = np.random.default_rng(0).uniform(-1, 1, (1, SIZE, SIZE, 1)).astype("float32")
    hints = np.zeros((1, SIZE, SIZE, 3), "float32")
    hints[0, 20:24, 20:24] = (0.5, -0.4, 1.0)
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
