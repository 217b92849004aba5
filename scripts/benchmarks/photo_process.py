"""One process of `benchmark.py colorize`: from its start to the last photo, as JSON on the last line."""

import argparse
import json
import os
import pathlib
import time

from benchmarks import memory

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
    peaks = [memory.peak()]
    loaded.settle()

    from benchmarks import machine

    with machine.OtherProcesses() as others:
        seconds = []
        for photo in photos:
            seconds.append(machine.within(SECONDS_PER_SIZE, lambda photo=photo: loaded.colorize(photo)))
            peaks.append(memory.peak())
        network = machine.within(SECONDS_PER_SIZE, loaded.predict)
    # Last, because of its memory.
    rates = machine.rates(loaded.new_product(), machine.numpy_copy(arguments.threads), repeats=3)
    return {
        "start": start,
        "seconds": seconds,
        "network": network,
        "memory": peaks,
        "others": others.share,
        **rates,
    }


if __name__ == "__main__":
    main()
