"""An evaluation as one self-contained HTML file with pictures and charts."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from tf_colorize import whole
from tf_colorize.evaluation import comparison, hint_gains, photo_measures, protocols
from tf_colorize.evaluation.report import charts, figures, page, pictures, records

if typing.TYPE_CHECKING:
    import os


THUMBNAIL = 256
EXTREMES, RANDOM = 6, 12
TRUTH_COLOR, PUBLISHED_COLOR = "#d3d7dc", "#6a7179"
LIKENESS = ("psnr", "ssim", "ciede2000", "ab_error", "frechet_distance")


def write(
    path: str | os.PathLike[str],
    result: comparison.Evaluation,
    colorizers: Mapping[str, Callable[[Any], np.ndarray]],
    run: records.Run,
    bw: Sequence[tuple[str, Sequence[Image.Image]]] = (),
    curves: Mapping[str, hint_gains.Curve] | None = None,
    more: Sequence[tuple[str, Markup]] = (),
) -> None:
    """Writes the report.

    Args:
        path: path of the HTML file.
        result: an `Evaluation`.
        colorizers: dict of the evaluated colorizers, without baselines; they colorize the shown photos again.
        run: a `records.Run`.
        bw: for each black-and-white photo, its name and its thumbnails: gray, then from each colorizer.
        curves: results of `hint_gains.evaluate` for each model that was measured with hints.
        more: sections to add, as from `trials`: heading and HTML.
    """
    truth = figures.of_truth(result)["colorfulness"]
    subtitle = (
        f"{len(result.photos)} photos · {protocols.PROTOCOLS[result.protocol]} · the truth's colorfulness: {truth:.1f}"
    )
    colorizers = colorizers or {"warm tint": protocols.warm_tint}
    sections = [
        ("Figures", _figures(result)),
        ("Colors", _color_charts(result, colorizers)),
        *([("Hints", _hints(curves))] if curves else []),
        *more,
        *_galleries(result, colorizers),
        *([("Black-and-white photos", _without_truth(bw, colorizers))] if bw else []),
        ("Definitions of the figures", _definitions(result, run)),
        ("How to reproduce this report", _provenance(result, run)),
    ]
    whole.write_text(path, page.document("Colorization report", subtitle, sections))


def chosen(result: comparison.Evaluation, subject: str) -> dict[str, list[int]]:
    """Returns a dict of heading to indices of photos: best and worst of one colorizer, and random ones."""
    errors = result.predictions[subject][:, photo_measures.COLUMNS.index("ciede2000")]
    order = np.argsort(errors, kind="stable")
    some = np.random.default_rng(0).permutation(len(order))[:RANDOM]
    return {
        "Random photos": np.sort(some).tolist(),
        f"Best photos of {subject}, by CIEDE2000": order[:EXTREMES].tolist(),
        f"Worst photos of {subject}, by CIEDE2000": order[::-1][:EXTREMES].tolist(),
    }


def _figures(result):
    values = {name: result.figures(name) for name in result.predictions}
    shown = figures.shown(result)
    likeness = [figure for figure in shown if figure.key in LIKENESS]
    speeds = [""] * len(protocols.BASELINES)
    speeds += [f"{result.photos_per_second(name):.1f}" for name in values if name not in protocols.BASELINES]
    return Markup().join(
        [
            page.paragraph(
                "Means over photos, with 95% bootstrap intervals. The gray and warm tint rows are baselines: a figure "
                "that favors them says little about color. Bold is the best of the models, however close."
            ),
            _table(result, values, likeness, ("photos/s", speeds)),
            _table(result, values, [figure for figure in shown if figure not in likeness]),
        ]
    )


def _table(result, values, columns, extra=None):
    best, truth = _best(result, values, columns), figures.of_truth(result)
    heads = [("", ""), *((figure.title, f"best: {figure.good}") for figure in columns)]
    heads += [(extra[0], "best: high")] if extra else []
    rows = []
    for index, (name, own) in enumerate(values.items()):
        cells = [_cell(figure, own[figure.key], best.get(figure.key) == name) for figure in columns]
        cells += [(extra[1][index], "", False)] if extra else []
        rows.append((name, "baseline" if name in protocols.BASELINES else "", cells))
    if any(figure.key in truth for figure in columns):
        known = [f"{truth[f.key]:.{f.decimals}f}" if f.key in truth else "" for f in columns]
        rows.append(("truth", "truth", [(text, "", False) for text in known]))
    return page.table(heads, rows)


def _cell(figure, interval, is_best):
    value, lower, upper = (None if end is None else _number(end, figure) for end in interval)
    return value, "" if lower is None else f"{lower} to {upper}", is_best


def _number(value, figure):
    return f"{value:.{figure.decimals}f}".replace("-", "\N{MINUS SIGN}")


def _best(result, values, columns):
    """Returns the best model for each figure, if there are at least two."""
    models = [name for name in values if name not in protocols.BASELINES]
    if len(models) < 2:
        return {}
    truth = figures.of_truth(result)

    def badness(figure, name):
        value = values[name][figure.key][0]
        if figure.good in ("high", "low"):
            return -value if figure.good == "high" else value
        return abs(value - (truth[figure.key] if figure.good == "truth" else float(figure.good)))

    return {figure.key: min(models, key=lambda name: badness(figure, name)) for figure in columns}


def _color_charts(result, colorizers):
    colors = dict(zip(colorizers, charts.COLORS * len(colorizers)))
    own = photo_measures.COLUMNS.index("colorfulness")
    scatters = [
        page.chart(
            f"Colorfulness of each photo: {name}",
            charts.scatter(
                list(zip(result.truth[:, 0].tolist(), result.predictions[name][:, own].tolist())),
                title=f"Colorfulness of each photo, {name} against truth",
                labels=("truth", name),
                color=colors[name],
            ),
        )
        for name in colorizers
    ]
    histograms = [
        page.chart(
            f"How often each {axis} occurs",
            charts.shares(
                photo_measures.AB_EDGES.tolist(),
                result.histograms["truth"][index].tolist(),
                {colors[name]: result.histograms[name][index].tolist() for name in colorizers},
                title=f"Histogram of {axis} of all pixels, truth and predictions",
                label=meaning,
            ),
        )
        for index, (axis, meaning) in enumerate([("a*", "a*: green to red"), ("b*", "b*: blue to yellow")])
    ]
    text = (
        "In the histograms, green or blue is left of the center, red or yellow right of it. A dull model lies below "
        "the diagonal and inside the gray area."
    )
    legend = page.legend({"truth": TRUTH_COLOR, **colors})
    return Markup().join([page.paragraph(text), legend, page.charts(histograms + scatters)])


def _hints(curves):
    colors = dict(zip(curves, charts.COLORS))
    counts = next(iter(curves.values())).counts
    series = [
        (
            colors[name],
            [(hint_gains.position(n), gain) for n, (gain, _, _) in zip(counts, curve.gains(way))],
            way != "network",
        )
        for name, curve in curves.items()
        for way in hint_gains.WAYS
    ]
    published = [(hint_gains.position(n), gain) for n in counts if (gain := hint_gains.published_gain(n)) is not None]
    chart = charts.lines(
        [(PUBLISHED_COLOR, published, False), *series],
        title="Gain in PSNR by the number of hints",
        labels=("hints", "gain over no hints, dB"),
        ticks=[(hint_gains.position(n), str(n)) for n in counts],
    )
    titles, rows = hint_gains.rows(curves)
    table = page.table(
        [(title, "") for title in titles], [(row[0], "", [(cell, "", False) for cell in row[1:]]) for row in rows]
    )
    text = (
        "Squares, 6 pixels of 256 wide, at random places, with the mean of the true a* and b* there. "
        "PSNR and gain over no hints, both in dB. Plain spreading (dashed) uses only lightness: it spreads the "
        "difference between the hints and the automatic result (Levin, Lischinski and Weiss 2004). siggraph17: the "
        "gains that Zhang et al. 2017 published for 1,000 photos of ImageNet."
    )
    legend = page.legend({**colors, "siggraph17, published": PUBLISHED_COLOR})
    drawn = page.charts([page.chart("Gain by the number of hints", chart)])
    return Markup().join([page.paragraph(text), table, legend, drawn])


def _galleries(result, colorizers):
    titles = ["gray", *colorizers, "truth"]
    names = records.photo_names(result)
    for heading, indices in chosen(result, next(iter(colorizers))).items():
        rows = []
        for index in indices:
            sample = protocols.load(result.photos[index], result.protocol)
            shown = [sample.gray, *pictures.colored(colorizers, sample.gray), sample.truth]
            uris = [pictures.data_uri(pictures.thumbnail(picture, THUMBNAIL)) for picture in shown]
            captions = [names[index], *(_caption(result, name, index) for name in colorizers)]
            captions.append(f"colorfulness {result.truth[index, 0]:.0f}")
            rows.append([(uri, f"{names[index]}: {t}", c) for uri, t, c in zip(uris, titles, captions)])
        yield heading, page.gallery(titles, rows)


def _caption(result, name, index):
    row = dict(zip(photo_measures.COLUMNS, result.predictions[name][index]))
    return f"CIEDE2000 {row['ciede2000']:.1f} · colorfulness {row['colorfulness']:.0f}"


def _without_truth(bw, colorizers):
    titles = ["photo, its tone removed", *colorizers]
    rows = [
        [(pictures.data_uri(image), f"{name}: {title}", name if i == 0 else "")]
        for name, images in bw
        for i, (image, title) in enumerate(zip(images, titles))
    ]
    return page.gallery(titles, rows)


def _definitions(result, run):
    entries = [(figure.title, figure.definition) for figure in figures.shown(result)]
    entries += [("photos/s", "Time inside the colorizer only, one photo at a time; varies from run to run.")]
    entries += [("Left out", note) for note in run.notes]
    return page.terms(entries)


def _provenance(result, run):
    tint = ", ".join(f"{value:g}" for value in protocols.WARM_TINT)
    models = [
        Markup("{}: {}<br><code>{}</code>").format(name, path, records.sha256_of(path) or "no file: on a server")
        for name, path in run.models.items()
    ]
    photos = Markup("{}, SHA-256 over the hashes of the files:<br><code>{}</code>")
    entries = [
        ("Command", Markup("<pre>{}</pre>").format(run.command)),
        ("Models, SHA-256", Markup("<br>").join(models)),
        ("Photos", photos.format(len(result.photos), result.data_sha256)),
        ("Protocol", f"{result.protocol}: {protocols.PROTOCOLS[result.protocol]}, bicubic with antialiasing"),
        ("Input", "The 8-bit gray picture of the same L* is the colorizer's only input."),
        ("Baselines", f"gray: a* = b* = 0; warm tint: a*, b* = {tint} everywhere"),
        ("Intervals", "95%, percentiles of 2000 resamples of the photos, seed 0"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in records.versions().items())),
        ("Machine", records.machine()),
    ]
    skipped = Markup("<br>").join(reason for _, reason in result.skipped)
    return page.terms(entries + ([("Not readable", skipped)] if skipped else []))
