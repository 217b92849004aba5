"""Measures the gain from simulated hints with the true color at random places, from none to many."""

from __future__ import annotations

import dataclasses
import math
import os
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tf_colorize.color import lab
from tf_colorize.data import simulated_hints
from tf_colorize.evaluation import measures, protocols, spreading
from tf_colorize.inference.colorizer import Colorizer

if typing.TYPE_CHECKING:
    import rich.table

COUNTS = (0, 1, 2, 5, 10, 20, 100)
SIDE = 6 / 256  # width of a hint, as a share of the side of the network's square input
WAYS = ("network", "spreading")

PUBLISHED = {0: 24.43, 1: 25.37, 2: 26.20, 5: 27.39, 10: 28.42, 20: 29.34, 100: 31.13}
"""PSNR of siggraph17 by the number of hints (Zhang et al. 2017, "Real-Time User-Guided Image Colorization with Learned
Deep Priors") on 1,000 ImageNet photos. For other photos, compare only the gains over no hints.
"""


@dataclasses.dataclass(frozen=True)
class Curve:
    """PSNR by the number of hints.

    Attributes:
        counts: Increasing numbers of hints, from 0.
        psnr: float64 `(photos, len(counts))` for each of `WAYS`: "network" with hints as its input, and "spreading",
            the automatic result plus the difference of the hints from it, spread by `spreading.spread`.
    """

    counts: tuple[int, ...]
    psnr: dict[str, np.ndarray]

    def gains(self, way: str) -> list[tuple[float, float, float]]:
        """Returns, for each count, the mean gain over the automatic result in dB, and the limits of its 95%
        interval."""
        values = self.psnr[way] - self.psnr[way][:, :1]
        ends = np.quantile(measures.bootstrap_means(values), [0.025, 0.975], axis=0)
        return [tuple(row) for row in np.stack([values.mean(axis=0), *ends], axis=1).tolist()]


