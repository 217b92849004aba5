"""Definitions of the figures of an evaluation, and their table for the terminal."""

from __future__ import annotations

import dataclasses
import typing

from tf_colorize.evaluation import comparison, perceptual, photo_measures, protocols

if typing.TYPE_CHECKING:
    import rich.table


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure and its presentation.

    Args:
        key: key in `Evaluation.figures`.
        title: heading.
        good: "high", "low", or the ideal value: "truth", "0" or "1".
        decimals: number of decimals to show.
        definition: a sentence or two.
    """

    key: str
    title: str
    good: str
    decimals: int
    definition: str


FIGURES = (
    Figure("psnr", "PSNR, dB", "high", 2, "Over the three sRGB channels of a photo. Rewards dull pictures."),
    Figure(
        *("psnr_over_gray", "PSNR over gray, dB", "high", 2),
        "Gain in PSNR over the same photo without color.",
    ),
    Figure(
        *("ssim", "SSIM", "high", 3),
        "Structural similarity of the sRGB channels, Gaussian window of sigma 1.5. Depends mostly on lightness, which "
        "is given.",
    ),
    Figure("ciede2000", "CIEDE2000", "low", 2, "Color difference of the pixels; about 1 is just noticeable."),
    Figure("ab_error", "ab error", "low", 2, "Absolute difference in a* and b*, in CIELAB units."),
    Figure(
        *("colorfulness", "Colorfulness", "truth", 2),
        "Hasler and Suesstrunk 2003 with signed opponent channels, as in the paper.",
    ),
    Figure(
        *("colorfulness_difference_of_means", "Difference of means", "0", 2),
        "Mean colorfulness of the predictions minus that of the truth.",
    ),
    Figure(
        *("colorfulness_mean_difference", "Mean of differences", "low", 2),
        "Absolute difference in colorfulness between a photo and its truth.",
    ),
    Figure(
        *("colorfulness_absolute", "Colorfulness, absolute", "truth", 2),
        "The variant with absolute opponent channels that other code computes; not comparable with the signed one.",
    ),
    Figure(
        *("colorfulness_absolute_difference_of_means", "Difference of means, absolute", "0", 2),
        "As above, for the absolute variant.",
    ),
    Figure(
        *("colorfulness_absolute_mean_difference", "Mean of differences, absolute", "low", 2),
        "As above, for the absolute variant.",
    ),
    Figure("lpips", perceptual.Lpips.name, "low", 4, "Learned perceptual distance, Zhang et al. 2018."),
    Figure(
        *("gray_block_chroma", "Gray blocks", "low", 2),
        "Predicted chroma of blocks of 16 pixels whose true chroma is under 6, in CIELAB units.",
    ),
    Figure(
        *("patches", "Patches", "1", 3),
        "Change of color between neighboring blocks that are flat in lightness, divided by that of the truth.",
    ),
    Figure(
        *("pale_colorfulness", "Pale photos", "low", 2),
        "Predicted colorfulness of photos whose true colorfulness is under 15.",
    ),
    Figure("chroma_ratio", "Chroma ratio", "1", 3, "Mean chroma of the pixels, divided by that of the truth."),
    Figure(
        *("correlation", "Correlation of ab", "high", 3),
        "Correlation of predicted and true a* and b* over the pixels of all photos, each photo counting once. It does "
        "not depend on the strength of the color.",
    ),
    Figure(
        *("frechet_distance", "Frechet distance", "low", 4),
        "Distance between Gaussian fits of the network's features for predictions and truth. Comparable only for the "
        "same network and the same photos.",
    ),
    Figure(
        *("kernel_distance", "Kernel distance (KID)", "low", 6),
        "Distance on the same features, Binkowski et al. 2018, unbiased: preferable for fewer than 2,000 photos.",
    ),
)


_OPTIONAL = ("lpips", "frechet_distance", "kernel_distance")


def shown(result: comparison.Evaluation) -> list[Figure]:
    """Lists the `FIGURES` in an `Evaluation`, with those of features under the name of their network."""
    optional = {"lpips": perceptual.Lpips.name} if "lpips" in result.columns else {}
    if result.feature_name:
        optional["frechet_distance"] = result.feature_name
        optional["kernel_distance"] = result.feature_name.replace("Frechet distance", "KID").replace("FID (", "KID (")
    named = (dataclasses.replace(figure, title=optional.get(figure.key, figure.title)) for figure in FIGURES)
    return [figure for figure in named if figure.key not in _OPTIONAL or figure.key in optional]


def of_truth(result: comparison.Evaluation) -> dict[str, float]:
    """Returns the means of the truth itself, by key."""
    means = dict(zip(photo_measures.TRUTH_COLUMNS, result.truth.mean(axis=0).tolist()))
    return {key: means[key] for key in ("colorfulness", "colorfulness_absolute", "chroma")}


SHORT = {
    "psnr": "PSNR, dB",
    "ciede2000": "CIEDE2000",
    "colorfulness": "colorfulness",
    "lpips": "LPIPS",
    "kernel_distance": "KID x 1000",
}
"""The figures of the short table and their headings."""


def short_table(result: comparison.Evaluation) -> rich.table.Table:
    """Returns a `rich.table.Table` of the main figures that fits 80 columns: a row for each colorizer."""
    import rich.box
    import rich.table

    photos = "photo" if len(result.photos) == 1 else "photos"
    view = rich.table.Table(title=f"{len(result.photos)} {photos}, {result.protocol}", box=rich.box.SIMPLE_HEAD)
    view.padding = (0, 1, 0, 0)
    view.add_column("", overflow="fold", min_width=9)
    columns = [figure for figure in shown(result) if figure.key in SHORT]
    for figure in columns:
        view.add_column(f"{SHORT[figure.key]} {_ARROWS.get(figure.good, '')}".strip(), justify="right", no_wrap=True)
    view.add_column("photos/s", justify="right", no_wrap=True)
    for name in result.predictions:
        values = result.figures(name)
        speed = "" if name in protocols.BASELINES else f"{result.photos_per_second(name):.1f}"
        view.add_row(name, *(_short(figure, values[figure.key][0]) for figure in columns), speed)
    truth = of_truth(result)
    view.add_row("truth", *(_short(one, truth[one.key]) if one.key in truth else "" for one in columns), "")
    return view


def _short(figure, value):
    if figure.key == "kernel_distance":
        return f"{1000 * value:.3f}"
    return f"{value:.{1 if figure.key == 'colorfulness' else min(figure.decimals, 3)}f}"


def table(result: comparison.Evaluation) -> rich.table.Table:
    """Returns a `rich.table.Table` of an `Evaluation`: a row for each figure, a column for each colorizer."""
    import rich.box
    import rich.table

    title = f"{len(result.photos)} photos, {result.protocol}: means ± half of the 95% interval"
    view = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    view.add_column("", overflow="fold", min_width=20)
    for name in result.predictions:
        view.add_column(name, justify="right", overflow="fold", min_width=13)
    view.add_column("truth", justify="right")
    values, truth = {name: result.figures(name) for name in result.predictions}, of_truth(result)
    for figure in shown(result):
        own = f"{truth[figure.key]:.{figure.decimals}f}" if figure.key in truth else ""
        cells = [_cell(figure, values[name][figure.key]) for name in values]
        view.add_row(f"{figure.title} {_ARROWS.get(figure.good, '→ ' + figure.good)}", *cells, own)
    speeds = ["" if name in protocols.BASELINES else f"{result.photos_per_second(name):.1f}" for name in values]
    view.add_row("photos/s ↑", *speeds, "")
    return view


_ARROWS = {"high": "↑", "low": "↓"}


def _cell(figure, interval):
    value, lower, upper = interval
    text = f"{value:.{figure.decimals}f}"
    return text if lower is None else f"{text} ±{(upper - lower) / 2:.{figure.decimals}f}"
