"""The gains of a generator with a palette, chosen so that its pictures are as colorful as people want them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf_colorize import installation
from tf_colorize.color import colorfulness, lab
from tf_colorize.data import pipeline
from tf_colorize.models import anatomy

with installation.explained():
    import keras

N_PHOTOS = 120
MOST = 8.0  # contrast; what needs more has hardly any color
_HALVINGS = 12


def fit(
    generator: keras.Model,
    photos: Sequence[str],
    image_size: int,
    *,
    colorfulness: float,
    mean_share: float = 1.0,
    batch_size: int = 8,
) -> dict[str, float]:
    """Sets the gains of a generator so that the mean colorfulness of its pictures is a share of the truth's.

    Only the strength of all color is chosen: the contrast, in [0, `MOST`], by halving. What a generator cannot
    reach, it comes as close to as it can.

    Args:
        generator: Functional model that was built with gains (`blocks.ChromaContrast`).
        photos: paths of color photos, of which up to `N_PHOTOS` are looked at, evenly taken.
        image_size: side of the squares that are colored, in pixels.
        colorfulness: over 0, share of the truth's mean colorfulness (Hasler and Suesstrunk 2003).
        mean_share: at least 0, `mean_gain` as a share of `contrast`.
        batch_size: pictures at a time.

    Returns:
        dict of the gains that were set.

    Raises:
        ValueError: the generator has no gains.
    """
    expansion = anatomy.expansion(generator)
    chosen = [photos[int(i)] for i in np.linspace(0, len(photos) - 1, min(N_PHOTOS, len(photos)))]
    looks = anatomy.before_gains(generator)
    scenes, truths = [], []
    for lightness, ab in pipeline.image_dataset(chosen, image_size, batch_size):
        chroma = looks(lightness, training=False)
        scenes.append((lightness.numpy(), chroma))
        truths += [_colorfulness(one, other) for one, other in zip(lightness.numpy(), ab.numpy())]
    goal = colorfulness * float(np.mean(truths))

    def found(contrast):
        anatomy.set_gains(generator, mean_gain=mean_share * contrast, contrast=contrast, expansion=expansion)
        results = []
        for lightness, chroma in scenes:
            ab = np.asarray(anatomy.after_gains(generator, chroma))
            results += [_colorfulness(one, other) for one, other in zip(lightness, ab)]
        return float(np.mean(results))

    low, high = 0.0, MOST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if found(middle) < goal else (low, middle)
    contrast = (low + high) / 2
    gains = {"mean_gain": mean_share * contrast, "contrast": contrast, "expansion": expansion}
    anatomy.set_gains(generator, **gains)
    return gains


def _colorfulness(lightness, ab):
    return colorfulness.colorfulness(lab.lightness_ab_to_rgb(lightness, ab))
