"""Runs commands without startup time: a process imports their modules, and each command runs in a fork of it.

Nothing of TensorFlow runs in that process before it forks; a new process for each command would spend several seconds
on imports.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

from trials import trial as trials

_HERE = pathlib.Path(__file__).resolve()


@dataclasses.dataclass(frozen=True)
class Done:
    """The result of a command: its exit code (negative for a signal), output and duration."""

    code: int
    out: str
    errors: str
    seconds: float


class Forks:
    """Runs commands in forks of one process. What a command imports, the process imports before the next one.

    Args:
        modules: Modules to import first.
        environment: Variables in addition to this process's own.
    """

    def __init__(self, modules: list[str], environment: dict[str, str] | None = None) -> None:
        paths = [str(_HERE.parents[1]), str(_HERE.parents[2] / "tests" / "helpers"), os.environ.get("PYTHONPATH", "")]
        # A process that forks may have no other threads.
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
        self._folder = tempfile.TemporaryDirectory(prefix="trials-forks-")
        self._waiting = b""
        self._command = [sys.executable, str(_HERE.with_name("fork_process.py"))]
        self._environment = {**os.environ, **quiet, **(environment or {})}
        self._process = subprocess.Popen(
            [*self._command, *modules],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        if self._read() != "ready":
            raise trials.Impossible("the process that commands run in does not start; see the messages above")

    def run(
        self,
        run: str,
        arguments: list[str],
        *,
        kill_after: float | None = None,
        limit: float = 900.0,
        from_start: bool = False,
    ) -> Done:
        """Runs a command to its end.

        Args:
            run: Function that takes the arguments and returns the exit code: of `trials.scenarios`, or with its module.
            kill_after: Seconds after which it gets SIGKILL, with its child processes.
            limit: Seconds after which it counts as hanging; more on a machine with more processes than cores.
            from_start: Whether it is a new process instead of a fork.

        Raises:
            trials.Fault: it hangs.
        """
        out, errors, modules = (pathlib.Path(self._folder.name, name) for name in ("out", "errors", "modules"))
        files = {"out": str(out), "errors": str(errors), "modules": str(modules)}
        for path in (out, errors):
            path.unlink(missing_ok=True)
        start = time.monotonic()
        running = (_New if from_start else _Fork)(self, {"run": run, "arguments": arguments, **files})
        seconds = limit if kill_after is None else kill_after
        while not running.is_over(max(0.0, start + seconds - time.monotonic())):
            if kill_after is None and seconds < limit * trials.patience():
                seconds = limit * trials.patience()
                continue
            for kill in (os.killpg, os.kill):  # it gets its own process group only after a moment
                with contextlib.suppress(ProcessLookupError):
                    kill(running.pid, signal.SIGKILL)
            if kill_after is None:
                running.code()
                raise trials.Fault(f"no end after {seconds:.0f} s:\n{_text(errors)}")
            seconds += 60
        return Done(running.code(), _text(out), _text(errors), time.monotonic() - start)

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def _read(self):
        """Returns the next line of the process, or an empty one after its end."""
        while b"\n" not in self._waiting:
            more = os.read(self._process.stdout.fileno(), 100)
            if not more:
                return ""
            self._waiting += more
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line.decode()


class _Fork:
    def __init__(self, forks, request):
        self._forks = forks
        forks._process.stdin.write(json.dumps(request).encode() + b"\n")
        self.pid = int(forks._read())

    def is_over(self, seconds):
        forks = self._forks
        return b"\n" in forks._waiting or bool(select.select([forks._process.stdout], [], [], seconds)[0])

    def code(self):
        return int(self._forks._read())


class _New:
    def __init__(self, forks, request):
        self._process = subprocess.Popen([*forks._command, "--once", json.dumps(request)], env=forks._environment)
        self.pid = self._process.pid

    def is_over(self, seconds):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def code(self):
        return self._process.wait()


def _text(path):
    """Returns the output of a command, which may have been killed before it could open the file."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
