"""The command `tf-colorize PHOTO ...`: parses arguments and reports outcomes; `albums` does the work."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import os
import pathlib
import sys
import time
from collections.abc import Sequence

from tf_colorize.commands import look_options, parsing, photo_options, progress, quiet, streams, tree

# No heavy imports at module level: `tf-colorize --help` must answer at once.

_EPILOG = """\
examples:
  tf-colorize grandma.jpg                 writes grandma.color.jpg beside it
  tf-colorize album/ -o colored/          a folder with its subfolders
  tf-colorize "scans/**/*.tif" --format jpg --quality 90
  tf-colorize grandma.jpg --hint 120,340=#7a4b2c --hint 25%,40%=navy    a brown dress, a blue door
  tf-colorize grandma.jpg --variants      grandma.variants.jpg: nine looks, each with its options
  cat grandma.jpg | tf-colorize - > grandma.color.jpg
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code: 0, 1 if anything failed, 2 for wrong usage, 130 when stopped."""
    options = _parser().parse_args(arguments)
    problem = _wrong_usage(options)
    if problem:
        _complain(problem)
        return 2
    try:
        look_options.save(options)
    except ValueError as error:
        _complain(str(error))
        return 1
    try:
        # --max-pixels takes the place of Pillow's limit.
        with photo_options.pillow_without_limit(), quiet.readers_of_photos():
            return _colorize_stream(options) if options.inputs == ["-"] else _colorize_files(options)
    except KeyboardInterrupt:
        _complain("stopped; run the same command again to continue")
        return 130


def _parser():
    from tf_colorize import __version__

    parser = parsing.Parser(
        prog="tf-colorize",
        description="Colorize black-and-white photos. Size, lightness and metadata are kept.",
        epilog=f"{_EPILOG}\n{tree.listed()}",
    )
    add = parser.add_argument
    add("inputs", nargs="+", metavar="PHOTO", help="files, folders, glob patterns, or - for a pipe")
    add("-o", "--output", metavar="PATH", help="folder for results, or file for one photo (default: beside the photo)")
    photo_options.add_to(parser)
    photo_options.add_hints(parser)
    add("--variants", action="store_true", help="only a sheet of nine looks and of likely colors, NAME.variants.jpg")
    photo_options.add_jobs(parser)
    add("--version", action="version", version=f"tf-colorize {__version__}")
    return parser


def _wrong_usage(options):
    """Returns a message about contradictory arguments, or None."""
    from tf_colorize.albums import plan
    from tf_colorize.photos import files

    if options.variants and options.compare:
        return "--variants and --compare: give one of them"
    if "-" in options.inputs and options.inputs != ["-"]:
        return "- cannot be combined with files"
    problem = plan.output_problem(options.output, files.IMAGE_SUFFIXES)
    if problem:
        return problem
    if options.format and plan.names_file(options.output, files.IMAGE_SUFFIXES):
        suffix = os.path.splitext(options.output)[1].lower()
        if files.FORMATS[suffix] != files.FORMATS[f".{options.format}"]:
            return f"-o {options.output} and --format {options.format} disagree; give one of them"
    if options.inputs == ["-"]:
        if options.compare or options.skip_color or options.dry_run or options.variants:
            return "--compare, --skip-color, --dry-run and --variants need files, not a pipe"
        if options.output is not None and not plan.names_file(options.output, files.IMAGE_SUFFIXES):
            return f"-o {options.output} must be a file for a pipe, such as -o picture.jpg"
        if options.output is None and sys.stdout.isatty():
            return "the picture would be written to the terminal; add > picture.jpg or -o picture.jpg"
    return None


def _colorize_stream(options):
    """Colorizes standard input to standard output, or to the file given by -o."""
    from tf_colorize.albums import hints_beside, plan, work
    from tf_colorize.color import colorfulness
    from tf_colorize.photos import files

    if options.output and os.path.exists(options.output) and not options.overwrite:
        _complain(f"{options.output} exists; --overwrite replaces it")
        return 1
    if streams.is_closed("stdin"):
        _complain("standard input is closed; pipe a photo in, or give its file name")
        return 1
    if options.output is None and streams.is_closed("stdout"):
        _complain("standard output is closed; add > picture.jpg or -o picture.jpg")
        return 1
    if options.output is None and streams.is_same_file():
        _complain("the photo would be overwritten: standard output is the same file; choose another one")
        return 1
    try:
        kept = (*look_options.photos(options), *streams.standard_input())
        target = sys.stdout.buffer if options.output is None else plan.plan_pipe(options.output, kept)
        picture = files.read(
            sys.stdin.buffer.read(), max_pixels=options.max_pixels, allow_truncated=options.allow_truncated
        )
        path = pathlib.Path(options.hints) if options.hints else None
        wishes = hints_beside.read(path, tuple(options.hint), look_options.asked(options))
        notes = list(wishes.notes)
        if colorfulness.has_color(picture.image):
            notes.append(photo_options.HAS_COLOR.partition(";")[0])  # a pipe is never skipped
        colorizer = _load(options, threads=None)
        hints_beside.refuse_without(colorizer, wishes, "standard input")
        image_format = files.FORMATS[f".{options.format}"] if options.format else None
        image_format = image_format or (picture.format if options.output is None else files.format_of(target))
        files.check_size(picture.image.size, image_format)
        work.note_lost_alpha(picture, image_format)
        for note in (*notes, *picture.notes):
            _complain(f"standard input: {note}")
        image = work.colorize_picture(colorizer, picture, wishes.look, wishes.hints)
        for note in files.save(image, target, picture, image_format=image_format, quality=options.quality):
            _complain(f"standard input: {note}")
    except BrokenPipeError:
        raise
    except Exception as error:
        _complain(work.reason_of(error).replace("<bytes>", "standard input", 1))
        return 1
    return 0


def _colorize_files(options):
    from tf_colorize import processors
    from tf_colorize.albums import plan

    suffix = f".{options.format}" if options.format else None
    jobs, problems = plan.plan_photos(
        options.inputs,
        options.output,
        suffix=suffix,
        compare=options.compare,
        variants=options.variants,
        kept=look_options.photos(options),
    )
    meant = [_command_meant(problem, options.inputs[0]) for problem in problems]
    for problem, suggestion in zip(problems, meant):
        _complain(f"{problem}{suggestion}")
    if any(meant):  # what follows was meant for the command
        return 1
    if (options.hint or options.hints) and len(jobs) > 1:
        _complain(f"--hint and --hints are for one photo, not {len(jobs)}; put a file NAME.hints.json beside each")
        return 2
    if options.hints:
        jobs = [dataclasses.replace(job, hints=pathlib.Path(options.hints)) for job in jobs]
    options.overwrite = options.overwrite or _renews(jobs, options)
    waiting = jobs if options.overwrite else [job for job in jobs if not _is_done(job)]
    _tell_of_done(jobs, waiting)
    if options.dry_run:
        for job in waiting:
            hints = f" with {job.hints.name}" if job.hints else ""
            also = f" and {job.compare}" if job.compare else ""
            print(parsing.one_line(f"{job.source}{hints} -> {job.target}{also}"))
    if options.dry_run or not waiting:
        return 1 if problems else 0
    workers = min(options.jobs or processors.usable(), len(waiting))
    try:
        colorizer = _load(options, threads=None if workers == 1 else 1)
    except ValueError as error:
        _complain(str(error))
        return 1
    failures = _work(colorizer, waiting, workers, options)
    return 1 if failures or problems else 0


def _command_meant(problem, word):
    """Returns a suggestion if a missing file's name looks like a command, as the end of a sentence."""
    near = difflib.get_close_matches(word, tree.COMMANDS, 1) if problem.startswith(f"{word}: no such file") else []
    return f"; did you mean tf-colorize {near[0]}?" if near else ""


