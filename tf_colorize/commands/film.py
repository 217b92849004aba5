"""The command `tf-colorize film`: colorizes films without flicker."""

from __future__ import annotations

import argparse
import contextlib
import fractions
import os
import pathlib
import sys
import time
from collections.abc import Sequence

from tf_colorize import installation, processors
from tf_colorize.commands import look_options, parsing, photo_options, progress

_EPILOG = """\
examples:
  tf-colorize film movie.mp4 --preview 10        ten stills in movie.compare.jpg, in a few seconds
  tf-colorize film movie.mp4                     writes movie.color.mp4 beside it
  tf-colorize film movie.mp4 --from 1:30 --to 2:00 -o scene.mp4
  tf-colorize film reels/*.avi -o colored/
  tf-colorize film movie.mp4 --hints movie.hints.json --preview 10

Two cores colorize 30 to 90 frames of 1280 x 720 per second, fewer if the film has grain. After Ctrl-C, the same command
continues.
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code: 0, 1 if anything failed, 2 for wrong usage, 130 when stopped."""
    for stream in (sys.stdout, sys.stderr):  # file names need not be valid text
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape")
    options = _parser().parse_args(arguments)
    problem = _wrong_usage(options)
    if problem:
        _complain(problem)
        return 2
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        jobs, failed = _plan(options)
        look_options.save(options)
        if not jobs:
            return int(failed)
        colorizer, model = _load(options)
    except ValueError as error:
        _complain(str(error))
        return 1
    from tf_colorize.albums import work

    for job in jobs:
        try:
            _color(colorizer, model, job, options)
        except ValueError as error:
            _complain(str(error))
            failed = True
        except Exception as error:  # exceptions of many kinds; the other films are still colorized
            reason = work.reason_of(error, [job.source])
            _complain(reason if reason.startswith(f"{job.source}: ") else f"{job.source}: {reason}")
            failed = True
        except KeyboardInterrupt:
            _complain("stopped; the same command continues from here")
            return 130
    return int(failed)


