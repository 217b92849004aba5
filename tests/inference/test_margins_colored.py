"""A flat margin gets no color unless a hint gives it one."""

import numpy as np
import pytest
import skimage

from tf_colorize import Colorizer, hints
from tf_colorize.color import lab
from tf_colorize.inference.predictor import Predictor


def strong():
    """A model that gives everything one strong color."""

    def predict_ab(lightness, given=None):
        return np.full((*lightness.shape[:-1], 2), 0.3, np.float32)

    return Colorizer(Predictor(64, predict_ab, predict_ab))


@pytest.fixture
def picture():
    mount = np.full((400, 420), 120, np.uint8)
    mount[70:320, 60:340] = skimage.data.camera()[130:380, 100:380]
    return mount


def chroma(rgb):
    return np.hypot(*np.moveaxis(lab.rgb_to_lightness_ab(rgb)[1] * lab.AB_SCALE, -1, 0))


def test_the_mount_stays_gray_and_the_photo_does_not(picture):
    found = chroma(strong()(picture))
    photo = np.zeros(picture.shape, bool)
    photo[70:320, 60:340] = True
    near = np.zeros(picture.shape, bool)
    near[58:332, 48:352] = True
    assert found[~near].max() < 1 and np.median(found[photo]) > 20


def test_a_hint_in_the_mount_counts(picture):
    assert np.median(chroma(strong()(picture, hints=[(20, 20, "#884422")]))[:40]) > 20
    found = chroma(strong()(picture, hints=[hints.hint((200, 200, "#884422"))]))
    assert found[:40].max() < 1  # one in the photo changes nothing in the mount
