"""The command `tf-colorize evaluate`: measures colorizers on color photos, and shows results for black-and-white
ones."""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Sequence

from tf_colorize.commands import evaluate_options, parsing, quiet, rulers, streams

# No heavy imports at module level: `tf-colorize evaluate --help` must answer at once.


@streams.usable
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code: 0, 1 if anything failed, 2 for wrong usage, 130 when stopped."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's startup notices
    parser = evaluate_options.parser()
    options = evaluate_options.parsed(parser, arguments)
    given = sys.argv[1:] if arguments is None else arguments
    with quiet.missing_packages(parser.prog):
        return _run(options, shlex.join([*parsing.typed("evaluate").split(), *given]))


def _run(options, command):
    with quiet.startup():
        from tf_colorize.evaluation import perceptual
        from tf_colorize.evaluation.report import records
        from tf_colorize.inference import colorizer
        from tf_colorize.photos import find

    try:
        if options.film:
            return _steadiness_of(options)
        # Before TensorFlow, for the reason given in `Lpips`.
        lpips = None if options.lpips is None else perceptual.load(options.lpips or None)
        models = _names_of(options.model)
        regions = _regions_of(options)
        n_photos = len(find.find_photos(options.data).photos) if options.data else 0
        with quiet.startup():
            colorizers = {name: colorizer.Colorizer.load(path) for name, path in models.items()}
            feature_model, notes = _load_features(options, n_photos) if options.data else (None, ())
        without = _without_hints(colorizers, options) if _hinted(options) else ()
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
        bw, failed = _color_bw(options, colorizers) if options.bw else ([], False)
        if options.data:
            run = records.Run(command, models, (*notes, *without))
            failed |= _measure(options, colorizers, feature_model, lpips, run, bw, regions)
        elif regions:
            _measure_regions(options, colorizers, records.Run(command, models, without), regions)
    except (ValueError, OSError) as error:
        streams.raise_if_of_output(error)
        _complain(error)
        return 1
    return int(failed)


