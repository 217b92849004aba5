"""The command `tf-colorize cluster`: colorizes the photos of a folder or bucket on a Ray cluster."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import sys
import threading
import time
import typing
from collections.abc import Callable, Sequence

import tf_colorize
from tf_colorize import installation
from tf_colorize.commands import parsing, photo_options, progress, quiet

# No heavy imports up here: `tf-colorize cluster --help` must answer at once.

if typing.TYPE_CHECKING:
    from tf_colorize.albums import work
    from tf_colorize.archives import packed

_EPILOG = """\
examples:
  tf-colorize cluster scans/ colored/                              all cores of this machine
  tf-colorize cluster scans/ colored/ --address auto               the Ray cluster that this machine belongs to
  tf-colorize cluster s3://archive/scans s3://archive/colored --address auto --workers 64

A folder must be mounted under the same path on all machines. Results that exist are skipped, so the same
command goes on after an interruption. Photos that fail are listed in OUT/failures.jsonl.
"""
_OBJECT_STORE = 100 << 20  # bytes, of a cluster on this machine; only the model goes through it
_REPORT_EVERY = 30.0  # seconds, where there is no terminal
_SAVE_EVERY = 60.0  # seconds
_SILENCE = 20.0  # seconds without an answer from the cluster's head, until the job ends


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code: 0, 1 if anything failed, 2 for wrong usage, 130 when stopped."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to Ray's makers
    try:
        with installation.explained():
            return _colorize(options)
    except (ValueError, installation.MissingPackage) as error:
        _complain(str(error))
        return 1
    except KeyboardInterrupt:
        _complain("stopped; run the same command again to continue")
        return 130


def _parser():
    parser = parsing.Parser(
        prog="tf-colorize cluster",
        description="Colorize the photos of a folder or bucket on a Ray cluster. The results are those of tf-colorize. "
        f"Needs {installation.pip_install('cluster')}",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("source", metavar="IN", help="folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX, with everything in it")
    add("target", metavar="OUT", help="folder or bucket for the results, under the photos' own names")
    add(
        "--address",
        help="auto: the Ray cluster that this machine belongs to; or HOST:PORT of its head (default: what RAY_ADDRESS "
        "says, otherwise Ray is started on this machine for this job)",
    )
    add(
        "--workers",
        type=parsing.number(1, 100_000, int),
        metavar="N",
        help="processes that color, one processor each (default: one per processor of the cluster)",
    )
    photo_options.add_to(parser)
    return parser


def _colorize(options):
    from tf_colorize.archives import failures, packed, places, plan
    from tf_colorize.inference import runtimes

    source, target = places.open_place(options.source), places.open_place(options.target)
    source.check()
    if plan.would_mix(source, target):
        raise ValueError(f"{options.target}: the photos would be overwritten; choose an OUT that IN does not lie in")
    model = packed.PackedModel.pack(options.model or str(runtimes.default_model()))
    rules = plan.Rules(f".{options.format}" if options.format else None, options.compare, options.overwrite)
    if options.dry_run:
        return _list(source, target, rules)
    failed = failures.Failures(source, target)
    with plan.Plan(plan.items(source, target, rules, failed.add)) as jobs:
        target.prepare()
        counts = _Counts()
        try:
            if jobs.has_work():
                start = Start(model, photo_options.settings(options))
                with _crew(options, source, target, start, failed.save) as crew:
                    counts = _work(crew, jobs, failed)
                if crew.n_deaths:
                    _complain(f"workers that died: {crew.n_deaths}; others did their photos")
                    for name, _ in target.walk():
                        target.clean(name)
            jobs.take(1)  # raises what stopped the listing, if something did
        except BaseException:  # also when it was stopped: what is known is kept
            failed.save()
            raise
        failed.finish()
    _summarize(counts, jobs, failed)
    if not jobs.n_found:
        _complain(f"{options.source}: no pictures in it")
    return 1 if failed.count or not jobs.n_found else 0


def _list(source, target, rules):
    """Says what would be done and which photos cannot have a result; returns the exit code."""
    from tf_colorize.archives import plan

    refused = []

    def refuse(photo, reason):
        refused.append(photo)
        _complain(f"{source.full_name(photo)}: {reason}")

    with plan.Plan(plan.items(source, target, rules, refuse)) as jobs:
        while batch := jobs.take(100) or not jobs.is_complete or jobs.n_left:
            for item in batch if isinstance(batch, list) else time.sleep(0.05) or ():
                print(f"{source.full_name(item.source)} -> {' and '.join(map(target.full_name, item.needed))}")
        jobs.take(1)  # raises what stopped the listing, if something did
        if not jobs.n_found and not refused:
            _complain(f"{source.full_name('')}: no pictures in it")
        return 1 if refused or not jobs.n_found else 0


@contextlib.contextmanager
def _crew(options, source, target, start, save):
    """Connects to the cluster, or starts one, and hires the workers."""
    import ray

    from tf_colorize.archives import crew, workers

    address = options.address or os.environ.get("RAY_ADDRESS") or "local"
    own = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE} if address == "local" else {}
    try:
        with quiet.startup():
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except Exception as error:  # Ray raises nearly anything
        raise ValueError(f"no Ray cluster at {address}: {_first_line(error)}") from error
    n_workers = options.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    shared, head = ray.put(start), ray.get_runtime_context().gcs_address
    actor = ray.remote(num_cpus=1, max_restarts=0, max_concurrency=2)(workers.Worker)

    def hire():
        return actor.remote(source, target, shared, tf_colorize.__version__)

    ended = threading.Event()
    threading.Thread(target=_watch, args=(head, ended, save), daemon=True).start()
    try:
        yield crew.Crew(hire, n_workers, _complain)
    finally:
        ray.shutdown()  # the workers end with the job
        ended.set()


def _watch(head, ended, save):
    """Ends the process when the cluster's head is lost: Ray would do it after a minute, without a word from us."""
    heard = time.monotonic()
    while not ended.wait(2):
        if _answers(head):
            heard = time.monotonic()
        elif time.monotonic() - heard > _SILENCE:
            with contextlib.suppress(OSError):
                save()
            if sys.stderr.isatty():
                print("\033[?25h", file=sys.stderr)  # the bar has hidden the cursor
            _complain("the head of the cluster is gone; start the cluster, and the same command goes on from here")
            sys.stdout.flush()
            os._exit(1)  # nothing else ends a thread that waits for Ray


