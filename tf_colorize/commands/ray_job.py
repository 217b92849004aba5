"""A job on a Ray cluster: joins one or starts one on this machine, hires workers, and ends when the head is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import ipaddress
import os
import re
import sys
import threading
import time
import typing
from collections.abc import Callable, Iterator
from typing import Any

import tf_colorize
from tf_colorize import installation
from tf_colorize.commands import quiet

# No heavy imports up here: `tf-colorize cluster --help` must answer at once.

if typing.TYPE_CHECKING:
    from tf_colorize.albums import work
    from tf_colorize.archives import crew, packed, places

_OBJECT_STORE = 100 << 20  # bytes, of a cluster on this machine; only the model goes through it
# Seconds without an answer until the job ends. Ray ends this process about ten seconds after its own node.
_SILENCE = {"the head of the cluster": 20.0, "Ray on this machine": 4.0}
_COLOR_CODE = re.compile(r"\x1b\[[0-9;]*m")


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
        path, settings = self.model.unpack(), self.settings  # the function must not hold the bytes of the model
        try:
            with installation.explained():
                colorize = colorizer.Colorizer.load(path, threads=1)
        except (ValueError, installation.MissingPackage) as error:
            raise ValueError(str(error).replace(path, self.model.name)) from error
        return crowd.within_memory(lambda job: work.colorize_file(colorize, job, settings))


@contextlib.contextmanager
def hired(
    address: str | None,
    n_workers: int | None,
    places_of_job: tuple[places.Folder | places.Bucket, places.Folder | places.Bucket],
    start: Start,
    tell: Callable[[str], None],
    save: Callable[[], object],
) -> Iterator[crew.Crew]:
    """Connects to a cluster, or starts one for this job, and gives workers on it; they end with the job.

    Args:
        address: HOST:PORT, "auto" for the cluster that this machine belongs to, or None for what RAY_ADDRESS says,
            otherwise a cluster of this machine alone.
        n_workers: How many; None takes one for each processor of the cluster.
        places_of_job: Where the photos are, and where the results go.
        start: What each worker does first.
        tell: Called with a line for people.
        save: Called before the process ends because the cluster's head is lost.

    Raises:
        ValueError: the cluster cannot be used.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    with contextlib.ExitStack() as stack:
        stack.enter_context(_environment_kept())
        stack.enter_context(quiet.native_log())  # Ray's warnings come from its Python code
        with installation.explained():
            watched = _connect(address, tell)
            import ray
        from tf_colorize.archives import crew, workers

        stack.callback(ray.shutdown)
        shared = ray.put(start)
        options: dict[str, Any] = {"num_cpus": 1, "max_restarts": 0, "max_concurrency": 2}
        actor = ray.remote(**options)(workers.Worker)

        def hire():
            return actor.remote(*places_of_job, shared, tf_colorize.__version__)

        ended = threading.Event()
        stack.callback(ended.set)
        threading.Thread(target=_watch, args=(watched, ended, tell, save), daemon=True).start()
        stack.enter_context(contextlib.redirect_stdout(_WithoutDumps(sys.stdout, tell)))
        yield crew.Crew(hire, n_workers or max(1, int(ray.cluster_resources().get("CPU", 1))), tell)


def _connect(address, tell):
    """Makes this process one of the cluster; returns the addresses of the head and of this machine's own node."""
    from tf_colorize.archives import heads

    options: dict[str, Any] = {}
    if address == "local":
        environment = _environment_of_own()
        options = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE}
    else:
        head = heads.find(address)
        address, environment = head.address, {heads.MODE: "token" if head.wants_token else "disabled"}
        if not head.wants_token:
            tell(f"warning: whoever reaches the cluster at {address} can run programs on it; start it with tokens")
    os.environ.update(environment)  # before the import, which reads it
    import ray

    if tuple(map(int, ray.__version__.split(".")[:2])) < heads.OLDEST_RAY:
        raise ValueError(
            f"Ray {ray.__version__} takes jobs from anyone; run {installation.pip_install('cluster')} again"
        )
    try:
        ray.init(address=address, log_to_driver=False, logging_level="WARNING", **options)
    except Exception as error:  # Ray raises nearly anything
        raise ValueError(f"no Ray cluster at {address}: {_first_line(error)}") from error
    if options and not ipaddress.ip_address(ray.util.get_node_ip_address()).is_loopback:
        ray.shutdown()
        raise ValueError("Ray listens to other machines, too, and so was stopped: it must be imported only by this job")
    context = ray.get_runtime_context()
    node = next(node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
    return {
        "the head of the cluster": context.gcs_address,
        "Ray on this machine": f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}",
    }


@contextlib.contextmanager
def _environment_kept():
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@functools.cache
def _environment_of_own():
    from tf_colorize.archives import heads

    return heads.environment_of_own()  # once: Ray keeps a process's first token


def _watch(watched, ended, tell, save):
    """Ends the process when the cluster is lost: Ray would do it later, without a word from us."""
    from tf_colorize.archives import heads

    heard = dict.fromkeys(watched, time.monotonic())
    while not ended.wait(2):
        for name, address in watched.items():
            if heads.answers(address):
                heard[name] = time.monotonic()
        lost = [name for name, last in heard.items() if time.monotonic() - last > _SILENCE[name]]
        if lost and not ended.is_set():
            save()
            if sys.stderr is not None and sys.stderr.isatty():
                print("\033[?25h", file=sys.stderr)  # the bar has hidden the cursor
            tell(f"{lost[0]} is gone; start the cluster, and the same command goes on from here")
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            os._exit(1)  # nothing else ends a thread that waits for Ray


class _WithoutDumps:
    """Standard output; of what Ray's own threads print there, people are told the first line of each message once.

    When a node dies, the rest are twenty lines of its log.
    """

    def __init__(self, stream, tell):
        self._stream, self._tell, self._told = stream, tell, set()

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes what is not Ray's."""
        if not threading.current_thread().name.startswith("ray_"):
            return self._stream.write(text)
        line = _COLOR_CODE.sub("", text).strip().partition("\n")[0].strip()
        if line and line not in self._told:
            self._told.add(line)
            self._tell(f"Ray: {line}")
        return len(text)


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
