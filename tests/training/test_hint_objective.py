"""The objective of the hints branch: calculated by hand, and in a step of stage 1."""

import numpy as np
import tensorflow as tf

from tf_colorize.training import objectives


def test_the_target_for_hints_mixes_wish_and_automatic_result():
    wish = np.zeros((1, 1, 3, 3), np.float32)
    wish[0, 0] = [(0.5, -0.5, 1.0), (0.5, -0.5, 0.25), (0.5, -0.5, 0.0)]
    automatic = tf.constant(np.full((1, 1, 3, 2), 0.1, np.float32))
    with tf.GradientTape() as tape:
        tape.watch(automatic)
        target = objectives.hint_target(wish, automatic)
    np.testing.assert_allclose(target[0, 0], [(0.5, -0.5), (0.2, -0.05), (0.1, 0.1)], atol=1e-6)
    assert tape.gradient(target, automatic) is None  # the automatic result is not what is trained


def test_the_error_counts_a_faint_tint_everywhere_more_than_its_square():
    target = np.zeros((2, 10, 10, 2), np.float32)
    result = target.copy()
    result[0] = 0.02
    result[1, 0, 0] = 0.2  # the same squares in one place
    tint, spot = objectives.hint_error(target, result).numpy()
    root = np.sqrt(0.02**2 + 3e-4)
    np.testing.assert_allclose([tint, spot], [root + 0.02, root + 0.002], rtol=1e-5)
