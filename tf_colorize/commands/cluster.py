"""The command `tf-colorize cluster`: colorizes the photos of a folder or bucket on a Ray cluster."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import threading
import time
from collections.abc import Sequence

from tf_colorize import installation
from tf_colorize.commands import look_options, parsing, photo_options, progress, ray_job, streams

# No heavy imports at module level: `tf-colorize cluster --help` must answer at once.

_EPILOG = """\
examples:
  tf-colorize cluster scans/ colored/                              uses all cores of this machine
  tf-colorize cluster scans/ colored/ --address auto               uses the Ray cluster of this machine
  tf-colorize cluster s3://archive/scans s3://archive/colored --address auto --workers 64

A folder must be mounted under the same path on all machines. Existing results are skipped, so the same
command continues after an interruption. Photos that fail are listed in OUT/failures.jsonl.
"""
_SAVE_EVERY = 60.0  # seconds


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code: 0, 1 if anything failed, 2 for wrong usage.

    When it is stopped, the code is 128 and the signal's number: 130 for Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # send no usage statistics to Ray's developers
    try:
        with installation.explained(), _ended_in_order():
            return _colorize(options)
    except (ValueError, installation.MissingPackage) as error:
        _complain(str(error))
        return 1
    except OSError as error:
        from tf_colorize.albums import work

        streams.raise_if_of_output(error)
        _complain(work.reason_of(error))
        return 1
    except KeyboardInterrupt as stop:
        _complain("stopped; run the same command again to continue")
        return 128 + (stop.args[0] if stop.args else signal.SIGINT)


@contextlib.contextmanager
def _ended_in_order():
    """Makes SIGTERM (from schedulers), SIGHUP (from closed terminals) and Windows' Ctrl-Break act like Ctrl-C."""

    def stop(number, frame):
        raise KeyboardInterrupt(number)

    names = ("SIGTERM", "SIGHUP", "SIGBREAK") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    ours = [number for number in numbers if before[number] == signal.SIG_DFL]  # nohup, say, ignores SIGHUP
    try:
        for number in ours:
            signal.signal(number, stop)
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def _parser():
    parser = parsing.Parser(
        prog="tf-colorize cluster",
        description="Colorize the photos of a folder or bucket on a Ray cluster. The results are those of tf-colorize. "
        f"Needs {installation.pip_install('cluster')}",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("source", metavar="IN", help="folder with its subfolders, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")
    add("target", metavar="OUT", help="folder or bucket for the results, which keep the photos' names")
    add(
        "--address",
        help="HOST:PORT of the head of a Ray cluster, or auto for the cluster that this machine belongs to (default: "
        "RAY_ADDRESS, otherwise Ray is started on this machine for this job)",
    )
    parser.add_number(
        "--workers",
        1,
        100_000,
        help="number of worker processes, one processor each (default: one per processor of the cluster)",
    )
    photo_options.add_to(parser)
    return parser


def _colorize(options):
    from tf_colorize.archives import failures, packed, places, plan
    from tf_colorize.inference import runtimes

    look_options.save(options)
    source, target = places.open_place(options.source), places.open_place(options.target)
    source.check()
    if plan.would_mix(source, target):
        raise ValueError(f"{options.target}: the photos would be overwritten; choose an OUT that does not contain IN")
    model = packed.PackedModel.pack(options.model or str(runtimes.default_model()))
    rules = plan.Rules(f".{options.format}" if options.format else None, options.compare, options.overwrite)
    if options.dry_run:
        return _list(source, target, rules)
    with failures.Failures(source, target) as failed:
        with plan.Plan(plan.items(source, target, rules, failed.add)) as jobs:
            target.prepare()
            try:
                counts = _work(options, (source, target), model, jobs, failed)
            except BaseException:  # even when interrupted, so that the failures so far are kept
                failed.try_to_save()
                raise
        problem = failed.finish()
    _summarize(counts, jobs, failed)
    if problem:
        _complain(problem)
    if not jobs.n_found:
        _complain(f"{options.source}: no pictures in it")
    return 1 if failed.count or problem or not jobs.n_found else 0


def _list(source, target, rules):
    """Prints what would be done and which photos cannot have a result; returns the exit code."""
    from tf_colorize.archives import plan

    refused = []

    def refuse(photo, reason):
        refused.append(photo)
        _complain(f"{source.full_name(photo)}: {reason}")

    with plan.Plan(plan.items(source, target, rules, refuse, cleans=False)) as jobs:
        is_complete = False
        while not is_complete:
            is_complete = jobs.is_complete  # checked first: items listed after the check are taken in the next round
            batch = jobs.take(100)
            for item in batch:
                results = " and ".join(map(target.full_name, item.needed))
                print(parsing.one_line(f"{source.full_name(item.source)} -> {results}"))
            if batch:
                is_complete = False
            elif not is_complete:
                time.sleep(0.05)
        if not jobs.n_found and not refused:
            _complain(f"{source.full_name('')}: no pictures in it")
        return 1 if refused or not jobs.n_found else 0


@dataclasses.dataclass
class _Counts:
    n_done: int = 0
    n_had_color: int = 0
    n_skipped: int = 0
    n_failed: int = 0
    seconds: float = 0.0


def _work(options, places_of_job, model, jobs, failed):
    """Colorizes all waiting photos and returns their outcomes."""
    counts = _Counts()
    if jobs.has_work():
        start = ray_job.Start(model, photo_options.settings(options))
        with ray_job.hired(options.address, options.workers, places_of_job, start, _complain) as crew:
            _count(counts, crew, jobs, failed)
        if crew.n_deaths:
            _complain(f"workers that died: {crew.n_deaths}; others took over their photos")
            target = places_of_job[1]
            for name, _ in target.walk():
                target.clean(name)
    jobs.take(1)  # raises the exception that stopped the listing, if any
    return counts


def _count(counts, crew, jobs, failed):
    start = saved = time.monotonic()
    with progress.of_archive(jobs) as report:
        for item, outcome in crew.outcomes(jobs):
            if outcome.reason is not None:
                failed.add(item.source, outcome.reason.replace("`max_pixels`", "--max-pixels"))
                counts.n_failed += 1  # `failed` also counts photos that are not in the plan
            else:
                counts.n_done += 1
                counts.n_skipped += outcome.is_skipped
                counts.n_had_color += outcome.has_color and not outcome.is_skipped
            report(counts.n_done + counts.n_failed)
            if time.monotonic() - saved > _SAVE_EVERY:
                saved = time.monotonic()
                failed.try_to_save()  # if that is impossible now, the failure is reported at the end
    counts.seconds = time.monotonic() - start


def _summarize(counts, jobs, failed):
    if jobs.n_finished:
        print(f"{jobs.n_finished} photos were already done; --overwrite does them again")
    duration = progress.duration(counts.seconds)
    print(f"{counts.n_done} photos in {duration}, {counts.n_done / max(counts.seconds, 1e-9):.1f} photos/s")
    if counts.n_skipped:
        print(f"{counts.n_skipped} of them already have color and were left unchanged")
    if counts.n_had_color:
        _complain(f"{counts.n_had_color} photos {photo_options.HAS_COLOR}")
    if failed.count:
        _complain(f"{failed.count} photos failed: {failed.path}")


def _complain(text):
    parsing.complain("tf-colorize cluster", text)
