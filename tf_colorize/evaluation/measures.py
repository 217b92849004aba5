"""Measures of the distance of a picture from the truth, and of its colorfulness.

Pictures are uint8 `(height, width, 3)` sRGB. The arithmetic is done by scikit-image and SciPy, without TensorFlow; the
batch functions for training are in `metrics`. The definitions are those of published tables, so that the numbers are
comparable.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import skimage.color
import skimage.metrics

MAX_PSNR = 100.0
MIN_SIDE = 11  # SSIM's Gaussian window


def rgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    """Converts a uint8 picture to CIELAB (D65), float32 `(height, width, 3)`.

    It uses scikit-image rather than `lab`, so that an error in `lab` is detected.
    """
    return skimage.color.rgb2lab(rgb.astype(np.float32) / np.float32(255))


def psnr(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Returns the peak signal-to-noise ratio over the sRGB channels, in dB.

    It is at most `MAX_PSNR`, so that means stay finite if a picture is identical.
    """
    if np.array_equal(truth, prediction):
        return MAX_PSNR
    value = skimage.metrics.peak_signal_noise_ratio(truth, prediction, data_range=255)
    return min(float(value), MAX_PSNR)


def ssim(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Returns the structural similarity, the mean over the sRGB channels.

    It uses a Gaussian window of sigma 1.5, as in Wang et al. 2004.
    """
    value = skimage.metrics.structural_similarity(
        truth.astype(np.float32),
        prediction.astype(np.float32),
        data_range=255,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(value)


def ciede2000(truth_lab: np.ndarray, prediction_lab: np.ndarray) -> float:
    """Returns the mean CIEDE2000 color difference of two float `(height, width, 3)` CIELAB pictures."""
    return float(np.mean(skimage.color.deltaE_ciede2000(truth_lab, prediction_lab), dtype=np.float64))


def ab_error(truth_lab: np.ndarray, prediction_lab: np.ndarray) -> float:
    """Returns the mean absolute difference of a* and b* of two float `(height, width, 3)` CIELAB pictures."""
    return float(np.mean(np.abs(truth_lab[..., 1:] - prediction_lab[..., 1:]), dtype=np.float64))


def mean_chroma(lab: np.ndarray) -> float:
    """Returns the mean distance from the gray axis of a float `(height, width, 3)` CIELAB picture."""
    return float(np.mean(np.hypot(lab[..., 1], lab[..., 2]), dtype=np.float64))


class GaussianFit:
    """Mean and covariance of feature vectors that arrive in batches, in constant memory.

    Args:
        dimension: length of a feature vector.
    """

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self._sum = np.zeros(dimension)
        self._products = np.zeros((dimension, dimension))

    def update(self, features: np.ndarray) -> None:
        """Adds a float `(batch, dimension)` array."""
        features = np.asarray(features, np.float64)
        self.count += len(features)
        self._sum += features.sum(axis=0)
        self._products += features.T @ features

    @property
    def mean(self) -> np.ndarray:
        """Returns the mean, float64 `(dimension,)`."""
        return self._sum / self.count

    @property
    def covariance(self) -> np.ndarray:
        """Returns the unbiased covariance, float64 `(dimension, dimension)`."""
        return (self._products - np.outer(self._sum, self.mean)) / (self.count - 1)


def frechet_distance(first: GaussianFit, second: GaussianFit) -> float:
    """Returns the Frechet distance between two `GaussianFit`s: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))
    (Heusel et al. 2017).

    The trace of the root is computed as the sum of the singular values of F1^T F2 with S = F F^T, which is equal. It
    stays real and exact if the covariances are singular, as with fewer pictures than features, for which
    `scipy.linalg.sqrtm` of the product returns complex or wrong values.

    Raises:
        ValueError: a fit has fewer than two vectors.
    """
    for name, fit in (("first", first), ("second", second)):
        if fit.count < 2:
            raise ValueError(
                f"`{name}` must be fitted to at least two feature vectors. Received: count={fit.count}. Add pictures."
            )
    roots = scipy.linalg.svdvals(_factor(first.covariance).T @ _factor(second.covariance))
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    distance = np.sum((first.mean - second.mean) ** 2) + traces - 2 * roots.sum()
    return float(max(distance, 0.0))


def kernel_distance(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Returns the kernel distance of features (KID, Binkowski et al. 2018, section 3): the squared maximum mean
    discrepancy with the kernel (x.y / dimension + 1)^3.

    It is unbiased, and a photo is never paired with itself: neither within a set nor, because row i of both is the same
    photo, across them.

    Args:
        truth: float `(photos, dimension)`.
        prediction: Likewise, for the same photos in the same order.

    Returns:
        A float; may be slightly negative if the sets are alike.

    Raises:
        ValueError: the two differ in shape, or hold fewer than two photos.
    """
    if truth.shape != prediction.shape or len(truth) < 2:
        raise ValueError(
            "`truth` and `prediction` must be features of the same photos, at least two. "
            f"Received: shapes {truth.shape} and {prediction.shape}."
        )
    first, second = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    return _mean_kernel(first, first) + _mean_kernel(second, second) - 2 * _mean_kernel(first, second)


def _mean_kernel(first, second):
    """Returns the mean kernel over all pairs except those of a photo with itself."""
    kernel = (first @ second.T / first.shape[1] + 1) ** 3
    return float((kernel.sum() - np.trace(kernel)) / (len(first) * (len(first) - 1)))


def _factor(covariance):
    eigenvalues, vectors = scipy.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(eigenvalues, 0))


def bootstrap_means(values: np.ndarray, *, resamples: int = 2000, seed: int = 0) -> np.ndarray:
    """Returns the column means of resamples of the photos (Efron's bootstrap).

    The interval of a mean is a pair of quantiles of its column. The interval of a function of means, such as a ratio,
    is a pair of quantiles of that function.

    Args:
        values: float `(photos, columns)`.
        resamples: number of draws with replacement, the same for every column.
        seed: seed of the draws.

    Returns:
        float64 `(resamples, columns)`.
    """
    values = np.asarray(values, np.float64)
    generator = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    for row in means:
        row[:] = values[generator.integers(0, len(values), len(values))].mean(axis=0)
    return means
