"""What travels with every generator, so that anyone can feed it."""

import tf_colorize
from tf_colorize.color import lab

SHIPPED_WEIGHTS_TERMS = (
    "The weights that ship with tf_colorize are meant for research and personal use: many of the photo sets they were "
    "trained on are for research only. The Apache-2.0 license of the code does not cover them."
)
"""What may be done with the weights in `saved_models`: "terms" of their metadata, and in their card and the README.

Weights that a user trains have no terms of ours.
"""


def generator_metadata(image_size, training=None):
    """Returns the metadata of a generator, a dict for JSON.

    Args:
        image_size: int, side of the square that the network sees at inference, in pixels.
        training: dict for JSON or None: what training it further should take over.
    """
    return {
        "image_size": image_size,
        **({"training": training} if training else {}),
        "lightness_scale": lab.LIGHTNESS_SCALE,
        "ab_scale": lab.AB_SCALE,
        "package_version": tf_colorize.__version__,
    }
