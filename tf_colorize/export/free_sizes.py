"""Which sizes of pictures a generator can process, for exports whose height and width are not fixed."""

from __future__ import annotations

import math
import typing
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_colorize.models import anatomy, hint_branch, likeness

if typing.TYPE_CHECKING:
    import keras


_MULTIPLES = [2**exponent for exponent in range(11)]
_ODD_SIDES = (3, 5)  # neither is a multiple of a smaller power of two


def multiple_of(generator: keras.Model, image_size: int, metadata: dict[str, Any] | None) -> int | None:
    """Returns the number of pixels of which height and width must be multiples, or None if a generator has one size.

    Args:
        generator: Keras model, lightness -> ab.
        image_size: Side of the square that the network should see.
        metadata: dict from `saving.load_generator`, or None; "image_sizes" are sides of others.

    Raises:
        ValueError: one of these sides is not such a multiple.
    """
    multiple = _least_multiple(generator)
    wrong = [side for side in (image_size, *(metadata or {}).get("image_sizes", ())) if multiple and side % multiple]
    if wrong:
        raise ValueError(
            f"`image_size` must be a multiple of {multiple} for {generator.name}. Received: "
            f"{', '.join(map(str, wrong))}"
        )
    return multiple


def _least_multiple(generator):
    automatic = anatomy.automatic(generator)
    if automatic.input_shape[1:3] != (None, None):
        return None
    found = next((multiple for multiple in _MULTIPLES if _keeps_sizes(automatic, multiple)), None)
    if found is None:
        return None
    # Means over blocks of places ignore what is left over at the edges.
    blocks = [hint_branch.STRIDE * hint_branch.KEY_FACTOR] if anatomy.takes_hints(generator) else []
    if anatomy.layer_of(generator, f"{anatomy.LIKENESS}mean") is not None:
        blocks.append(likeness.STRIDE * likeness.KEY_FACTOR)
    return math.lcm(found, *blocks)


def _keeps_sizes(automatic, multiple):
    """Returns whether the result for a picture of multiples of `multiple` is as large as the picture."""
    height, width = (multiple * side for side in _ODD_SIDES)
    graph = tf.function(lambda lightness: automatic(lightness, training=False), autograph=False)
    try:
        traced = graph.get_concrete_function(tf.TensorSpec((1, height, width, 1), tf.float32))
    except ValueError:  # features of different sizes cannot be joined
        return False
    return traced.structured_outputs.shape == (1, height, width, 2)


def for_check(image_size: int, multiple: int, larger: Sequence[int]) -> list[tuple[int, int]]:
    """Returns heights and widths, other than a square of `image_size`, at which an export should be checked.

    Args:
        image_size: int, side of the preferred square, a multiple of `multiple`.
        multiple: int, result of `multiple_of`.
        larger: ints, sides of other squares for which the model was made.

    Example:
    >>> for_check(224, 32, [320])
    [(128, 256), (320, 320)]
    """
    low = math.ceil(image_size / 2 / multiple) * multiple
    return [(low, image_size + multiple), *((side, side) for side in larger)]
