"""Evaluates colorizers on artificially aged photos: with one fault at a time, and with all of them on a typical old
print.

The lightness of color photos is aged, and their true color is kept. The faults are those of `data.old_photos`; their
strengths are set here, independent of training.
"""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tf_colorize.color import lab
from tf_colorize.data import old_photos
from tf_colorize.evaluation import measures, protocols

if typing.TYPE_CHECKING:
    import rich.table

CLEAN = "clean"
_RED_BLIND = (0.0, 0.45, 0.55)
_LUMINANCE = (0.2126, 0.7152, 0.0722)  # of sRGB, which leaves lightness as it is


@dataclasses.dataclass(frozen=True)
class Aging:
    """The effect of faults, a row per photo and a column per key of `FAULTS`.

    Attributes:
        psnr_over_gray: float64 `(photos, faults)`, the gain in PSNR over the aged photo without color.
        lpips_gain: Likewise for LPIPS, positive where color helps, or None if it was not measured.
        chroma: Mean chroma of the results in Lab units.
        true_chroma: Mean chroma of the truth.
    """

    psnr_over_gray: np.ndarray
    lpips_gain: np.ndarray | None
    chroma: np.ndarray
    true_chroma: np.ndarray

    def means(self) -> dict[str, dict[str, float]]:
        """Returns the means over the photos for each fault.

        They are "psnr_over_gray"; "chroma_ratio", chroma relative to the truth; and, with LPIPS, "lpips_gain" and
        "lpips_kept", its share of the gain on clean photos.
        """
        result = {}
        for index, fault in enumerate(FAULTS):
            row = {
                "psnr_over_gray": float(self.psnr_over_gray[:, index].mean()),
                "chroma_ratio": float(self.chroma[:, index].mean() / max(self.true_chroma[:, index].mean(), 1e-9)),
            }
            if self.lpips_gain is not None:
                gain, clean = self.lpips_gain[:, index].mean(), self.lpips_gain[:, 0].mean()
                row |= {"lpips_gain": float(gain), "lpips_kept": float(gain / clean) if clean > 0 else float("nan")}
            result[fault] = row
        return result


