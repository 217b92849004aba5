"""Measures the steadiness of color on clips with known colors and motion."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import scipy.spatial.distance

from tf_colorize import installation
from tf_colorize.color import colorfulness
from tf_colorize.evaluation import clips, measures, protocols
from tf_colorize.film import steadying
from tf_colorize.inference.colorizer import Colorizer

with installation.explained():
    import cv2

_STEPS = (1, 2, 4)  # frame distances of the color distribution consistency
_BINS = 32
ROWS = ("truth", "frame by frame", "steadied")


@dataclasses.dataclass(frozen=True)
class Figures:
    """Means over clips.

    Attributes:
        psnr: PSNR of all frames, in dB.
        colorfulness: As Hasler and Suesstrunk 2003.
        warp_error: See `warp_error`, times 1000.
        cdc: See `color_distribution_consistency`, times 1000.
    """

    psnr: float
    colorfulness: float
    warp_error: float
    cdc: float


def warp_error(frames: np.ndarray, flows: np.ndarray, visible: np.ndarray) -> float:
    """Returns how much the color of things changes between frames (Lai et al. 2018, eq. 9).

    Args:
        frames: uint8 `(n, height, width, 3)`, sRGB.
        flows: float32 `(n - 1, height, width, 2)`, from each pixel to its place in the previous frame.
        visible: bool `(n - 1, height, width)`, the pixels that count.

    Returns:
        Mean squared distance of sRGB in [0, 1], over the visible pixels of each frame, then over frames.
    """
    rows, columns = np.indices(frames.shape[1:3], np.float32)
    values = frames.astype(np.float32) / 255
    errors = []
    for before, after, flow, seen in zip(values, values[1:], flows, visible):
        warped = cv2.remap(before, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
        errors.append(np.square(after - warped).sum(-1)[seen].mean())
    return float(np.mean(errors))


def color_distribution_consistency(frames: np.ndarray) -> float:
    """Returns the CDC: how much the color distribution of a film changes over time (Liu et al. 2021, "Temporally
    Consistent Video Colorization with Deep Feature Propagation and Self-regularization Learning", eq. 12).

    Args:
        frames: uint8 `(n, height, width, 3)`, sRGB, at least 5.

    Returns:
        The mean Jensen-Shannon divergence of the histograms of each channel of frames 1, 2 and 4 apart.
    """
    histograms = np.stack(
        [[np.histogram(frame[..., channel], _BINS, (0, 256))[0] for channel in range(3)] for frame in frames]
    )
    divergences = [
        np.mean(np.square(scipy.spatial.distance.jensenshannon(histograms[:-step], histograms[step:], axis=-1)))
        for step in _STEPS
    ]
    return float(np.mean(divergences))


def measure(made: Sequence[clips.Clip], colored: Iterable[np.ndarray]) -> Figures:
    """Measures colorized clips.

    Args:
        made: The clips.
        colored: For each clip, uint8 `(n, height, width, 3)`.
    """
    rows = []
    for clip, frames in zip(made, colored, strict=True):
        rows.append(
            (
                float(np.mean([measures.psnr(truth, frame) for truth, frame in zip(clip.frames, frames)])),
                float(np.mean([colorfulness.colorfulness(frame) for frame in frames])),
                1000 * warp_error(frames, clip.flows, clip.visible),
                1000 * color_distribution_consistency(frames),
            )
        )
    return Figures(*np.mean(rows, axis=0).tolist())


def compare(
    colorizer: Colorizer,
    made: Sequence[clips.Clip],
    *,
    steadiness: float = steadying.DEFAULT_STEADINESS,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, list[np.ndarray]]:
    """Colorizes clips with and without steadying.

    Args:
        colorizer: Colorizes them.
        made: The clips.
        steadiness: See `steadying.Steadier`.
        progress: Called after each clip.

    Returns:
        For each of `ROWS`, the input of `measure`: for each clip, uint8 `(n, height, width, 3)`.
    """
    results: dict[str, list[np.ndarray]] = {name: [] for name in ROWS}
    for clip in made:
        gray = [protocols.without_color(frame) for frame in clip.frames]
        lightness = [colorizer.lightness(frame, colorizer.image_size) for frame in gray]
        predicted = [colorizer.ab(plane) for plane in lightness]
        offered = ((plane, functools.partial(np.array, ab), False) for plane, ab in zip(lightness, predicted))
        blocks = steadying.Steadier(steadiness).steadied(offered)
        steady = [ab for block in blocks for ab in block]
        results["truth"].append(clip.frames)
        for name, planes in (("frame by frame", predicted), ("steadied", steady)):
            results[name].append(np.stack([colorizer.join(frame, ab) for frame, ab in zip(gray, planes)]))
        progress()
    return results


def strips(results: dict[str, list[np.ndarray]], n_shown: int = 5) -> dict[str, list[np.ndarray]]:
    """Returns frames of each clip side by side, for `contact_sheet`, from the result of `compare`."""
    return {
        name: [np.concatenate(frames[:: max(1, len(frames) // n_shown)][:n_shown], axis=1) for frames in films]
        for name, films in results.items()
    }
