"""Measures one photo: computes the numbers whose means over all photos are the figures of an evaluation."""

from __future__ import annotations

import typing

import numpy as np

from tf_colorize.color import colorfulness
from tf_colorize.evaluation import blotches, measures

if typing.TYPE_CHECKING:
    from tf_colorize.evaluation import protocols


COLUMNS = (
    *("psnr", "ssim", "ciede2000", "ab_error", "colorfulness", "colorfulness_absolute", "chroma"),
    *("gray_block_chroma", "patches", "pale_colorfulness"),  # sums, to be divided by those of `TRUTH_COLUMNS`
    *("mean_a", "mean_b", "ab_square", "ab_product"),  # means over the pixels, from which `correlation` is computed
)
TRUTH_COLUMNS = (
    *("colorfulness", "colorfulness_absolute", "chroma"),
    *("n_gray_blocks", "patches", "is_pale"),
    *("mean_a", "mean_b", "ab_square"),
    "gray_psnr",  # PSNR of the same photo without color
)
AB_EDGES = np.arange(-110, 111, 2)
_GRAY = 1e-3  # squared Lab units; a lower variance is rounding noise of gray


def of_truth(sample: protocols.Sample) -> tuple[float, ...]:
    """Returns the row of `TRUTH_COLUMNS` of a photo."""
    colorful = colorfulness.colorfulness(sample.truth)
    return (
        colorful,
        colorfulness.colorfulness_absolute(sample.truth),
        measures.mean_chroma(sample.truth_lab),
        blotches.gray_blocks(sample.truth_lab, sample.truth_lab)[1],
        blotches.patches(sample.truth_lab, sample.truth_lab)[1],
        colorful < blotches.PALE_COLORFULNESS,
        *_moments(sample.truth_lab, sample.truth_lab)[:3],
        measures.psnr(sample.truth, sample.gray),
    )


def of_prediction(sample: protocols.Sample, prediction: np.ndarray) -> tuple[tuple[float, ...], np.ndarray]:
    """Returns the row of `COLUMNS` and the histogram of a prediction, uint8 `(height, width, 3)`."""
    prediction_lab = measures.rgb_to_lab(prediction)
    colorful = colorfulness.colorfulness(prediction)
    is_pale = colorfulness.colorfulness(sample.truth) < blotches.PALE_COLORFULNESS
    row = (
        measures.psnr(sample.truth, prediction),
        measures.ssim(sample.truth, prediction),
        measures.ciede2000(sample.truth_lab, prediction_lab),
        measures.ab_error(sample.truth_lab, prediction_lab),
        colorful,
        colorfulness.colorfulness_absolute(prediction),
        measures.mean_chroma(prediction_lab),
        blotches.gray_blocks(sample.truth_lab, prediction_lab)[0],
        blotches.patches(sample.truth_lab, prediction_lab)[0],
        colorful * is_pale,
        *_moments(prediction_lab, sample.truth_lab),
    )
    return row, histogram(prediction_lab)


def histogram(picture_lab: np.ndarray) -> np.ndarray:
    """Returns the number of pixels `(2, bins)` with a* and b* between `AB_EDGES`."""
    return np.stack([np.histogram(picture_lab[..., channel], AB_EDGES)[0] for channel in (1, 2)])


def _moments(picture_lab, truth_lab):
    """Returns the means of a*, of b*, of the sum of their squares, and of the sum of their products with the
    truth's."""
    own, truth = (picture[..., 1:].reshape(-1, 2).astype(np.float64) for picture in (picture_lab, truth_lab))
    return (*own.mean(axis=0), (own**2).sum(axis=1).mean(), (own * truth).sum(axis=1).mean())


def correlation(own: typing.Mapping[str, typing.Any], truth: typing.Mapping[str, typing.Any]) -> typing.Any:
    """Returns the correlation of predicted and true a* and b* over the pixels of all photos, each photo counting once.

    It does not depend on the strength of the color. It is 0 if one of the two has no color, or the same color
    everywhere.

    Args:
        own, truth: Means over the photos of the columns in `COLUMNS` and `TRUTH_COLUMNS`, floats or arrays.
    """
    means = [np.stack([part["mean_a"], part["mean_b"]]) for part in (own, truth)]
    variances = [part["ab_square"] - (mean**2).sum(axis=0) for part, mean in zip((own, truth), means)]
    covariance = own["ab_product"] - (means[0] * means[1]).sum(axis=0)
    has_color = np.minimum(*variances) > _GRAY
    return np.where(has_color, covariance / np.sqrt(np.maximum(variances[0] * variances[1], _GRAY**2)), 0.0)
