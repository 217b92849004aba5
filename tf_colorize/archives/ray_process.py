"""The separate process that uses Ray: connects to a cluster or starts one, starts workers, and distributes photos.

Ray's native code ends its process when the cluster is lost, and writes to the standard streams. That is harmless here:
the command that started this process (`hiring`) continues and reports what happened. The two exchange pickled tuples
through standard input and output of this process, which ends when the command does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import ipaddress
import os
import pickle
import queue
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import tf_colorize
from tf_colorize import installation
from tf_colorize.albums import work
from tf_colorize.archives import buckets, crew, heads, places, plan, workers

OWN = "local"
"""The address that starts a cluster of this machine alone."""
HEAD, NODE = "the head of the cluster", "Ray on this machine"
_OBJECT_STORE = 100 << 20  # bytes of object store on this machine; only the model is stored in it
# Seconds without an answer until the job ends. Without its own node, Ray ends this process after about ten.
_SILENCE = {HEAD: 20.0, NODE: 4.0}
_FAREWELL = 10.0  # seconds for Ray to end after the command has ended
_COLOR_CODE = re.compile(r"\x1b\[[0-9;]*m")
_LOG_PREFIX = re.compile(r"[\d-]+ [\d:,]+\s+[A-Z]+ \S+ -- ")


@dataclasses.dataclass(frozen=True)
class Task:
    """The task of the process.

    Attributes:
        address: HOST:PORT of a cluster's head, or `OWN`.
        n_workers: Number of workers; None: one for each processor of the cluster.
        places_of_job: The places of the photos and of the results.
        start: Setup that each worker runs first.
    """

    address: str
    n_workers: int | None
    places_of_job: tuple[places.Folder | buckets.Bucket, places.Folder | buckets.Bucket]
    start: Callable[[], Callable[[work.Job], work.Outcome]]


def main() -> None:
    """Runs the task that arrives on standard input."""
    channel = _Channel()
    sys.stdout = sys.stderr = _FirstLines(lambda line: channel.send("told", f"Ray: {line}"))
    try:
        _work(channel, channel.receive())
    except EOFError:
        pass  # the command has ended
    except (ValueError, installation.MissingPackage) as error:
        channel.send("problem", str(error))
    except Exception:  # exceptions of many kinds, if the cluster is lost
        channel.send("fault", traceback.format_exc())


def _work(channel, task):
    with installation.explained():
        import ray
    ended = threading.Event()
    try:
        watched = _connect(ray, task.address)
        channel.send("connected", watched)
        threading.Thread(target=_watch, args=(watched, ended, channel), daemon=True).start()
        shared = ray.put(task.start)
        options: dict[str, Any] = {"num_cpus": 1, "max_restarts": 0, "max_concurrency": 2}
        actor = ray.remote(**options)(workers.Worker)

        def hire():
            return actor.remote(*task.places_of_job, shared, tf_colorize.__version__)

        size = task.n_workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        hired = crew.Crew(hire, size, lambda line: channel.send("told", line))
        for item, outcome in hired.outcomes(_Jobs(channel)):
            channel.send("outcome", item, outcome)
        channel.send("finished", hired.n_deaths)
    finally:
        ended.set()
        ray.shutdown()


def _connect(ray, address):
    """Connects this process to the cluster; returns the addresses of the head and of this machine's own node."""
    if tuple(map(int, ray.__version__.split(".")[:2])) < heads.OLDEST_RAY:
        raise ValueError(
            f"Ray {ray.__version__} accepts jobs from anyone; run {installation.pip_install('cluster')} again"
        )
    options = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE} if address == OWN else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="WARNING", **options)
    except Exception as error:  # Ray raises exceptions of many kinds
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(f"no Ray cluster at {address}: {reason}") from error
    if address == OWN and not ipaddress.ip_address(ray.util.get_node_ip_address()).is_loopback:
        raise ValueError("Ray was stopped, because it accepted connections from other machines")
    context = ray.get_runtime_context()
    node = next(node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
    return {HEAD: context.gcs_address, NODE: f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"}


def _watch(watched, ended, channel):
    """Ends the process when the cluster is lost; Ray would do so later, or never."""
    heard = dict.fromkeys(watched, time.monotonic())
    while not ended.wait(2):
        for name, address in watched.items():
            if heads.answers(address):
                heard[name] = time.monotonic()
        lost = [name for name, last in heard.items() if time.monotonic() - last > _SILENCE[name]]
        if lost and not ended.is_set():
            channel.send("lost", lost[0])
            os._exit(1)  # nothing else ends a thread that waits for Ray


class _Channel:
    """Standard input and output, reserved for messages; other text written to the standard streams is lost."""

    def __init__(self):
        self._reader = os.fdopen(os.dup(0), "rb")
        self._writer = os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        self._lock = threading.Lock()
        self._received = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                self._received.put((pickle.load(self._reader),))
        self._received.put(())
        time.sleep(_FAREWELL)
        os._exit(1)  # the command has ended, but Ray has not

    def receive(self):
        """Returns the next message; raises EOFError if the command has ended."""
        message = self._received.get()
        if not message:
            raise EOFError
        return message[0]

    def send(self, *message):
        with self._lock, contextlib.suppress(OSError):  # if the command has ended, there will be no next answer
            pickle.dump(message, self._writer)
            self._writer.flush()


class _Jobs:
    """The interface to the plan, which is in the process of the command."""

    def __init__(self, channel):
        self._channel = channel

    def _ask(self, *question):
        self._channel.send("asked", *question)
        return self._channel.receive()

    def take(self, count: int) -> list[plan.Item]:
        return self._ask("take", count)

    @property
    def is_complete(self) -> bool:
        return self._ask("is_complete")

    @property
    def n_left(self) -> int:
        return self._ask("n_left")


class _FirstLines(io.TextIOBase):
    """A stream that reports the first line of each message once. When a node dies, the other lines are twenty lines of
    its log.

    Args:
        tell: Called with a line.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._told = tell, set[str]()
        self._begun = threading.local()

    def fileno(self) -> int:
        return 2

    def write(self, text: str) -> int:
        begun = getattr(self._begun, "text", "") + text
        self._begun.text = "" if begun.endswith("\n") else begun
        if begun.endswith("\n"):
            line = _LOG_PREFIX.sub("", _COLOR_CODE.sub("", begun).strip().partition("\n")[0].strip(), count=1)
            if line and line not in self._told:
                self._told.add(line)
                self._tell(line)
        return len(text)
