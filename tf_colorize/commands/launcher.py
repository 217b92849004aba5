"""Starts several processes of one command on this machine, which train together like workers of a cluster."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence

from tf_colorize import child_processes

_PATIENCE = 60.0  # seconds for the others to exit by themselves, with their own messages
_OPTION = "--workers"

FOLLOWED = 3
"""Exit code of a process that stops only because the others did."""


def run(arguments: Sequence[str], workers: int) -> int:
    """Starts n processes of a script, waits for them, and returns the exit code: 0 if all succeeded. Each process finds
    the others through `TF_CONFIG`, on free ports of the loopback interface, and gets an equal share of the processors.
    The output of the first process is shown. Of the others, only the standard error of the first to fail is shown,
    unless it failed because another did. Ctrl-C, SIGTERM and SIGHUP go to all.

    Args:
        arguments: the script and its arguments, including "--workers".
        workers: number of processes.

    Raises:
        ValueError: `workers` is under 1, `TF_CONFIG` is already set, or the machine has GPUs.
    """
    if workers < 1:
        raise ValueError(f"`{_OPTION}` must be at least 1. Received: {workers}")
    if os.environ.get("TF_CONFIG"):
        raise ValueError(f"`{_OPTION}` starts its own cluster: unset TF_CONFIG, or omit {_OPTION}.")
    if os.environ.get("CUDA_VISIBLE_DEVICES") != "" and any(pathlib.Path("/proc/driver/nvidia/gpus").glob("*")):
        raise ValueError(
            f"`{_OPTION}` divides processors, not GPUs: without it, all GPUs are used. To train on the processors, set "
            "CUDA_VISIBLE_DEVICES to an empty string."
        )
    command = [sys.executable, *_without_option(arguments)]
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    processes = [_started(command, addresses, index) for index in range(workers)]
    with _forwarded(processes):
        first = _first_to_fail(processes)
    if first == 0 and processes[0].returncode < 0:  # other failures are reported by the first process
        name = signal.Signals(-processes[0].returncode).name
        print(
            f"worker 0 of {workers} was ended by {name}, so all workers have stopped. Start all of them again with "
            "--resume.",
            file=sys.stderr,
        )
    return 0 if first is None else 1


def _without_option(arguments):
    kept, skip = [], False
    for argument in arguments:
        if skip or argument.startswith(f"{_OPTION}="):
            skip = False
        elif argument == _OPTION:
            skip = True
        else:
            kept.append(argument)
    return kept


def free_ports(count: int) -> list[int]:
    """Returns n free ports of the loopback interface."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def tf_config(addresses: Sequence[str], index: int) -> str:
    """Returns the `TF_CONFIG` of one of the workers at these addresses."""
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": index}})


def _started(command, addresses, index):
    environment = dict(os.environ)
    if len(addresses) > 1:
        environment["TF_CONFIG"] = tf_config(addresses, index)
    hidden = {} if index == 0 else {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    # Apart, because Ctrl-C on a terminal would otherwise reach each process twice.
    options = {**hidden, **child_processes.apart()}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, **options)
    _bind(process.pid, index, len(addresses))
    return process


def _bind(pid, index, count):
    """Gives a process its share of the processors, if the system supports that and there are enough."""
    if hasattr(os, "sched_setaffinity"):
        processors = sorted(os.sched_getaffinity(0))
        if len(processors) >= count:
            # Immediately, before the process counts its processors.
            with contextlib.suppress(ProcessLookupError):
                begin, end = (len(processors) * place // count for place in (index, index + 1))
                os.sched_setaffinity(pid, processors[begin:end])


@contextlib.contextmanager
def _forwarded(processes) -> Iterator[None]:
    def forward(number, frame):
        for process in processes:
            child_processes.ask_to_stop(process, number)

    previous = {number: signal.signal(number, forward) for number in child_processes.stopping_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _first_to_fail(processes):
    """Waits for all processes and returns the number of the first that failed, or None."""
    written = {}
    readers = []
    for index, process in enumerate(processes):
        if process.stderr is not None:

            def read(index=index, process=process):
                written[index] = process.stderr.read()

            readers.append(threading.Thread(target=read))
            readers[-1].start()
    first, deadline = None, None
    running = True
    while running:
        time.sleep(0.1)
        running = None in [process.poll() for process in processes]
        failed = [index for index, process in enumerate(processes) if process.returncode]
        if failed and first is None:
            first, deadline = failed[0], time.monotonic() + _PATIENCE
        if deadline is not None and time.monotonic() > deadline:
            for process in processes:
                process.kill()
    for reader in readers:
        reader.join()
    if first is not None and processes[first].returncode > 0 and processes[first].returncode != FOLLOWED:
        for line in written.get(first, "").splitlines():
            print(f"worker {first}: {line}", file=sys.stderr)
    return first