def _parser():
    parser = parsing.Parser(
        prog="tf-colorize film",
        description="Colorize black-and-white films. Size, frame rate, length, sound, subtitles and chapters are "
        f"kept. Needs {installation.pip_install('film')}",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add(
        "films",
        nargs="+",
        metavar="FILM",
        help="files in any format that FFmpeg reads, folders, or a pattern for numbered images: frames/%%05d.png",
    )
    add(
        "-o",
        "--output",
        metavar="PATH",
        help="folder, or for one film a .mp4, .m4v, .mov, .mkv or .webm file (default: NAME.color.* beside it)",
    )
    photo_options.add_model(parser)
    parser.add_number(
        "--preview",
        1,
        100,
        help="only write N stills from the whole film as one picture, NAME.compare.jpg",
    )
    add(
        "--from",
        dest="start",
        type=parsing.seconds,
        metavar="TIME",
        help="start of the part to colorize: seconds, M:SS or H:MM:SS",
    )
    add("--to", dest="end", type=parsing.seconds, metavar="TIME", help="end of the part")
    add("--rate", type=_rate, default="24", metavar="N", help="images per second for numbered images (default 24)")
    add(
        "--hdr",
        choices=("sdr", "keep"),
        default="sdr",
        help="treatment of high dynamic range (PQ, HLG): sdr, the default, tone-maps it",
    )
    add(
        "--detelecine",
        action="store_true",
        help="reverse telecine: restore the 24 film frames per second in 30 video frames",
    )
    look_options.add_to(parser)
    parser.add_number(
        "--steadiness",
        0.0,
        1.0,
        kind=float,
        default=0.95,
        metavar="0..1",
        help="0 colors each frame on its own, 1 keeps colors steady through the shot (default 0.95)",
    )
    add(
        "--codec",
        choices=("h264", "hevc", "av1"),
        help="video codec of the result (default h264, which plays everywhere; av1 for .webm)",
    )
    add(
        "--crf",
        type=int,
        metavar="0..63",
        help="quality; lower is better but makes larger files (default: 18 for h264, 20 hevc, 25 av1)",
    )
    add(
        "--hints",
        metavar="FILE",
        help="hints file of the film: colors at places and times, each within its shot (default: NAME.hints.json "
        "beside it)",
    )
    add("--overwrite", action="store_true", help="replace existing results (default: skip those films)")
    return parser


def _rate(text):
    try:
        rate = fractions.Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = fractions.Fraction(0)
    if not 1 <= rate <= 240:
        raise argparse.ArgumentTypeError(f"must be 1 to 240, such as 18, 23.976 or 24000/1001, not {text}")
    return rate


def _wrong_usage(options):
    """Returns a message about options that cannot be combined or are out of range, or None."""
    if options.hints and len(options.films) > 1:
        return f"--hints is for one film, not {len(options.films)}; put a file NAME.hints.json beside each"
    if options.start is not None and options.end is not None and options.start >= options.end:
        return f"--from {options.start:g} must come before --to {options.end:g} (seconds)"
    if options.hdr == "keep":
        return "--hdr keep is not supported yet; without it, the film is tone-mapped"
    may_be_webm = any(name.lower().endswith(".webm") for name in (*options.films, options.output or ""))
    largest = 63 if options.codec == "av1" or (options.codec is None and may_be_webm) else 51
    if options.crf is not None and not 0 <= options.crf <= largest:
        return f"--crf must be 0 to {largest}{f' for {options.codec}' if options.codec else ''}, not {options.crf}"
    return None


def _load(options):
    """Returns the colorizer and an identification of its model."""
    from tf_colorize.commands import quiet
    from tf_colorize.inference import colorizer, runtimes

    model = options.model or str(runtimes.default_model())
    try:
        with quiet.startup(), installation.explained():
            from tf_colorize.film import coloring  # noqa: F401  # missing packages are told before the model is loaded

            # The network shares the processors with decoding, flow, joining and encoding.
            threads = max(1, min(4, processors.usable() // 2))
            return colorizer.Colorizer.load(model, threads=threads), _identity(model)
    except installation.MissingPackage as error:
        raise ValueError(str(error)) from error


def _identity(model):
    path = pathlib.Path(model)
    return f"{model} {path.stat().st_size} {path.stat().st_mtime_ns}" if path.exists() else model


def _plan(options):
    """Returns the films to colorize, and whether any cannot be colorized; prints why not."""
    from tf_colorize.albums import plan
    from tf_colorize.photos import find

    try:
        with installation.explained():
            from tf_colorize.film import containers, pieces
    except installation.MissingPackage as error:
        raise ValueError(str(error)) from error
    # Read once, because it may be a pipe; if it cannot be used, that is known now, result or not.
    options.wishes = _wishes(options, pathlib.Path(options.hints)) if options.hints else None
    for source in filter(find.is_result, options.films):
        _say(f"{source}: its name says that it is already colorized; rename it to colorize it again")
    jobs, problems = plan.plan_films(
        options.films,
        options.output,
        containers.CONTAINERS,
        ".mkv",
        preview=options.preview is not None,
        kept=look_options.photos(options),
    )
    for problem in problems:
        _complain(problem)
    left = []
    for job in jobs:
        if job.target.exists():
            pieces.remove_leftovers(job.target)
            if not options.overwrite:
                _say(f"{job.target} exists; --overwrite replaces it")
                continue
        problem = _codec_problem(job.target, options) if options.preview is None else None
        if problem:
            _complain(problem)
            problems.append(problem)
        else:
            left.append(job)
    return left, bool(problems)


def _codec_problem(target, options):
    """Returns why a file cannot have the requested codec, or None."""
    if target.suffix.lower() == ".webm" and options.codec not in (None, "av1"):
        return f"{target}: .webm files use av1, not {options.codec}; omit --codec, or write an .mkv file"
    largest = 51 if (options.codec or ("av1" if target.suffix.lower() == ".webm" else "h264")) != "av1" else 63
    if options.crf is not None and options.crf > largest:
        return f"{target}: --crf must be 0 to {largest} for it, not {options.crf}"
    return None


def _wishes(options, path):
    from tf_colorize.albums import hints_beside

    return hints_beside.read(path, adjustments=look_options.asked(options))


def _color(colorizer, model, job, options):
    from tf_colorize.film import coloring, detelecine, frames, pieces, preview, reading

    source, target = job.source, job.target
    wishes = options.wishes or _wishes(options, job.hints)
    for note in wishes.notes:
        _say(f"{source}  {note}")
    settings = coloring.Options(
        start=options.start,
        end=options.end,
        look=wishes.look,
        steadiness=options.steadiness,
        codec=options.codec,
        crf=options.crf,
        hints=tuple(wishes.hints),
    )
    try:
        film = reading.open_film(source, image_rate=options.rate, takes_telecine_back=options.detelecine)
    except detelecine.NotTelecined as error:
        raise frames.FilmError(f"{error}. Omit --detelecine for this film") from None
    start = time.monotonic()
    if options.preview:
        with _progress(options.preview, "stills") as report:
            n_stills = preview.write(
                colorizer, film, target, options.preview, settings, label=look_options.of_variant, report=report
            )
        _say(f"{target}  {_count(n_stills, 'still')}, {time.monotonic() - start:.1f} s")
        return
    part = coloring.part_of(film, settings)
    with _progress(part.last - part.first, "frames") as report:
        try:
            done = coloring.color_film(
                colorizer, film, target, settings, model=model, starts_anew=options.overwrite, report=report
            )
        except pieces.OtherWork as error:
            raise frames.FilmError(f"{error}; --overwrite starts from the beginning") from None
    seconds = time.monotonic() - start
    rate = (done.n_frames - done.n_resumed) / seconds
    notes = "".join(f"; {note}" for note in done.notes)
    verb = "is" if done.n_resumed == 1 else "are"
    earlier = f"; {_count(done.n_resumed, 'frame')} {verb} from an earlier run" if done.n_resumed else ""
    _say(
        f"{target}  {film.width} x {film.height}, {_count(done.n_frames, 'frame')}, {rate:.1f} frames/s{earlier}{notes}"
    )


@contextlib.contextmanager
def _progress(total, unit):
    """Yields a function to call with the number of frames done; on a terminal, it shows a bar with the time left."""
    if not sys.stderr.isatty():
        yield lambda n_done: None
        return
    with progress.bar_with_time_left(unit) as bar:
        task = None

        def report(n_done):
            nonlocal task
            if task is None:  # frames of earlier runs do not count in the estimate of the time left
                task = bar.add_task("", total=total or None, completed=n_done)
            bar.update(task, completed=n_done)

        yield report


def _count(number, thing):
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _say(text):
    print(parsing.one_line(text))


def _complain(text):
    parsing.complain("tf-colorize film", text)
