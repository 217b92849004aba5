"""A photo on the page's stage, and the positions of its dots and of the divider."""

import re

import numpy as np
import skimage.data
import web_browser
from PIL import Image

from tf_colorize.color import lab

CAMERA = skimage.data.camera()[:300]
PHOTO = web_browser.encoded(Image.fromarray(CAMERA))


def colored():
    """A photo with colors."""
    return Image.fromarray(skimage.data.coffee())


def split_of(visitor):
    """Where the divider is, in percent of the width."""
    return visitor.page.locator("#frame").evaluate("frame => parseFloat(frame.style.getPropertyValue('--split'))")


def place_of(dot):
    x, y = re.search(r"at (\d+), (\d+)$", dot.get_attribute("aria-label")).groups()
    return int(x), int(y)


def ab_of(colors):
    """The normalized a* and b* of "#rrggbb", each at its own lightness, `(colors, 2)`."""
    return lab.rgb_to_lightness_ab(np.uint8([tuple(bytes.fromhex(color[1:])) for color in colors]))[1]


def colorfulness(visitor, left, right):
    """Mean difference between the largest and the smallest channel between two shares of the width."""
    return np.ptp(visitor.seen(left, right), axis=-1).mean()
