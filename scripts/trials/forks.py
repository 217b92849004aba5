"""Runs commands without startup time: a process imports their modules, and each command runs in a fork of it."""

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
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join(paths)}
        self._folder = tempfile.TemporaryDirectory(prefix="trials-forks-")
        self._waiting = b""
        self._process = subprocess.Popen(
            [sys.executable, str(_HERE.with_name("fork_process.py")), *modules],
            env={**os.environ, **quiet, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        if self._read() != "ready":
            raise trials.Impossible("the process that commands run in does not start; see the messages above")

    def run(self, run: str, arguments: list[str], *, kill_after: float | None = None, limit: float = 900.0) -> Done:
        """Runs a command to its end.

        Args:
            run: Function that takes the arguments and returns the exit code: of `trials.scenarios`, or with its module.
            kill_after: Seconds after which it gets SIGKILL, with its child processes.
            limit: Seconds after which it counts as hanging.

        Raises:
            trials.Fault: it hangs.
        """
        out, errors, modules = (pathlib.Path(self._folder.name, name) for name in ("out", "errors", "modules"))
        files = {"out": str(out), "errors": str(errors), "modules": str(modules)}
        self._write({"run": run, "arguments": arguments, **files})
        start, pid = time.monotonic(), int(self._read())
        deadline = start + (limit if kill_after is None else kill_after)
        while not self._is_over(max(0.0, deadline - time.monotonic())):
            for kill in (os.killpg, os.kill):  # it gets its own process group only after a moment
                with contextlib.suppress(ProcessLookupError):
                    kill(pid, signal.SIGKILL)
            if kill_after is None:
                self._read()
                raise trials.Fault(
                    f"no end after {limit:.0f} s:\n{errors.read_text(encoding='utf-8', errors='replace')}"
                )
            deadline = time.monotonic() + 60
        code = int(self._read())
        texts = [path.read_text(errors="replace") for path in (out, errors)]
        return Done(code, *texts, time.monotonic() - start)

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def _is_over(self, seconds):
        return b"\n" in self._waiting or bool(select.select([self._process.stdout], [], [], seconds)[0])

    def _read(self):
        """Returns the next line of the process, or an empty one after its end."""
        while b"\n" not in self._waiting:
            more = os.read(self._process.stdout.fileno(), 100)
            if not more:
                return ""
            self._waiting += more
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line.decode()

    def _write(self, request):
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