def _is_done(job):
    """Returns whether all results of the job exist."""
    return job.target.exists() and (job.compare is None or job.compare.exists())


def _renews(jobs, options):
    """Returns whether to replace the existing result of a single photo: it has the tool's default name and would now
    differ."""
    if len(jobs) != 1 or options.output is not None or not all(map(os.path.isfile, options.inputs)):
        return False
    (job,) = jobs
    if not job.target.exists() or not _has_default_name(job):
        return False
    asked = (
        look_options.asked(options),
        options.hint,
        options.hints,
        options.model,
        options.quality,
    )
    return any(asked) or _is_newer(job.hints, job.target)


def _has_default_name(job):
    """Returns whether the result has the name that the tool gives it, which a link to another file has not."""
    from tf_colorize.photos import find

    is_beside = job.target == job.source.with_name(job.target.name)
    return is_beside and find.original_stem(job.target) == find.split_suffix(job.source.name)[0]


def _is_newer(hints, result):
    """Returns whether the hints beside a photo changed after its result was written."""
    try:
        # The change time tells when the result was written; its modification time is the photo's.
        return hints is not None and hints.stat().st_mtime > result.stat().st_ctime
    except OSError:  # reading the hints reports why they cannot be read
        return True


def _tell_of_done(jobs, waiting):
    skipped = len(jobs) - len(waiting)
    if len(jobs) == 1 and skipped:
        print(parsing.one_line(f"{jobs[0].target} exists; --overwrite replaces it"))
    elif skipped:
        print(f"{skipped} of {len(jobs)} photos are already done; --overwrite does them again")


def _work(colorizer, jobs, workers, options):
    """Colorizes all jobs, reports them, and returns the messages of those that failed."""
    from tf_colorize.albums import crowd, work

    settings = dataclasses.replace(
        photo_options.settings(options),
        hints=tuple(options.hint),
        variants=look_options.of_variant if options.variants else None,
    )
    start, failures, n_done = time.perf_counter(), [], 0
    outcomes = crowd.run(jobs, lambda job: work.colorize_file(colorizer, job, settings), workers)
    try:
        with progress.of_photos(len(jobs)) as advance, contextlib.closing(outcomes):
            for job, outcome in outcomes:
                if outcome.reason is None:
                    n_done += 1
                    print(parsing.one_line(_line(job, outcome)))
                    if outcome.has_color and not outcome.is_skipped:
                        _complain(f"{job.source}: {photo_options.HAS_COLOR}")
                else:
                    failures.append(outcome.reason)
                advance()
    finally:  # even when interrupted
        seconds = time.perf_counter() - start
        if len(jobs) > 1:
            print(f"{n_done} photos in {progress.duration(seconds)}, {n_done / seconds:.1f} photos/s")
        if failures and len(jobs) > 1:
            _complain(f"{len(failures)} photos failed:")
        for failure in failures:
            _complain(failure)
    return failures


def _load(options, threads):
    from tf_colorize import installation
    from tf_colorize.inference import colorizer, runtimes

    model = options.model or runtimes.default_model()
    try:
        with quiet.startup():
            return colorizer.Colorizer.load(model, threads=threads)
    except installation.MissingPackage as error:
        raise ValueError(f"{model}: {error}") from error


def _line(job, outcome):
    if outcome.is_skipped:
        return f"{job.source}  already has color, left unchanged"
    width, height = outcome.size
    notes = "".join(f"; {note}" for note in outcome.notes)
    also = f" and {job.compare.name}" if job.compare else ""
    return f"{job.target}{also}  {width} x {height}, {outcome.seconds:.2f} s{notes}"


def _complain(text):
    parsing.complain("tf-colorize", text)
