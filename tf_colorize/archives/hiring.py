"""Runs workers on a Ray cluster through a separate process, so that the command outlives the cluster."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
from collections.abc import Callable, Iterator

from tf_colorize import child_processes
from tf_colorize.albums import work
from tf_colorize.archives import heads, plan, ray_process

_PATIENCE = 20.0  # seconds for the process to exit by itself
_AGAIN = "the same command continues from here"
_MAIN = "from tf_colorize.archives import ray_process\nray_process.main()"


class ClusterLost(ValueError):
    """The cluster is lost; the message is one line. Unfinished photos are unchanged."""


class Hired:
    """Workers on a cluster while this context is open.

    Args:
        task: The cluster, the number of workers, and their work.
        environment: Variables added to the environment of the process that uses Ray.
        tell: Called with a line to show.

    Attributes:
        n_deaths: Number of workers that died; known at the end.

    Raises:
        ClusterLost: Ray ended its process.
        ValueError: the cluster cannot be used.
    """

    def __init__(self, task: ray_process.Task, environment: dict[str, str], tell: Callable[[str], None]) -> None:
        self.n_deaths = 0
        self._tell, self._task, self._watched = tell, task, dict[str, str]()
        self._process = subprocess.Popen(
            heads.python(_MAIN),
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **child_processes.apart(),  # Ctrl-C on a terminal must reach only the command
        )
        try:
            self._send(task)
            _, self._watched = self._receive()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Hired:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def outcomes(self, jobs: plan.Plan) -> Iterator[tuple[plan.Item, work.Outcome]]:
        """Processes all photos of a plan and yields them as they finish.

        Raises:
            ClusterLost: the cluster is lost.
            ValueError: no worker can start, or the photos cannot be listed.
        """
        while True:
            kind, *details = self._receive()
            if kind == "outcome":
                yield details[0], details[1]
            elif kind == "asked":
                name, *arguments = details
                self._send(jobs.take(*arguments) if name == "take" else getattr(jobs, name))
            else:
                (self.n_deaths,) = details
                return

    def close(self) -> None:
        """Ends the workers, and the cluster if it was started for this job."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()  # which the process detects
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message):
        with contextlib.suppress(OSError):  # it has ended, so no further message comes
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()

    def _receive(self):
        """Returns the next message that is not a notice."""
        while True:
            try:
                kind, *details = pickle.load(self._process.stdout)
            except (EOFError, OSError, pickle.UnpicklingError):
                raise ClusterLost(self._why_lost()) from None
            if kind == "told":
                self._tell(*details)
            elif kind == "problem":
                raise ValueError(*details)
            elif kind == "lost":
                raise ClusterLost(self._lost(*details))
            elif kind == "fault":
                if gone := self._gone():
                    raise ClusterLost(self._lost(gone))
                raise RuntimeError(*details)
            else:
                return kind, *details

    def _why_lost(self):
        """Returns a one-line message about the end of the process, which did not send one."""
        gone = self._gone()
        if gone:
            return self._lost(gone)
        if self._watched:
            return f"the process that uses Ray has ended ({self._ending()}); {_AGAIN}"
        return f"no Ray cluster at {self._task.address}: Ray ended while it connected ({self._ending()})"

    def _lost(self, what):
        is_own = self._task.address == ray_process.OWN
        return f"{what} is lost; {_AGAIN}" if is_own else f"{what} is lost; start the cluster, and {_AGAIN}"

    def _gone(self):
        """Returns which part of the cluster no longer answers, or None."""
        return next((name for name, address in self._watched.items() if not heads.answers(address)), None)

    def _ending(self):
        try:
            code = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            return "without a message"
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