def _steadiness_of(options):
    """Prints how steady the color of films is, and draws frames of the clips."""
    import numpy as np

    from tf_colorize import whole
    from tf_colorize.evaluation import clips, steadiness
    from tf_colorize.inference import colorizer
    from tf_colorize.photos import contact_sheet, files, find

    paths = find.find_photos(options.data).photos
    sheets = {name: f"{name.replace('/', '-')}.jpg" for name in _names_of(options.model)}
    for sheet in sheets.values() if options.out else ():
        _refuse_photo(options.out / sheet, paths)
    chosen = paths[:: max(1, len(paths) // options.film)][: options.film]
    made = clips.from_photos([np.asarray(files.open_rgb(path)) for path in chosen])
    if not made:
        raise ValueError(f"--data {options.data}: no photo has the {clips.SIDE} pixels a side that --film needs")
    for name, model in _names_of(options.model).items():
        with rulers.bar() as progress:
            task = progress.add_task("clips", total=len(made))
            advance = functools.partial(progress.advance, task)
            results = steadiness.compare(colorizer.Colorizer.load(model), made, progress=advance)
        _show(_table_of_steadiness(name, made, results))
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            sheet = contact_sheet.contact_sheet(steadiness.strips(results), clips.SIDE)
            with whole.open_whole(options.out / sheets[name]) as file:
                sheet.save(file, "JPEG", quality=90)
    return 0


def _table_of_steadiness(name, made, results):
    import rich.table

    from tf_colorize.evaluation import steadiness

    table = rich.table.Table("", "PSNR", "colorfulness", "warp error x 1000", "CDC x 1000", title=name)
    for row, frames in results.items():
        figure = steadiness.measure(made, frames)
        psnr = "" if row == "truth" else f"{figure.psnr:.2f}"
        table.add_row(row, psnr, f"{figure.colorfulness:.1f}", f"{figure.warp_error:.3f}", f"{figure.cdc:.3f}")
    return table


def _names_of(models):
    """Names models by the shortest ends of their paths that are unique."""
    from tf_colorize import evaluation

    parts = [
        model.removesuffix(".keras").removesuffix(".tflite").removesuffix(".onnx").rstrip("/").split("/")
        for model in models
    ]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names) and not set(names) & {"truth", *evaluation.BASELINES}:
            return dict(zip(names, models))
    return dict(zip(models, models))


def _load_features(options, n_photos):
    from tf_colorize.evaluation import features

    notes = () if options.lpips is not None else ("LPIPS: give --lpips; it needs its own packages and weights.",)
    try:
        if options.features is None and n_photos < 2:
            raise ValueError("takes at least two photos.")
        return features.load(options.features), notes
    except ValueError as error:
        if options.features is not None:
            raise
        return None, (*notes, f"Frechet distance: {parsing.in_words(error)}")


def _regions_of(options):
    """Reads the file of regions before models are loaded; its photos may also be among the others that are given."""
    from tf_colorize.evaluation import outlines

    if options.hint_regions is None:
        return ()
    return outlines.read(options.hint_regions, [folder for folder in (options.data, options.bw) if folder])


def _hinted(options):
    """Returns the option, if any, that needs a model that takes hints."""
    chosen = {"--hints": options.hints, "--hint-regions": options.hint_regions, "--reference": options.reference}
    return next((name for name, value in chosen.items() if value), None)


def _without_hints(colorizers, options):
    """Returns a note for each model that takes no hints.

    Raises:
        ValueError: none of them does.
    """
    notes = tuple(f"hints: {name} takes none." for name, one in colorizers.items() if not one.takes_hints)
    if len(notes) == len(colorizers):
        raise ValueError(f"{_hinted(options)} needs a model that takes hints; none of these does")
    return notes


def _color_bw(options, colorizers):
    from tf_colorize import whole
    from tf_colorize.evaluation.report import document, pictures
    from tf_colorize.photos import find

    paths = find.find_photos(options.bw).photos
    _refuse_photo(options.out / "contact_sheet.jpg", paths)
    rows, failed = [], False
    with rulers.bar() as progress:
        for path, result in progress.track(pictures.without_truth(colorizers, paths), len(paths), description="bw"):
            if isinstance(result, Exception):
                _complain(result)
                failed = True
            else:
                rows.append((path.name, [pictures.thumbnail(picture, document.THUMBNAIL) for picture in result]))
    if rows:
        sheet = pictures.sheet([images for _, images in rows], ["photo", *colorizers])
        with whole.open_whole(options.out / "contact_sheet.jpg") as file:
            sheet.save(file, "JPEG", quality=90, subsampling=0)
    return rows, failed


def _refuse_photo(sheet, photos):
    """Raises ValueError if a sheet of pictures would replace one of the photos."""
    from tf_colorize.albums import targets

    if any(targets.is_same(sheet, photo) for photo in photos):
        raise ValueError(f"{sheet}: is one of the photos; choose another folder with --out")


def _measure(options, colorizers, feature_model, lpips, run, bw, regions):
    from tf_colorize import evaluation
    from tf_colorize.evaluation import aging, hint_gains, hint_reach, hint_regions, reference_gains
    from tf_colorize.evaluation.report import document, figures, records, trials

    for note in run.notes:  # first, so that users know what will be missing
        _complain(f"left out: {note}")
    with rulers.bar() as progress:
        task = progress.add_task("photos", total=None)
        result = evaluation.evaluate(
            colorizers,
            options.data,
            protocol=options.protocol,
            features=feature_model,
            lpips=lpips,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    for _, reason in result.skipped:
        _complain(reason)
    _show(figures.table(result) if options.all_figures else figures.short_table(result))
    curves, reaches = rulers.hints(options, colorizers) if options.hints else ({}, {})
    if curves:
        _show(hint_gains.table(curves))
        _show(hint_reach.table(reaches))
    fillings = rulers.hint_regions(colorizers, regions) if regions else {}
    if fillings:
        _show(hint_regions.table(fillings))
    references = rulers.references(options, colorizers) if options.reference else {}
    if references:
        _show(reference_gains.table(references))
    old = rulers.old_photos(options, colorizers, lpips) if options.old else {}
    if old:
        _show(aging.table(old))
    if options.out:
        records.write_metrics(options.out / "metrics.json", result, run, curves, reaches, old, references, fillings)
        records.write_photos(options.out / "photos.csv", result)
        more = trials.sections(reaches, old, fillings)
        document.write(options.out / "report.html", result, colorizers, run, bw, curves, more)
    return bool(result.skipped)


def _measure_regions(options, colorizers, run, regions):
    """Measures regions alone, without photos in color."""
    from tf_colorize.evaluation import hint_regions
    from tf_colorize.evaluation.report import records

    for note in run.notes:
        _complain(f"left out: {note}")
    fillings = rulers.hint_regions(colorizers, regions)
    _show(hint_regions.table(fillings))
    if options.out:
        records.write_regions(options.out / "hint_regions.json", fillings, run)


def _show(table):
    import rich.console

    rich.console.Console().print(table)


def _complain(text):
    parsing.complain(parsing.program("evaluate"), text)
