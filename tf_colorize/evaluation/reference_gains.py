"""What a reference gains: colors taken from another crop of the photo, from a photo like it, and from any other."""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tf_colorize.color import lab
from tf_colorize.color.look import Look, Reference
from tf_colorize.evaluation import measures, protocols
from tf_colorize.inference import insight
from tf_colorize.inference.colorizer import Colorizer
from tf_colorize.photos import files

if typing.TYPE_CHECKING:
    import rich.table

KINDS = {
    "crop": "another crop of the same photo",
    "scene": "another photo of the same source and scene",
    "unrelated": "any other photo",
}
COUNT = 30  # pairs of each kind
# The photo is its central square's upper left, and the other crop the lower right, of these shares of the side: three
# quarters of each side are in both, on no common grid of places.
_CROP = 0.81


def evaluate(
    colorizer: Colorizer,
    photos: Sequence[Any],
    count: int = COUNT,
    *,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, np.ndarray]:
    """Measures how much better photos get with a reference, on central squares of 256 pixels.

    Pairs depend on the photos alone. Of one source are photos whose names are the same before their last number; of one
    scene are those of them that are each other's most alike in the mean features of the network that ships, which sees
    no color.

    Args:
        colorizer: One that takes hints.
        photos: Paths of color photos; those that cannot be read are left out.
        count: Pairs of each kind, at most.
        progress: Called after each photo that was looked at and after each pair.

    Returns:
        For each of `KINDS`, float64 `(pairs,)`: PSNR over that of the automatic result, in dB.

    Raises:
        ValueError: `colorizer` takes no hints, or fewer than two photos can be read.
    """
    if not colorizer.takes_hints:
        raise ValueError("`colorizer` must take hints. Received: one that does not. Train it with hints.")
    found = protocols.of_each(lambda sample: (sample.path, _scene(sample)), photos, "crop256", progress=progress)
    if len(found) < 2:
        raise ValueError(f"`photos` must hold two color photos that can be read. Received: {len(photos)} photos.")
    paths = [path for path, _ in found]
    chosen = paths[:: max(1, len(paths) // count)][:count]
    pairs = {
        "crop": [(path, path) for path in chosen],
        "scene": _alike(paths, np.stack([scene for _, scene in found]))[:count],
        "unrelated": [(path, paths[(paths.index(path) + len(paths) // 2) % len(paths)]) for path in chosen],
    }
    gains: dict[str, np.ndarray] = {}
    for kind, some in pairs.items():
        others = dict(some)
        measure = functools.partial(_gain, colorizer, kind, others)
        rows = protocols.of_each(measure, list(others), "crop256", progress=progress)
        gains[kind] = np.array(rows, np.float64)
    return gains


def _scene(sample):
    """The mean features of a gray photo."""
    see = insight.shipped()
    lightness = lab.rgb_to_lightness(sample.gray)[np.newaxis]
    return see(lightness).features.mean(axis=(0, 1))


def _alike(paths, scenes):
    """Pairs of one source that are each other's most alike, the most alike first."""
    scenes = scenes - scenes.mean(axis=0)
    scenes = scenes / np.maximum(np.linalg.norm(scenes, axis=1, keepdims=True), 1e-9)
    sources = np.array([re.sub(r"\d+$", "", path.stem) for path in paths])
    cosines = np.where(sources[:, np.newaxis] == sources[np.newaxis], scenes @ scenes.T, -2.0)
    np.fill_diagonal(cosines, -2.0)
    best = cosines.argmax(axis=1)
    twins = [i for i, j in enumerate(best) if best[j] == i and i < j and cosines[i, j] > -2.0]
    return [(paths[i], paths[best[i]]) for i in sorted(twins, key=lambda i: -cosines[i, best[i]])]


def _gain(colorizer, kind, others, sample):
    truth, gray, other = sample.truth, sample.gray, others[sample.path]
    if kind == "crop":
        truth, rgb = _two_crops(sample.path)
        gray = protocols.without_color(truth)
    else:
        rgb = protocols.load(other, "crop256").truth
    reference = Reference(str(other), (rgb.shape[1], rgb.shape[0]), np.ascontiguousarray(rgb).tobytes())
    results = [colorizer(gray, look=look) for look in (Look(), Look(reference=(reference,)))]
    without, with_it = (measures.psnr(truth, result) for result in results)
    return with_it - without


def _two_crops(path):
    image = files.open_rgb(path)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    length = round(_CROP * side)
    size = (protocols.CROP_SIZE, protocols.CROP_SIZE)
    boxes = [(left, top, left + length, top + length)]
    boxes.append((left + side - length, top + side - length, left + side, top + side))
    return [np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box)) for box in boxes]


def means(gains: Mapping[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Returns for each kind the number of pairs, the mean gain, the ends of its 95% interval and the largest loss."""
    result = {}
    for kind, values in gains.items():
        if not len(values):
            continue
        low, high = np.quantile(measures.bootstrap_means(values[:, np.newaxis]), [0.025, 0.975], axis=0)[:, 0]
        result[kind] = {
            "pairs": len(values),
            "gain": float(values.mean()),
            "low": float(low),
            "high": float(high),
            "least": float(values.min()),
        }
    return result


def record(models: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """Returns the gains of some models as what JSON can hold."""
    return {
        name: {kind: {key: round(value, 6) for key, value in row.items()} for kind, row in means(gains).items()}
        for name, gains in models.items()
    }


def table(models: Mapping[str, Mapping[str, np.ndarray]]) -> rich.table.Table:
    """Returns a `rich.table.Table` of the gains of some models."""
    import rich.box
    import rich.table

    title = "reference: dB over the automatic result, 95% interval, largest loss"
    view = rich.table.Table("model", "reference", title=title, box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for text in ("pairs", "gain", "interval", "least"):
        view.add_column(text, justify="right")
    for name, gains in models.items():
        for kind, row in means(gains).items():
            interval = f"{row['low']:+.2f} to {row['high']:+.2f}"
            view.add_row(name, KINDS[kind], str(row["pairs"]), f"{row['gain']:+.2f}", interval, f"{row['least']:+.2f}")
    return view
