"""The workers described by `TF_CONFIG`: their addresses, and detection of lost ones."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

_FORM = '{"cluster": {"worker": ["host1:port", "host2:port"]}, "task": {"type": "worker", "index": 0}}'
_SECONDS_BETWEEN_CHECKS = 2.0
_PATIENCE = 5.0  # seconds: a busy machine may miss a check or two


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a training run, each a process.

    Attributes:
        addresses: list of str, "host:port" of each worker; the first is the chief.
        index: int, the number of this process.
    """

    addresses: list[str]
    index: int

    def gone(self) -> list[int]:
        """Returns the numbers of the other workers that accept no connection, usually because they have ended."""
        return self._without_answer(range(len(self.addresses)))

    def _without_answer(self, numbers):
        return [number for number in numbers if number != self.index and not _answers(self.addresses[number])]

    def lost(self, numbers: list[int]) -> str:
        """Returns a line that names lost workers."""
        names = ", ".join(f"{number} ({self.addresses[number]})" for number in numbers)
        return f"worker {names} of {len(self.addresses)} is gone, so this one stops, too. Start all again and resume."

    @contextlib.contextmanager
    def watched(self, lost: Callable[[str], None]) -> Iterator[None]:
        """Calls a function in a separate thread if another worker is lost inside a `with` block.

        TensorFlow itself detects broken connections, but waits for a worker whose machine lost power or network. The
        chief watches all others, and they watch the chief.

        Args:
            lost: function of one str, the message. It should end the process, because the main thread may wait for the
                other worker forever.
        """
        done = threading.Event()

        def watch():
            missing_since: dict[int, float] = {}
            numbers = [0] if self.index else range(len(self.addresses))
            while not done.wait(_SECONDS_BETWEEN_CHECKS):
                now = time.monotonic()
                missing_since = {number: missing_since.get(number, now) for number in self._without_answer(numbers)}
                gone = [number for number, since in missing_since.items() if now - since > _PATIENCE]
                if gone and not done.is_set():
                    lost(self.lost(gone))
                    return

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield
        finally:
            done.set()


def parse(text: str) -> Cluster | None:
    """Returns the cluster described by the value of `TF_CONFIG`, or None if it is empty.

    Raises:
        ValueError: the value is invalid; the message shows the correct form.
    """
    if not text:
        return None
    try:
        config = json.loads(text)
        jobs, task = config["cluster"], config["task"]
        kind, index = task["type"], int(task["index"])
        chiefs, workers = jobs.get("chief", []), jobs.get("worker", [])
        addresses = [*chiefs, *workers]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(f"{type(error).__name__}: {error}", text) from error
    unknown = sorted(set(jobs) - {"chief", "worker"})
    if unknown:
        raise _broken(f"unknown job {', '.join(unknown)}", text)
    if kind not in jobs or not 0 <= index < len(jobs[kind]):
        raise _broken(f"task {kind} {index} is not in the cluster", text)
    for address in addresses:
        if not isinstance(address, str) or not address.rpartition(":")[2].isdigit() or address.startswith(":"):
            raise _broken(f"{address!r} is not host:port", text)
    if len(set(addresses)) < len(addresses):
        raise _broken("an address occurs twice", text)
    return Cluster(addresses, index + (len(chiefs) if kind == "worker" else 0))


def _broken(reason, text):
    return ValueError(f"the environment variable TF_CONFIG must look like {_FORM} ({reason}). Received: {text}")


def _answers(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except OSError:
        return False
    return True
