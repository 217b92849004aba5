"""What travels with every generator, so that anyone can feed it."""

import tf_colorize
from tf_colorize.color import lab

LICENCE = "Apache-2.0"


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
        "licence": LICENCE,
    }
