"""Compares colorizers on the same photos: the loop over photos, and the resulting figures."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_colorize import processors
from tf_colorize.evaluation import measures, photo_measures, protocols
from tf_colorize.photos import files, find

if TYPE_CHECKING:  # it needs TensorFlow
    from tf_colorize.evaluation.features import FeatureModel

Photos = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
# Photos in memory at a time, so that memory does not grow with their number.
BATCH_SIZES = {"crop256": 16, "squash256": 16, "full": 2}


@dataclasses.dataclass
class Evaluation:
    """The results of `evaluate`.

    `columns` are `photo_measures.COLUMNS`, plus "lpips" if it was measured. `truth` is float64 `(photos,
    len(photo_measures.TRUTH_COLUMNS))`. `predictions` holds float64 `(photos, len(columns))` for each colorizer, and
    `seconds` the time spent inside it. `histograms` holds, for each colorizer and for `"truth"`, the number of pixels
    `(2, bins)` with a* and b* between `photo_measures.AB_EDGES`. `skipped` lists pairs of path and reason.
    `frechet_distances` and `kernel_distances` are empty without a feature model.
    """

    protocol: str
    photos: list
    skipped: list
    data_sha256: str
    truth: np.ndarray
    predictions: dict
    histograms: dict
    seconds: dict
    feature_name: str | None
    frechet_distances: dict
    kernel_distances: dict
    columns: tuple = photo_measures.COLUMNS

    def figures(self, name: str) -> dict[str, tuple[float, float | None, float | None]]:
        """Returns the figures of one colorizer as a dict of `(value, lower, upper)`, the ends of a 95% interval.

        The distances between features have no interval (`None`), because that of a resample is biased upward.
        """
        values = np.column_stack([self.predictions[name], self.truth, self._photo_differences(name)])
        center = _figures_of_means(values.mean(axis=0), self.columns)
        resampled = _figures_of_means(measures.bootstrap_means(values).T, self.columns)
        figures: dict[str, Any] = {
            key: (float(center[key]), *(float(end) for end in np.quantile(resampled[key], [0.025, 0.975])))
            for key in center
        }
        if name in self.frechet_distances:
            figures["frechet_distance"] = (self.frechet_distances[name], None, None)
            figures["kernel_distance"] = (self.kernel_distances[name], None, None)
        return figures

    def photos_per_second(self, name: str) -> float:
        """Returns the number of photos per second that the colorizer itself processed, one at a time."""
        return len(self.photos) / self.seconds[name]

    def _photo_differences(self, name):
        columns = [photo_measures.COLUMNS.index(key) for key in ("colorfulness", "colorfulness_absolute")]
        return np.abs(self.predictions[name][:, columns] - self.truth[:, :2])


# Columns that are sums over a photo's blocks -> the column of the truth by which they are divided.
_SUMS = {"gray_block_chroma": "n_gray_blocks", "patches": "patches", "pale_colorfulness": "is_pale"}


# Columns that only serve to compute `photo_measures.correlation`.
_MOMENTS = ("mean_a", "mean_b", "ab_square", "ab_product")


def _figures_of_means(means, columns):
    """Returns the means of the columns by name, and the figures computed from them."""
    own = dict(zip(columns, means, strict=False))
    truth = dict(zip(photo_measures.TRUTH_COLUMNS, means[len(columns) :], strict=False))
    return {
        **{key: value for key, value in own.items() if key not in (*_SUMS, *_MOMENTS)},
        **{key: own[key] / np.maximum(truth[divisor], 1e-9) for key, divisor in _SUMS.items()},
        "psnr_over_gray": own["psnr"] - truth["gray_psnr"],
        "correlation": photo_measures.correlation(own, truth),
        "chroma_ratio": own["chroma"] / np.maximum(truth["chroma"], 1e-9),
        "colorfulness_difference_of_means": own["colorfulness"] - truth["colorfulness"],
        "colorfulness_mean_difference": means[-2],
        "colorfulness_absolute_difference_of_means": own["colorfulness_absolute"] - truth["colorfulness_absolute"],
        "colorfulness_absolute_mean_difference": means[-1],
    }


def evaluate(
    colorizers: Mapping[str, Callable[[Any], np.ndarray]],
    photos: Photos,
    *,
    protocol: str = "crop256",
    features: FeatureModel | None = None,
    lpips: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    baselines: bool = True,
    progress: Callable[[int, int], object] | None = None,
) -> Evaluation:
    """Measures colorizers side by side on the same photos.

    Args:
        colorizers: dict of name to `Colorizer`, or to any function from a gray uint8 `(height, width, 3)` sRGB picture
            to a colorized one of the same shape and type.
        photos: a folder, or the paths of color photos.
        protocol: a key of `protocols.PROTOCOLS`.
        features: `None`, or a `features.FeatureModel` for the Frechet and the kernel distance.
        lpips: `None`, or a result of `perceptual.load`.
        baselines: whether to add `protocols.BASELINES`.
        progress: `None`, or a function that is called with the number of photos done and their total.

    Returns:
        An `Evaluation`. The same input gives the same numbers, except for the seconds.

    Raises:
        ValueError: an argument is invalid, no photo can be read, or a colorizer does not return a picture of the
            input's size.
    """
    paths = _check(colorizers, photos, protocol, features)
    colorizers = {**(protocols.BASELINES if baselines else {}), **colorizers}
    tally = _Tally(protocol, colorizers, features, lpips)
    step = BATCH_SIZES[protocol]
    with concurrent.futures.ThreadPoolExecutor(processors.usable()) as pool:
        for start in range(0, len(paths), step):
            batch = paths[start : start + step]
            tally.add(list(pool.map(lambda path: _try_load(path, protocol), batch)), pool)
            if progress is not None:
                progress(start + len(batch), len(paths))
    return tally.finish()


def evaluate_colorizer(
    colorizer: Callable[[Any], np.ndarray],
    photos: Photos,
    protocol: str = "crop256",
    feature_model: FeatureModel | None = None,
) -> dict[str, float]:
    """Returns the figures of one colorizer as a flat dict of floats, for choosing between checkpoints.

    Arguments and errors are those of `evaluate`. In addition to the figures of `Evaluation.figures`, without intervals,
    it contains `"truth_colorfulness"` and `"photos_per_second"`.
    """
    result = evaluate({"model": colorizer}, photos, protocol=protocol, features=feature_model, baselines=False)
    figures = {key: value for key, (value, _, _) in result.figures("model").items()}
    figures["truth_colorfulness"] = float(result.truth[:, 0].mean())
    figures["photos_per_second"] = result.photos_per_second("model")
    return figures


def _check(colorizers, photos, protocol, features):
    reserved = {"truth", *protocols.BASELINES} & set(colorizers)
    if reserved:
        raise ValueError(f"`colorizers` must not have the names of the truth or the baselines. Received: {reserved}.")
    if protocol not in protocols.PROTOCOLS:
        raise ValueError(
            f"`protocol` must be one of {', '.join(protocols.PROTOCOLS)}. Received: protocol={protocol!r}."
        )
    paths = find.find_photos(photos).photos if isinstance(photos, str | os.PathLike) else list(photos)
    if not paths:
        raise ValueError(f"`photos` must hold at least one picture. Received: photos={photos!r}.")
    if features is not None and len(paths) < 2:
        raise ValueError(f"`photos` must be at least two for a Frechet distance. Received: photos={photos!r}.")
    return paths


def _try_load(path, protocol):
    try:
        return protocols.load(path, protocol)
    except files.ImageError as error:
        return str(path), str(error)


def _frechet_distance(*vectors):
    fits = []
    for features in vectors:
        fits.append(measures.GaussianFit(features.shape[1]))
        fits[-1].update(features)
    return measures.frechet_distance(*fits)


class _Tally:
    """Collects an `Evaluation` batch by batch."""

    def __init__(self, protocol, colorizers, features, lpips):
        self.protocol, self.colorizers, self.features, self.lpips = protocol, colorizers, features, lpips
        self.photos, self.skipped, self.truth = [], [], []
        self.predictions = {name: [] for name in colorizers}
        self.seconds = dict.fromkeys(colorizers, 0.0)
        self.histograms = {name: 0 for name in ("truth", *colorizers)}
        self.digest = hashlib.sha256()
        # One vector per photo: 3 MB for a thousand photos.
        self.vectors = {name: [] for name in self.histograms} if features is not None else {}

    def add(self, loaded, pool):
        samples = [item for item in loaded if isinstance(item, protocols.Sample)]
        self.skipped += [item for item in loaded if not isinstance(item, protocols.Sample)]
        if not samples:
            return
        for sample in samples:
            self.photos.append(sample.path)
            self.digest.update(bytes.fromhex(sample.digest))
            self.histograms["truth"] += photo_measures.histogram(sample.truth_lab)
        self.truth += pool.map(photo_measures.of_truth, samples)
        truths = protocols.squares([sample.truth for sample in samples])
        self._fit("truth", truths)
        for name, colorizer in self.colorizers.items():
            if not self.predictions[name]:
                protocols.colorize(name, colorizer, samples[0].gray)  # the first call may include compilation
            start = time.perf_counter()
            pictures = [protocols.colorize(name, colorizer, sample.gray) for sample in samples]
            self.seconds[name] += time.perf_counter() - start
            squares = protocols.squares(pictures)
            distances = [()] * len(samples) if self.lpips is None else self.lpips(truths, squares)[:, None]
            for (row, histogram), distance in zip(pool.map(photo_measures.of_prediction, samples, pictures), distances):
                self.predictions[name].append((*row, *distance))
                self.histograms[name] += histogram
            self._fit(name, squares)

    def _fit(self, name, squares):
        if self.features is not None:
            self.vectors[name].append(self.features(squares))

    def finish(self):
        if not self.photos:
            reason = self.skipped[0][1]
            raise ValueError(f"`photos` must contain a readable color photo. Received: {reason}.")
        vectors = {name: np.concatenate(batches) for name, batches in self.vectors.items()}
        truth = vectors.pop("truth", None)
        return Evaluation(
            protocol=self.protocol,
            photos=self.photos,
            skipped=self.skipped,
            data_sha256=self.digest.hexdigest(),
            truth=np.array(self.truth),
            predictions={name: np.array(rows) for name, rows in self.predictions.items()},
            histograms=self.histograms,
            seconds=self.seconds,
            feature_name=None if self.features is None else self.features.name,
            frechet_distances={name: _frechet_distance(truth, own) for name, own in vectors.items()},
            kernel_distances={name: measures.kernel_distance(truth, own) for name, own in vectors.items()},
            columns=photo_measures.COLUMNS if self.lpips is None else (*photo_measures.COLUMNS, "lpips"),
        )