def _answers(address):
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=2):
            return True
    except OSError:
        return False


@dataclasses.dataclass
class _Counts:
    n_done: int = 0
    n_had_color: int = 0
    n_skipped: int = 0
    seconds: float = 0.0


def _work(crew, jobs, failed):
    counts, start = _Counts(), time.monotonic()
    saved = start
    with _progress(jobs) as report:
        for item, outcome in crew.outcomes(jobs):
            if outcome.reason is not None:
                failed.add(item.source, outcome.reason)
            else:
                counts.n_done += 1
                counts.n_skipped += outcome.is_skipped
                counts.n_had_color += outcome.has_color and not outcome.is_skipped
            report(counts.n_done + failed.count)
            if time.monotonic() - saved > _SAVE_EVERY:
                saved = time.monotonic()
                failed.save()
    counts.seconds = time.monotonic() - start
    return counts


def _summarize(counts, jobs, failed):
    if jobs.n_finished:
        print(f"{jobs.n_finished} photos were already done; --overwrite does them again")
    duration = progress.duration(counts.seconds)
    print(f"{counts.n_done} photos in {duration}, {counts.n_done / max(counts.seconds, 1e-9):.1f} photos/s")
    if counts.n_skipped:
        print(f"{counts.n_skipped} of them already have color and were left as they are")
    if counts.n_had_color:
        _complain(f"{counts.n_had_color} photos {photo_options.HAS_COLOR}")
    if failed.count:
        _complain(f"{failed.count} photos failed: {failed.path}")


@contextlib.contextmanager
def _progress(jobs):
    """Gives a function to call with how many are done: a bar with the time left, or a line now and then."""
    if not sys.stderr.isatty():
        start = last = time.monotonic()

        def say(n_done):
            nonlocal last
            if time.monotonic() - last > _REPORT_EVERY:
                last = time.monotonic()
                rate = n_done / (last - start)
                total = jobs.n_found - jobs.n_finished
                left = f"{(total - n_done) / rate / 60:.0f} min left" if jobs.is_complete else "still listing"
                print(f"{n_done} of {total} photos, {rate:.1f} photos/s, {left}", flush=True)

        yield say
        return
    with progress.bar_with_time_left() as bar:
        task = bar.add_task("", total=None)
        yield lambda n_done: bar.update(task, completed=n_done, total=jobs.n_found - jobs.n_finished)


@dataclasses.dataclass(frozen=True)
class Start:
    """What each worker does first: it loads the model and makes the function that colors one photo."""

    model: packed.PackedModel
    settings: work.Options

    def __call__(self) -> Callable[[work.Job], work.Outcome]:
        from PIL import Image

        from tf_colorize.albums import crowd, work
        from tf_colorize.inference import colorizer

        Image.MAX_IMAGE_PIXELS = None  # `max_pixels` takes its place
        path = self.model.unpack()
        try:
            with installation.explained():
                colorize = colorizer.Colorizer.load(path, threads=1)
        except (ValueError, installation.MissingPackage) as error:
            raise ValueError(str(error).replace(path, self.model.name)) from error

        return crowd.within_memory(lambda job: work.colorize_file(colorize, job, self.settings))


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _complain(text):
    print(f"tf-colorize cluster: {text}", file=sys.stderr)