def evaluate(
    colorizer: Callable[[Any], np.ndarray],
    photos: Sequence[str | os.PathLike[str]],
    *,
    protocol: str = "crop256",
    lpips: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Aging:
    """Measures a colorizer on artificially aged photos.

    The aging of a photo depends only on `seed` and on its file.

    Args:
        colorizer: A `Colorizer`, or any function from a gray uint8 `(height, width, 3)` picture to a colorized one.
        photos: Paths of color photos; unreadable ones are left out.
        protocol: A key of `protocols.PROTOCOLS`.
        lpips: None, or a result of `perceptual.load`.
        seed: Seed of grain, dust and scratches.
        progress: Called after each photo.

    Raises:
        ValueError: no photo can be read.
    """

    def measured(sample):
        return [_measured(colorizer, aged(sample, fault, seed), lpips) for fault in FAULTS]

    rows = protocols.of_each(measured, photos, protocol, progress=progress)
    if not rows:
        raise ValueError(f"`photos` must contain a readable color photo. Received: {len(photos)} photos.")
    psnr, distance, chroma, truth = np.moveaxis(np.array(rows), -1, 0)
    return Aging(psnr, None if lpips is None else distance, chroma, truth)


def aged(sample: protocols.Sample, fault: str, seed: int = 0) -> protocols.Sample:
    """Returns a photo with a fault: its truth has the lightness of the aged photo and the color of the original.

    Args:
        sample: The photo.
        fault: A key of `FAULTS`.
        seed: Seed of its randomness.
    """
    random = np.random.default_rng([seed, list(FAULTS).index(fault), int(sample.digest[:16], 16)])
    plane, ab = FAULTS[fault](sample.truth, random), lab.rgb_to_lightness_ab(sample.truth)[1]
    plane, is_mount = plane if isinstance(plane, tuple) else (plane, None)
    if is_mount is not None:
        ab = np.where(is_mount[..., np.newaxis], np.float32(0), ab)
    lightness = lab.gray_to_lightness(old_photos.to_bytes(plane))
    truth = lab.lightness_ab_to_rgb(lightness, ab)
    gray = np.repeat(old_photos.to_bytes(plane)[..., np.newaxis], 3, axis=-1)
    return dataclasses.replace(sample, truth=truth, gray=gray, truth_lab=measures.rgb_to_lab(truth))


def _measured(colorizer, sample, lpips):
    """Returns the numbers of `Aging`, in its order, for one aged photo."""
    result = protocols.colorize("colorizer", colorizer, sample.gray)
    over_gray = measures.psnr(sample.truth, result) - measures.psnr(sample.truth, sample.gray)
    gain = 0.0
    if lpips is not None:
        gray, own = lpips(protocols.squares([sample.truth] * 2), protocols.squares([sample.gray, result]))
        gain = float(gray - own)
    return over_gray, gain, measures.mean_chroma(measures.rgb_to_lab(result)), measures.mean_chroma(sample.truth_lab)


def _plain(rgb):
    """Returns the gray picture of the same lightness, float32 in [0, 1]."""
    return old_photos.film(rgb, _LUMINANCE)


def _worn(rgb, random):
    plane = old_photos.dusty(_plain(rgb), 35, random)
    return old_photos.scratched(plane, 3, random)


def _ordinary_print(rgb, random):
    """Applies mild versions of all faults."""
    plane = old_photos.film(rgb, (0.12, 0.5, 0.38))
    plane = old_photos.unsharp(plane, 0.8)
    plane = old_photos.toned(plane, contrast=1.15, black=0.09, white=0.9)
    plane = old_photos.vignetted(plane, 0.2)
    plane = old_photos.grained(plane, 0.028, 1.5, random)
    plane = old_photos.dusty(plane, 8, random)
    return old_photos.compressed(plane, 65)


# Each function returns, for a color photo and random numbers, the gray picture, or the picture and the mask of its
# mount.
FAULTS: dict[str, Callable[[np.ndarray, np.random.Generator], Any]] = {
    CLEAN: lambda rgb, random: _plain(rgb),
    "grain": lambda rgb, random: old_photos.grained(_plain(rgb), 0.045, 1.8, random),
    "blur and JPEG": lambda rgb, random: old_photos.compressed(old_photos.unsharp(_plain(rgb), 1.2), 45),
    "faded": lambda rgb, random: old_photos.toned(_plain(rgb), contrast=0.85, black=0.22, white=0.82),
    "hard contrast": lambda rgb, random: old_photos.toned(_plain(rgb), contrast=1.9),
    "red-blind film": lambda rgb, random: old_photos.film(rgb, _RED_BLIND),
    "halftone": lambda rgb, random: old_photos.halftoned(_plain(rgb), 3.3, 0.7, 0.55),
    "dust and scratches": _worn,
    "mount": lambda rgb, random: old_photos.mounted(_plain(rgb), (0.08, 0.12, 0.09, 0.09), 0.72),
    "a typical old print": _ordinary_print,
}


def record(results: Mapping[str, Aging]) -> dict[str, Any]:
    """Returns the results of models as data for JSON."""
    return {
        name: {
            fault: {key: round(value, 6) if np.isfinite(value) else None for key, value in row.items()}
            for fault, row in result.means().items()
        }
        for name, result in results.items()
    }


def rows(results: Mapping[str, Aging]) -> tuple[list[str], list[list[str]]]:
    """Returns the titles of a table of results, and its rows: one for each model and fault."""
    titles = ["model", "fault", "PSNR over gray", "chroma ratio", "LPIPS gain", "share of clean gain"]
    lines = []
    for name, result in results.items():
        for fault, row in result.means().items():
            distance = [f"{row['lpips_gain']:+.4f}", f"{row['lpips_kept']:.0%}"] if "lpips_gain" in row else ["", ""]
            lines.append([name, fault, f"{row['psnr_over_gray']:+.2f}", f"{row['chroma_ratio']:.2f}", *distance])
    return titles, lines


def table(results: Mapping[str, Aging]) -> rich.table.Table:
    """Returns a `rich.table.Table`: a row for each model and fault."""
    import rich.box
    import rich.table

    count = len(next(iter(results.values())).chroma)
    view = rich.table.Table(title=f"old photos, {count} of them", box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    titles, lines = rows(results)
    for title in titles:
        view.add_column(title, justify="right", overflow="fold", min_width=6)
    for line in lines:
        view.add_row(*line)
    return view