def evaluate(
    colorizer: Colorizer,
    photos: Sequence[str | os.PathLike[str]],
    counts: Sequence[int] = COUNTS,
    *,
    protocol: str = "crop256",
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Curve:
    """Measures the improvement of photos by hints.

    Each hint is a square of 6 x 6 pixels (of 256 x 256) at a random place, with the mean of the true a* and b* there.
    The hints of a photo depend only on `seed` and on its file; a smaller number of hints is a prefix of a larger one.

    Args:
        colorizer: A colorizer that takes hints.
        photos: Paths of color photos; unreadable ones are left out.
        counts: Numbers of hints, 0 or more.
        protocol: A key of `protocols.PROTOCOLS`.
        seed: Seed of the places.
        progress: Called after each photo.

    Raises:
        ValueError: `colorizer` takes no hints, `counts` is invalid, or no photo can be read.
    """
    counts = tuple(sorted({0, *counts}))
    if not colorizer.takes_hints:
        raise ValueError("`colorizer` must take hints. Received: one that does not. Train it with hints.")
    if counts[0] < 0:
        raise ValueError(f"`counts` must be 0 or more. Received: counts={counts}.")

    rows = protocols.of_each(
        lambda sample: _measured(colorizer, sample, counts, seed), photos, protocol, progress=progress
    )
    if not rows:
        raise ValueError(f"`photos` must contain a readable color photo. Received: {len(photos)} photos.")
    return Curve(counts, {way: np.array([row[way] for row in rows]) for way in WAYS})


def _measured(colorizer, sample, counts, seed):
    lightness = colorizer.lightness(sample.gray)
    automatic = colorizer.ab(lightness)
    many = painted(sample, lightness.shape[1], counts, seed)
    results = {way: [] for way in WAYS}
    for count in counts:
        given = many[count]
        if count:
            planes = {"network": colorizer.ab(lightness, hints=given[np.newaxis])}
            planes["spreading"] = _spread(lightness[0, ..., 0], automatic, given)
        else:
            planes = dict.fromkeys(WAYS, automatic)
        for way, ab in planes.items():
            results[way].append(measures.psnr(sample.truth, colorizer.join(sample.gray, ab)))
    return results


def _spread(lightness, automatic, given):
    difference = spreading.spread(lightness, given[..., :2] - automatic, given[..., 2] > 0)
    return np.clip(automatic + difference, -1, 1)


def painted(sample: protocols.Sample, image_size: int, counts: Sequence[int], seed: int = 0) -> dict[int, np.ndarray]:
    """Returns, for each count, the hints of a photo as the network's input.

    Args:
        sample: The photo.
        image_size: Side of the network's square input.
        counts: Numbers of hints.
        seed: Seed of their places.

    Returns:
        dict of float32 `(image_size, image_size, 3)`: a* / 110, b* / 110 and 1 at hints, zeros elsewhere.
    """
    truth = lab.rgb_to_lightness_ab(sample.truth)[1]
    planes = [Image.fromarray(np.ascontiguousarray(truth[..., channel])) for channel in (0, 1)]
    square = [plane.resize((image_size, image_size), Image.Resampling.BILINEAR) for plane in planes]
    ab = np.stack([np.asarray(plane) for plane in square], axis=-1)
    side = max(1, round(SIDE * image_size))
    random = np.random.default_rng([seed, int(sample.digest[:16], 16)])
    places = random.integers(0, image_size - side + 1, size=(max(counts), 2))
    result = {}
    for count in counts:
        result[count] = np.zeros((image_size, image_size, 3), np.float32)
        for top, left in places[:count]:
            simulated_hints.paint(result[count], ab, top=int(top), left=int(left), side=side)
    return result


def published_gain(count: int) -> float | None:
    """Returns the gain of siggraph17 over its automatic result in dB, or None if it was not published."""
    return PUBLISHED[count] - PUBLISHED[0] if count in PUBLISHED else None


def record(curves: Mapping[str, Curve]) -> dict[str, Any]:
    """Returns the curves of models as data for JSON."""
    return {
        "published_gains": {str(count): round(psnr - PUBLISHED[0], 2) for count, psnr in PUBLISHED.items()},
        "models": {name: {way: _entries(curve, way) for way in WAYS} for name, curve in curves.items()},
    }


def _entries(curve, way):
    means = curve.psnr[way].mean(axis=0)
    return [
        {
            "hints": count,
            "psnr": round(float(mean), 6),
            "gain": round(gain, 6),
            "gain_interval_95": [round(lower, 6), round(upper, 6)],
        }
        for count, mean, (gain, lower, upper) in zip(curve.counts, means, curve.gains(way))
    ]


def rows(curves: Mapping[str, Curve]) -> tuple[list[str], list[list[str]]]:
    """Returns the titles and the rows of a table: PSNR and gain of each model and of plain spreading, by count."""
    titles, columns = ["hints"], []
    for name, curve in curves.items():
        titles += [f"{name}, PSNR", "gain", "plain spreading", "gain"]
        for way in WAYS:
            columns.append([f"{mean:.2f}" for mean in curve.psnr[way].mean(axis=0)])
            gains = [f"{gain:+.2f} ±{(upper - lower) / 2:.2f}" for gain, lower, upper in curve.gains(way)]
            columns.append(["", *gains[1:]])
    counts = next(iter(curves.values())).counts
    titles.append("siggraph17, gain")
    known = map(published_gain, counts)
    columns.append(["" if gain is None or not count else f"{gain:+.2f}" for count, gain in zip(counts, known)])
    return titles, [[str(count), *cells] for count, *cells in zip(counts, *columns)]


def table(curves: Mapping[str, Curve]) -> rich.table.Table:
    """Returns a `rich.table.Table` of `rows`."""
    import rich.box
    import rich.table

    n_photos = len(next(iter(next(iter(curves.values())).psnr.values())))
    title = f"hints, {n_photos} photos: dB, and gain over no hints ± half of the 95% interval"
    titles, lines = rows(curves)
    view = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for text in titles:
        view.add_column(text, justify="right", overflow="fold", min_width=6)
    for cells in lines:
        view.add_row(*cells)
    return view


def position(count: int) -> float:
    """Returns the position of a number of hints on a chart's axis, which is logarithmic but includes 0."""
    return math.log2(1 + count)
