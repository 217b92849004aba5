"""Describes this machine and measures its peak rates, to which other figures are related."""

import concurrent.futures
import os
import pathlib
import platform
import time

from tf_colorize import processors

MATRIX_SIZE = 2048
COPIED_BYTES = 2**28


def in_words():
    """Returns the processor, its number of cores and the memory, as one line."""
    model = platform.processor() or platform.machine()
    information = pathlib.Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
        flags = next((line.split(":")[1].split() for line in lines if line.startswith("flags")), [])
        known = {"amx_bf16": "AMX", "avx512f": "AVX-512", "avx2": "AVX2"}
        units = [name for flag, name in known.items() if flag in flags][:2]
        model = f"{model} ({', '.join(units)})" if units else model
    cores = processors.usable()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {cores} cores, {memory:.0f} GB memory, {platform.system()}"


def rates(multiply, copy, repeats=10):
    """Returns the best GFLOP/s and GB/s (read and written) of two functions from a framework.

    Args:
        multiply: function that multiplies two square matrices of `MATRIX_SIZE`.
        copy: function that copies `COPIED_BYTES`.
    """
    product, copied = min(seconds(multiply, repeats)), min(seconds(copy, repeats))
    return {"gflops": 2 * MATRIX_SIZE**3 / product / 1e9, "gbytes": 2 * COPIED_BYTES / copied / 1e9}


def seconds(function, repeats, warm_up=2):
    """Returns the time of each call after some warm-up calls."""
    for _ in range(warm_up):
        function()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return taken


def within(budget, function):
    """Returns the times of 2 to 50 calls, as many as fit into `budget` seconds, after a warm-up call."""
    first = seconds(function, 1, warm_up=0)[0]
    return seconds(function, min(50, max(2, int(budget / first))), warm_up=0)


def numpy_copy(threads):
    """Returns a function that copies `COPIED_BYTES`, each thread copying its part."""
    import numpy as np

    source, target = np.ones((2, threads, COPIED_BYTES // 4 // threads), np.float32)
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    return lambda: list(pool.map(np.copyto, target, source))


class OtherProcesses:
    """A context that measures the `share` of processor time used by other processes.

    It is None if the system does not report it (Linux does).
    """

    def __enter__(self):
        self.share, self._before = None, self._read()
        return self

    def __exit__(self, *_):
        if self._before:
            all_time, busy, own = (after - before for after, before in zip(self._read(), self._before))
            self.share = max(0.0, (busy - own) / all_time)

    def _read(self):
        statistics = pathlib.Path("/proc/stat")
        if not statistics.exists():
            return None
        user, nice, system, idle, waiting, *rest = map(
            int, statistics.read_text(encoding="utf-8").split("\n")[0].split()[1:9]
        )
        ticks, own = os.sysconf("SC_CLK_TCK"), os.times()
        busy = user + nice + system + sum(rest)
        return (busy + idle + waiting) / ticks, busy / ticks, own.user + own.system
