"""`benchmark.py scale training`: compares two workers on one core each with one worker on one core.

All processes run throughout and alternate, so that other load on the machine affects both. With the default numbers, it
takes two minutes.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

from benchmarks import machine, tables
from tf_colorize import processors
from tf_colorize.commands import launcher

WORKERS, GIGABITS = (2, 8, 64), (10, 100)
FASTER = (1, 10, 100)  # factors on the speed of the measured core


def add_arguments(parser):
    parser.add_argument("--steps", type=int, default=6, help="training: steps per round")
    parser.add_argument("--pixels", type=int, default=192, help="training: side of the crops")
    parser.add_argument("--batch", type=int, default=16, help="training: photos per worker and step")
    parser.add_argument(
        "--precision", choices=("auto", "float32", "mixed_bfloat16"), default="auto", help="training: as for train.py"
    )


def run(arguments):
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2 or arguments.steps < 1 or arguments.batch < 1:
        raise ValueError("needs two cores, and `--steps` and `--batch` of at least 1")
    processors.prefer_onednn()  # for the child processes, as in scripts/train.py
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(_started(cores[:1], arguments))
        two = stack.enter_context(_started(cores, arguments))
        for team in (one, two):
            team.ask(f"steps {max(2, arguments.steps // 2)}")  # includes compilation
        two.ask("messages 3")
        seconds = {"one": [], "two": [], "messages": []}
        for turn in range(arguments.rounds):
            seconds["one"].append(one.ask(f"steps {arguments.steps}") / arguments.steps)
            seconds["two"].append(two.ask(f"steps {arguments.steps}") / arguments.steps)
            seconds["messages"].append(np.median(two.ask(f"messages {arguments.steps}")))
            print(
                f"round {turn + 1}/{arguments.rounds}", *(f"{v[-1]:.3f} s" for v in seconds.values()), file=sys.stderr
            )
        _show({name: np.array(values) for name, values in seconds.items()}, two.about, arguments)


class _Team:
    """Processes that train together."""

    def __init__(self, processes):
        self.processes = processes
        self.about = [self._answer(process) for process in processes][0]

    def ask(self, command):
        """Sends a command to all of them; returns the seconds of the slowest."""
        for process in self.processes:
            process.stdin.write(command + "\n")
            process.stdin.flush()
        return max((self._answer(process)["seconds"] for process in self.processes), key=np.median)

    def _answer(self, process):
        line = process.stdout.readline()
        if not line:
            raise ValueError("a worker failed, see above")
        return json.loads(line)


@contextlib.contextmanager
def _started(cores, arguments):
    path = os.pathsep.join(filter(None, [str(pathlib.Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    flags = ["--image-size", arguments.pixels, "--batch-size", arguments.batch * len(cores)]
    flags += ["--precision", arguments.precision]
    command = [sys.executable, "-m", "benchmarks.training_worker", *map(str, flags)]
    addresses = [f"127.0.0.1:{port}" for port in launcher.free_ports(len(cores))]
    processes = []
    try:
        for index, core in enumerate(cores):
            environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
            if len(cores) > 1:
                environment["TF_CONFIG"] = launcher.tf_config(addresses, index)
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
            os.sched_setaffinity(process.pid, {core})  # before it counts its processors
            processes.append(process)
        yield _Team(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _show(seconds, about, arguments):
    batch, sent = arguments.batch, sum(about["bytes"].values())
    ratio = 2 * seconds["one"] / seconds["two"]
    rows = [
        ["one worker", tables.spread(batch / seconds["one"]), "1", "0", "0"],
        [
            "two workers",
            tables.spread(2 * batch / seconds["two"]),
            tables.spread(ratio, "x"),
            f"{sent / 1e6:.1f} MB",
            tables.spread(1000 * seconds["messages"], " ms"),
        ],
    ]
    parts = ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in about["bytes"].items())
    notes = (
        f"Stage 2 of the shipped network in {about['precision']}, {batch} photos of {arguments.pixels} pixels per "
        f"worker and step, each on its own core, {arguments.rounds} rounds of {arguments.steps} steps, median "
        f"(least-greatest). A step sends float32: {parts}. The communication time was measured alone, without a step. "
        f"Load average {os.getloadavg()[0]:.1f}. {machine.in_words()}."
    )
    headings = ["setup", "photos/s", "relative to one worker", "sent per step", "communication time"]
    tables.show(headings, rows, notes, arguments.markdown)
    _show_paper(float(np.median(seconds["one"])), sent, batch, arguments.markdown)


def _show_paper(step, sent, batch, markdown):
    """Extrapolates by the formula of the ring all-reduce, if communication and computation do not overlap."""
    rows = []
    for faster in FASTER:
        for workers in WORKERS:
            row = [f"{workers}", f"{batch * faster / step:.1f}"]
            for gigabits in GIGABITS:
                message = ring_seconds(sent, workers, gigabits)
                rate = workers * batch / (step / faster + message)
                row.append(f"{rate:,.0f}, {rate * step / faster / batch / workers:.0%} ({1000 * message:.0f} ms)")
            rows.append(row)
    headings = ["workers", "photos/s of one worker", *(f"photos/s at {speed} Gbit/s" for speed in GIGABITS)]
    notes = (
        "Calculated: photos per second of all workers, the share of the rate without communication, and the "
        "communication time per step: 2 (n - 1) / n times the bytes through each worker's connection (ring "
        "all-reduce, Patarasuk and Yuan 2009), not overlapping with computation, without latency. For a core as "
        f"measured, and for devices {' and '.join(map(str, FASTER[1:]))} times as fast."
    )
    tables.show(headings, rows, notes, markdown)


def ring_seconds(sent, workers, gigabits):
    """Returns the seconds of a ring all-reduce of n bytes, by bandwidth alone."""
    return 2 * (workers - 1) / workers * sent * 8 / (gigabits * 1e9)
