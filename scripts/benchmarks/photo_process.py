"""One process of `benchmark.py colorize`: from its start to the last photo, as JSON on the last line."""

import argparse
import json
import os
import pathlib
import resource
import sys
import time

SECONDS_PER_SIZE = 1.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", help="function of photo_runtimes")
    parser.add_argument("--model", help="path")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--started", type=float, help="clock time in seconds when this process was requested")
    parser.add_argument("--product", help="TFLite file that multiplies matrices in int8")
    parser.add_argument("--photos", nargs="+", help="JPEG files, the smallest first")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print(json.dumps(_measured(arguments)))


def _measured(arguments):
    from benchmarks import photo_runtimes

    load = getattr(photo_runtimes, arguments.runtime)(arguments.threads)
    imported = time.time() - arguments.started
    loaded = load(arguments.model, arguments.product)
    ready = time.time() - arguments.started
    photos = [pathlib.Path(photo).read_bytes() for photo in arguments.photos]
    loaded.colorize(photos[0])
    start = {"imported": imported, "loaded": ready, "first": time.time() - arguments.started}
    memory = [_peak_memory()]
    loaded.settle()

    from benchmarks import machine

    with machine.OtherProcesses() as others:
        seconds = []
        for photo in photos:
            seconds.append(machine.within(SECONDS_PER_SIZE, lambda photo=photo: loaded.colorize(photo)))
            memory.append(_peak_memory())
        network = machine.within(SECONDS_PER_SIZE, loaded.predict)
    # Last, because of its memory.
    rates = machine.rates(loaded.new_product(), machine.numpy_copy(arguments.threads), repeats=3)
    return {
        "start": start,
        "seconds": seconds,
        "network": network,
        "memory": memory,
        "others": others.share,
        **rates,
    }


def _peak_memory():
    """Returns the peak memory of the process in bytes, including interpreter, libraries and model."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():  # on Linux, ru_maxrss inherits the peak of the parent process
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
